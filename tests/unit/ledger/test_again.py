"""A write whose answer was lost: it is looked for before it is done again, and not for ever."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy.exc import IntegrityError, OperationalError

from automation.clock import FrozenClock
from automation.ledger.again import again

AWAY = OperationalError("COMMIT", {}, Exception("server closed the connection"))


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(datetime(2026, 3, 1, tzinfo=UTC))


def scripted(*answers):
    """A function that gives these answers one by one, and raises those that are errors."""
    left = list(answers)

    def act():
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return act


def test_write_that_arrived_is_not_done_again(clock):
    """The answer alone was lost."""
    assert again(clock, "it", scripted(AWAY), scripted("there")) == "there"


def test_write_that_did_not_arrive_is_done_again(clock):
    """Also when the ledger is away for a while and cannot be asked."""
    assert again(clock, "it", scripted(AWAY, "done"), scripted(AWAY, AWAY, None)) == "done"
    assert clock.monotonic() == pytest.approx(0.1 + 0.5 + 1)


def test_ledger_that_stays_away_is_told_in_the_end(clock):
    """After some nine seconds the last error is the caller's."""
    with pytest.raises(OperationalError):
        again(clock, "it", scripted(AWAY), scripted(*[AWAY] * 5))
    assert clock.monotonic() == pytest.approx(8.6)


def test_value_that_cannot_be_stored_is_told_at_once(clock):
    """No further try would mend it."""
    with pytest.raises(IntegrityError):
        again(clock, "it", scripted(IntegrityError("INSERT", {}, Exception("too long"))), scripted())
    assert clock.monotonic() == 0
