"""Redis dies, forgets, refuses, lies, is slow or says nothing (F17 to F24): nothing is lost, and nothing comes twice."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.course import Course, eventually, lengths, now

pytestmark = pytest.mark.timeout(600)
slow, soak = pytest.mark.slow, pytest.mark.soak


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory, needs) -> Iterator[Course]:
    """A course over a Redis of its own that keeps nothing, and that is reached through a relay."""
    needs("redis-server")
    made = Course(tmp_path_factory.mktemp("redis"), relayed="redis").begin()
    yield made
    wrong = made.leave()
    made.close()
    assert wrong == []


@pytest.fixture
def weak(tmp_path, needs) -> Iterator:
    """`weak(protection)`: the same without one of the product's protections."""
    needs("redis-server")
    made: list[Course] = []

    def make(*without: str) -> Course:
        made.append(Course(tmp_path, relayed="redis", without=without))
        return made[0].begin()

    yield make
    made[0].close()


def key(course: Course, name: str) -> str:
    return f"{course.mark}:redbeat:{name}"


def everyone_is_there(course: Course) -> bool:
    return course.alive() == ["scheduler-1", "worker-1"]


@pytest.mark.parametrize("seconds", lengths(1, 10, 120))
def test_f17_a_redis_that_kept_nothing_is_killed(course, seconds, measured):
    """Its queue, its entries and the lock are gone with it; all comes from the ledger again."""
    course.kill("redis")
    course.pass_time(seconds)
    course.start_broker()
    measured("F17: a redis that kept nothing is killed", course.recovered(now()))
    assert course.judged() == []
    assert everyone_is_there(course)


@slow
def test_f18_everything_in_redis_is_deleted(course, measured):
    """FLUSHALL: entries, messages, the lock."""
    course.redis().flushall()
    measured("F18: everything in redis is deleted", course.recovered(now()))
    assert course.judged() == []
    assert course.redis().zcard(key(course, ":schedule")) == 2


@pytest.mark.parametrize("seconds", lengths(3, 30))
def test_f19_a_redis_without_memory_refuses_every_write(course, seconds, measured):
    """What is decided waits in the ledger; scheduler and worker live, and the log has the reason."""
    redis = course.redis()
    redis.config_set("maxmemory", 1)
    course.pass_time(seconds)
    eventually(lambda: "maxmemory" in course.said("scheduler-1"))
    redis.config_set("maxmemory", 0)
    measured("F19: a redis without memory refuses every write", course.recovered(now()))
    assert course.judged() == []
    assert everyone_is_there(course)


@slow
def test_f20_a_redis_that_evicts_is_named_and_costs_no_run(course, measured):
    """Whatever it threw away is written again; the doctor fails, and a scheduler that starts says what to set."""
    redis = course.redis()
    redis.config_set("maxmemory-policy", "allkeys-lru")
    redis.config_set("maxmemory", 1)
    course.pass_time(2)
    redis.config_set("maxmemory", 0)
    told = course.command("doctor")
    course.start("scheduler-2")
    eventually(lambda: "set maxmemory-policy noeviction" in course.said("scheduler-2"))
    redis.config_set("maxmemory-policy", "noeviction")
    measured("F20: a redis that evicts is named and costs no run", course.recovered(now()))
    assert course.judged() == []
    assert (told.returncode, "FAIL  broker" in told.stdout) == (1, True)
    course.kill("scheduler-2")


@pytest.mark.parametrize("times", lengths(4, 60))
def test_f21_all_connections_are_dropped_each_second(course, times, measured):
    """Also in the middle of a command, of an acknowledgement, of a message."""
    for _ in range(times):
        course.redis().client_kill_filter(_type="normal", skipme=True)
        course.pass_time(1)
    measured("F21: all connections are dropped each second", course.recovered(now()))
    assert course.judged() == []
    assert everyone_is_there(course)


@pytest.mark.parametrize("delay", lengths(0.5, 2, 5))
def test_f22_redis_answers_slowly(course, delay, measured):
    """Each answer comes late; work goes on, slowly or as soon as that is over."""
    course.tell(f"delay {delay}")
    course.pass_time(5 * delay)
    course.tell("pass")
    measured("F22: redis answers slowly", course.recovered(now()))
    assert course.judged() == []
    assert everyone_is_there(course)


@soak
def test_f22_connections_are_half_open(course, measured):
    """Nothing comes back, and nobody says that the connection has gone: it is given up and opened anew."""
    course.tell("swallow")
    course.pass_time(10)
    course.tell("pass")
    measured("F22: connections are half open", course.recovered(now()))
    assert course.judged() == []
    assert everyone_is_there(course)


ANSWERS = {
    "LOADING": "-LOADING Redis is loading the dataset in memory",
    "READONLY": "-READONLY You can't write against a read only replica.",
    "NOAUTH": "-NOAUTH Authentication required.",
    "WRONGPASS": "-WRONGPASS invalid username-password pair or user is disabled.",
    "MOVED": "-MOVED 3999 127.0.0.1:1",
    "MASTERDOWN": "-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
}


@pytest.mark.parametrize("word", ANSWERS)
@slow
def test_f23_redis_answers_every_command_with_an_error(course, word, measured):
    """During a fail-over, a restart, a change of the password: they wait, say so, and go on."""
    course.tell(f"say {ANSWERS[word]}")
    course.pass_time(1.5)
    course.tell("pass")
    measured("F23: redis answers every command with an error", course.recovered(now()))
    assert course.judged() == []
    assert everyone_is_there(course)


@pytest.mark.parametrize(
    ("word", "says"),
    [
        pytest.param("NOAUTH", "Authentication required", marks=slow),
        pytest.param("WRONGPASS", "invalid username", marks=soak),
    ],
)
def test_f23_a_user_reads_what_redis_said(course, word, says):
    """The doctor fails with it, and with what to look at; a run that is asked for is kept, and done later."""
    course.tell(f"say {ANSWERS[word]}")
    doctor, run = course.command("doctor"), course.command("run", "mark")
    course.tell("pass")

    assert doctor.returncode == 1
    assert any(
        "FAIL  broker" in line and says in line and "AUTOMATION_BROKER_URL" in line
        for line in doctor.stdout.splitlines()
    )
    assert (run.returncode, says in run.stderr) == (0, True)
    eventually(
        lambda: course.ask("SELECT COUNT(*) FROM automation_runs WHERE job = 'mark' AND state <> 'succeeded'") == 0
    )
    assert course.judged() == []


@slow
def test_f24_what_stands_in_redis_is_of_another_kind(course, measured):
    """The schedule, an entry, the lock: whatever is no longer what it was is written anew."""
    redis = course.redis()
    for name in (key(course, ":schedule"), key(course, "tick/main"), key(course, ":lock")):
        redis.delete(name)
        redis.rpush(name, "something else") if "lock" in name else redis.set(name, "something else")
    measured("F24: what stands in redis is of another kind", course.recovered(now()))
    assert course.judged() == []
    assert everyone_is_there(course)


@slow
def test_f24_entries_are_malformed_or_huge(course, measured):
    """Half a JSON, a megabyte, one of nobody: the others go on, and these are repaired or removed."""
    redis = course.redis()
    redis.hset(key(course, "tick/main"), "definition", '{"name": "tick/ma')
    redis.hset(key(course, "slow/main"), "definition", "x" * 1_000_000)
    redis.hset(key(course, "nobody/main"), "definition", "[]")
    redis.zadd(key(course, ":schedule"), {key(course, "nobody/main"): 1})
    measured("F24: entries are malformed or huge", course.recovered(now()))
    assert course.judged() == []
    eventually(lambda: b"automation" in redis.hget(key(course, "tick/main"), "definition"))
    eventually(lambda: len(redis.hget(key(course, "slow/main"), "definition")) < 10_000)


# --- the same without what protects from it -----------------------------------------------------------------------


@soak
def test_f17_without_ringing_again_runs_are_left_behind(weak):
    """The messages that died with Redis never come again, though later runs are done."""
    course = weak("ringing")
    course.kill("worker-1")
    published = "SELECT COUNT(*) FROM automation_runs WHERE job = 'slow' AND state = 'queued' AND queued_at < :then"
    eventually(lambda: course.ask(published + " AND published_at IS NOT NULL", then=now()) > 0)
    then = now()
    course.kill("redis")
    course.start_broker()
    course.start("worker-1")
    course.recovered(now())
    assert course.ask(published, then=then) > 0


@soak
def test_f18_without_repair_nothing_fires_any_more(weak):
    """RedBeat's entries are gone, and nobody knows."""
    course = weak("repair")
    course.redis().flushall()
    assert eventually(course.undecided)


@soak
def test_f19_to_f23_without_patience_the_scheduler_has_gone(weak):
    """One refusal is enough, as it is for Celery's beat."""
    course = weak("patience")
    course.tell(f"say {ANSWERS['LOADING']}")
    eventually(lambda: course.members["scheduler-1"].process.poll() is not None)
    course.tell("pass")
    assert eventually(course.undecided)
