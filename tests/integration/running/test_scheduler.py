"""What the scheduler promises while Redis forgets, lies or dies, and while other schedulers come and go."""

from __future__ import annotations

import os
import signal
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from redis import Redis

from automation.broker import endpoints

EVERY_SECOND = '[jobs.act]\nplugin = "act"\nevery = "1s"\n[jobs.other]\nplugin = "act"\nevery = "1s"\n'
SCHEDULE = "automation:redbeat::schedule"


@pytest.fixture
def ticking(stack) -> Any:
    """A broker, a scheduler and a worker over two jobs that fire each second."""
    stack.declare(EVERY_SECOND)
    stack.broker_process = stack.broker()
    stack.scheduler_process = stack.scheduler()
    stack.worker()
    return stack


def redis_of(stack) -> Redis:
    return Redis.from_url(endpoints(stack.services.settings).redis_url, decode_responses=True)


def succeeded(stack, job: str = "act") -> int:
    services = stack.services
    try:
        return len(services.ledger.queries.runs(job=job, state="succeeded", limit=1000))
    finally:
        services.close()


def await_more(stack, more: int = 2, job: str = "act") -> None:
    """More occurrences of the job are done than there are now."""
    before = succeeded(stack, job)
    stack.eventually(lambda: succeeded(stack, job) >= before + more)


def recorded(stack, job: str = "act") -> list[Any]:
    services = stack.services
    try:
        return sorted(services.ledger.queries.runs(job=job, limit=10_000), key=lambda run: run.nominal_time)
    finally:
        services.close()


def assert_complete(stack, job: str = "act") -> None:
    """Every second between the first and the last occurrence has exactly one run, and no effect happened twice."""
    runs = [run for run in recorded(stack, job) if run.schedule == "main"]
    times = [run.nominal_time for run in runs]
    assert times == [times[0] + timedelta(seconds=n) for n in range(len(times))]
    effects = Counter(line[0] for line in stack.effects())
    assert max(effects.values()) == 1


def test_each_occurrence_is_recorded_and_done_once(ticking):
    """Three firings in a row, none twice, none left out, with the window that each stands for."""
    await_more(ticking, 3)
    assert_complete(ticking)
    done = [run for run in recorded(ticking) if run.state == "succeeded"][-1]
    assert done.nominal_time - done.window_start == timedelta(seconds=1)
    assert done.kind == "scheduled"


def test_a_flushed_redis_is_rebuilt_from_the_ledger(ticking):
    """FLUSHALL costs nothing but a moment."""
    await_more(ticking)
    redis_of(ticking).flushall()
    await_more(ticking, 3)
    assert_complete(ticking)


def test_a_damaged_schedule_heals_and_the_others_go_on(ticking):
    """A broken entry, a foreign one, a value of the wrong type in place of the whole schedule: none stops the rest."""
    redis = redis_of(ticking)
    await_more(ticking)
    redis.hset("automation:redbeat:act/main", "definition", "{not json")
    redis.zadd(SCHEDULE, {"automation:redbeat:nobody/main": 1})
    await_more(ticking, 2, "other")
    redis.delete(SCHEDULE)
    redis.set(SCHEDULE, "a string")
    await_more(ticking, 2)
    ticking.eventually(lambda: redis.type(SCHEDULE) == "zset" and redis.zcard(SCHEDULE) == 2)
    ticking.eventually(lambda: "automation" in (redis.hget("automation:redbeat:act/main", "definition") or ""))
    assert_complete(ticking)


def test_a_killed_broker_comes_back_and_nothing_is_lost(ticking):
    """kill -9 of the server: scheduler and worker wait, and go on when it is there again."""
    await_more(ticking)
    os.killpg(ticking.broker_process.pid, signal.SIGKILL)
    ticking.broker_process.wait()
    ticking.broker()
    await_more(ticking, 3)
    assert ticking.scheduler_process.poll() is None
    assert_complete(ticking)


def test_a_killed_leader_is_replaced_by_its_stand_by(ticking):
    """The second scheduler leads within seconds, and decides from where the first was."""
    await_more(ticking)
    ticking.scheduler()
    os.killpg(ticking.scheduler_process.pid, signal.SIGKILL)
    ticking.scheduler_process.wait()
    await_more(ticking, 3)
    assert_complete(ticking)


@pytest.mark.slow
def test_a_leader_that_stops_lets_the_next_lead_at_once(ticking):
    """SIGTERM gives the lock back; the process ends with 0."""
    await_more(ticking)
    ticking.scheduler_process.terminate()
    assert ticking.scheduler_process.wait(60) == 0
    assert redis_of(ticking).get("automation:redbeat::lock") is None


@pytest.mark.slow
def test_what_fell_due_while_nobody_scheduled_is_late_and_runs_or_says_why_not(ticking):
    """Occurrences of a short outage are decided afterwards: run, or skipped because the job was still at work."""
    await_more(ticking)
    os.killpg(ticking.scheduler_process.pid, signal.SIGKILL)
    ticking.scheduler_process.wait()
    before = len(recorded(ticking))
    services = ticking.services
    ticking.eventually(lambda: not services.ledger.processes.alive("scheduler", within=timedelta(seconds=3)))
    ticking.scheduler()
    await_more(ticking, 2)
    assert_complete(ticking)
    late = recorded(ticking)[before:]
    assert {run.state for run in late} <= {"succeeded", "skipped", "queued", "running"}
    assert all(run.reason for run in late if run.state == "skipped")


@pytest.mark.slow
def test_a_job_does_not_run_beside_itself(stack):
    """While a run is open the next occurrences are skipped, and each says which run it was."""
    stack.declare('[jobs.act]\nplugin = "act"\nevery = "1s"\nparams = { seconds = 3 }\n')
    stack.broker()
    stack.scheduler()
    stack.worker()
    skipped = stack.eventually(lambda: [run for run in recorded(stack) if run.state == "skipped"])
    assert "still open" in skipped[0].reason
    await_more(stack, 1)
    assert_complete(stack)


@pytest.mark.slow
def test_a_job_may_run_on_start_once_for_its_configuration(stack):
    """A restart of the scheduler does not start it again; a first start takes no broker that was always empty for a loss."""
    stack.declare('[jobs.act]\nplugin = "act"\nrun_on_start = true\n[jobs.other]\nplugin = "act"\nevery = "1s"\n')
    stack.broker()
    first = stack.scheduler()
    stack.worker()
    stack.eventually(lambda: succeeded(stack) == 1)
    first.terminate()
    first.wait(60)
    stack.scheduler()
    await_more(stack, 2, "other")
    assert len(recorded(stack)) == 1
    assert "came up empty" not in stack.log.read_text()


@pytest.mark.slow
def test_a_broken_job_does_not_stop_the_others(stack):
    """It is named in the log with file and line, and does not fire."""
    stack.declare(
        '[jobs.act]\nplugin = "act"\nevery = "1s"\n[jobs.bad]\nplugin = "act"\nevery = "1s"\nparams = { wrong = 1 }\n'
    )
    stack.broker()
    stack.scheduler()
    stack.worker()
    await_more(stack, 2)
    assert recorded(stack, "bad") == []
    assert "schedules/test.toml:7" in stack.log.read_text()


@pytest.mark.slow
def test_postgresql_holds_the_ledger_and_rabbitmq_the_messages(stack, needs, fresh_database):
    """The same project with a server for each part: RedBeat keeps its Redis."""
    prefix = f"t{os.getpid()}x{id(stack) % 10_000}"
    stack.environ |= {
        "AUTOMATION_DATABASE_URL": fresh_database("postgresql"),
        "AUTOMATION_BROKER_URL": needs("rabbitmq"),
        "AUTOMATION_REDIS_URL": needs("redis"),
        "AUTOMATION_SECRET_KEY": "a key for this test only",
        "AUTOMATION_KEY_PREFIX": prefix,
    }
    stack.declare(EVERY_SECOND)
    stack.services.upgraded_ledger().close()
    try:
        stack.scheduler()
        stack.worker()
        await_more(stack, 3)
        assert_complete(stack)
    finally:
        stack.stop()
        forget(stack, prefix)


def forget(stack, prefix: str) -> None:
    """Take away what the test left in servers that are not its own."""
    from automation.queue.door import Door

    door = Door.of(stack.services.settings)
    with door.app.connection_for_write() as connection:
        connection.default_channel.queue_delete(f"{prefix}.default")
        connection.default_channel.exchange_delete(f"{prefix}.default")
    redis = redis_of(stack)
    for key in redis.scan_iter(f"{prefix}:*"):
        redis.delete(key)


@pytest.mark.slow
def test_a_scheduler_without_its_ledger_says_so(stack):
    """Exit 4, one sentence, the way out."""
    stack.environ["AUTOMATION_DATABASE_URL"] = "postgresql://nobody@127.0.0.1:1/none"
    stack.broker()
    process = stack.start("scheduler")
    assert process.wait(60) == 4
    assert "AUTOMATION_DATABASE_URL" in stack.log.read_text()
