"""RabbitMQ in the place of Redis: workers and children die, messages are lost on their way, the broker is away (F25)."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator

import pytest

from tests.faults.course import Course, eventually, lengths, now

pytestmark = pytest.mark.timeout(600)
slow = pytest.mark.slow


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory, needs) -> Iterator[Course]:
    """A course whose messages go through RabbitMQ, in queues of its own, by a way that can be cut."""
    needs("redis-server")
    needs("rabbitmq")
    made = Course(tmp_path_factory.mktemp("rabbitmq"), broker="rabbitmq", relayed="rabbitmq", pace=2)
    try:
        yield made.begin()
        assert made.leave() == []
    finally:
        made.close()


@pytest.fixture
def wrong_after(course: Course, measured: Callable[..., None]) -> Callable[[str], list[str]]:
    """`wrong_after(what)`: what is wrong once something new was done; nothing, where every promise held."""
    return lambda what: course.wrong_after(f"F25: {what}", measured)


def at_work(course: Course) -> int:
    """The process of a run that has begun, and does not end at once."""
    return eventually(lambda: course.ask("SELECT pid FROM automation_runs WHERE state = 'running' AND job = 'slow'"))


@slow
def test_f25_a_worker_is_killed_at_work(course, wrong_after):
    """As F06: its runs are another's, or its successor's."""
    at_work(course)
    course.kill("worker-1")
    course.start("worker-1")
    assert wrong_after("a worker killed") == []


@slow
def test_f25_a_child_is_killed_at_work(course, wrong_after):
    """As F07: its run is freed at once."""
    os.kill(at_work(course), signal.SIGKILL)
    assert wrong_after("a child killed") == []


@slow
def test_f25_a_worker_dies_with_messages_that_it_took(course, wrong_after):
    """As F08: taken and acknowledged, and nothing was done; they are repeated."""
    taken = "SELECT COUNT(*) FROM automation_runs WHERE state = 'queued' AND published_at IS NOT NULL"
    worker = course.members["worker-1"]
    worker.process.send_signal(signal.SIGSTOP)
    eventually(lambda: course.ask(taken) > 2)
    course.kill("worker-1")
    course.start("worker-1")
    assert wrong_after("a worker killed with messages") == []


@pytest.mark.parametrize("seconds", lengths(2, 10, 60))
def test_f25_the_broker_is_away(course, wrong_after, seconds):
    """As F17: connections end, new ones are refused for a while."""
    course.tell("refuse")
    course.pass_time(seconds)
    course.tell("pass")
    assert wrong_after("broker away") == []


@pytest.mark.parametrize("seconds", lengths(3, 30))
def test_f25_the_broker_says_nothing(course, wrong_after, seconds):
    """What was published meanwhile is lost, and no connection ends by itself."""
    course.tell("swallow")
    course.pass_time(seconds)
    course.tell("cut")
    assert wrong_after("nothing comes through") == []


@slow
def test_f25_the_queue_is_deleted_with_its_messages(course, wrong_after):
    """As FLUSHALL: it is declared anew, and the messages are repeated."""
    course.delete_queue()
    assert wrong_after("queue deleted") == []


@pytest.mark.soak
def test_f25_without_ringing_again_runs_are_left_behind(tmp_path, needs):
    """What was in the queue when it went is never done, though later runs are."""
    needs("redis-server")
    needs("rabbitmq")
    course = Course(tmp_path, broker="rabbitmq", without=["ringing"], relayed="rabbitmq")
    waiting = "SELECT COUNT(*) FROM automation_runs WHERE job = 'slow' AND state = 'queued' AND queued_at < :then"
    try:
        course.begin()
        course.kill("worker-1")
        eventually(lambda: course.ask(waiting + " AND published_at IS NOT NULL", then=now()) > 0)
        then = now()
        course.delete_queue()
        course.start("worker-1")
        course.recovered(now())
        assert course.ask(waiting, then=then) > 0
    finally:
        course.close()
