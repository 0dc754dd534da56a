"""How often a job failed in a row, and answers that may be some seconds old."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Event, Semaphore

import pytest

from automation.clock import FrozenClock
from automation.ledger.figures import Bar
from automation.ledger.states import Kind
from automation.web.fresh import Fresh
from automation.web.views.standing import streak

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def bars(*states):
    return [Bar(str(number), "a", Kind.SCHEDULED, state, NOON, None, None, None) for number, state in enumerate(states)]


@pytest.mark.parametrize(
    ("states", "failed"),
    [
        ((), 0),
        (("succeeded", "dead"), 0),
        (("dead", "dead", "succeeded", "dead"), 2),
        (("running", "dead", "skipped", "dead", "succeeded"), 2),
        (("missed", "cancelled"), 0),
    ],
)
def test_only_deaths_in_a_row_count(states, failed):
    """What runs, was skipped or was cancelled says nothing of whether the job works."""
    assert streak(bars(*states)) == failed


def test_an_old_answer_is_given_while_a_new_one_is_asked():
    """Nobody waits for an answer that is only some seconds old; one that is too old is asked for first."""
    clock, behind, asked = FrozenClock(NOON), [], []
    fresh = Fresh(clock, behind.append)

    def ask():
        asked.append(1)
        return len(asked)

    assert [fresh.get("a", 2, ask), fresh.get("a", 2, ask)] == [1, 1]
    clock.advance(seconds=3)
    assert [fresh.get("a", 2, ask), fresh.get("a", 2, ask)] == [1, 1]
    assert len(behind) == 1
    behind.pop()()
    assert fresh.get("a", 2, ask) == 2
    clock.advance(seconds=60)
    assert fresh.get("a", 2, ask) == 3


def test_many_who_come_at_once_cause_one_question():
    """Whoever comes while it is being asked waits for that answer."""
    came, told, asked = Semaphore(0), Event(), []
    fresh = Fresh(FrozenClock(NOON))

    def ask():
        asked.append(1)
        told.wait(30)
        return len(asked)

    def visit(_number):
        came.release()
        return fresh.get("a", 2, ask)

    with ThreadPoolExecutor(8) as pool:
        answers = pool.map(visit, range(8))
        for _ in range(8):
            came.acquire()
        told.set()
        assert set(answers) == {1}
