"""The clock is set, and nobody schedules or works for a while, in real processes (F35, F37, F38).

All courses of clocks, outages and changes are in `tests/integration/when`, in simulated time.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from tests.faults.course import Course, eventually, lengths, now

pytestmark = pytest.mark.timeout(600)
HOUR = 3600


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory, needs) -> Iterator[Course]:
    """A course whose clock can be set, with a lease that a user has."""
    needs("redis-server")
    made = Course(tmp_path_factory.mktemp("time"), AUTOMATION_LEASE="20s").begin()
    yield made
    wrong = made.leave()
    made.close()
    assert wrong == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "moves", [[-HOUR] * 3, [2 * HOUR] * 3, [10, -10, 10, -10]], ids=["an hour back", "two hours ahead", "to and fro"]
)
def test_f35_the_clock_is_set(course, measured, moves):
    """And set right again: no run is taken from its worker, nothing is lost, nothing comes twice; the log tells of it."""
    lost = "SELECT COUNT(*) FROM automation_attempts WHERE outcome = 'lost'"
    for move in moves:
        course.set_clock(move)
        course.pass_time(1)
    eventually(lambda: "The clock has moved" in course.said("scheduler-1") + course.said("worker-1"))
    course.set_clock(0)
    measured("F35: the clock is set, and set right", course.recovered(now()))
    assert course.judged() == []
    assert course.ask(lost) == 0
    assert course.alive() == ["scheduler-1", "worker-1"]


@pytest.mark.parametrize("seconds", lengths(5, 45))
def test_f37_nobody_schedules(course, measured, seconds):
    """Every time of the outage is decided afterwards; what is up to a minute late runs."""
    course.kill("scheduler-1")
    course.pass_time(seconds)
    course.start("scheduler-1")
    measured("F37: nobody schedules", course.recovered(now()))
    assert course.judged() == []


@pytest.mark.parametrize("fires", lengths(8, 30))
def test_f38_nobody_works(course, measured, fires):
    """What falls due waits, each in its place; all of it is done when a worker is there again."""
    waiting = "SELECT COUNT(*) FROM automation_runs WHERE job = 'tick' AND state = 'queued'"
    course.members["worker-1"].told = (signal.SIGTERM, 0)
    course.members["worker-1"].process.terminate()
    course.members["worker-1"].process.wait(60)
    eventually(lambda: course.ask(waiting) >= fires)
    course.start("worker-1")
    measured("F38: nobody works", course.recovered(now()))
    assert course.judged() == []
