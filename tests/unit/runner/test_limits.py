"""The soft limit: an alarm that rings until the block ends, and leaves no trace."""

from __future__ import annotations

import signal
import threading
import time
from datetime import timedelta

import pytest

from automation.runner.limits import soft_limit
from automation.runner.verdict import TimedOut

SHORT = timedelta(milliseconds=20)


def test_block_beyond_its_limit_is_interrupted() -> None:
    """Wherever it is, and not as an `Exception`."""
    with pytest.raises(TimedOut), soft_limit(SHORT):
        time.sleep(30)

    assert not issubclass(TimedOut, Exception)


def test_alarm_rings_again() -> None:
    """A block that catches even that is interrupted a second time."""
    rung = []

    def stubborn() -> None:
        try:
            time.sleep(30)
        except TimedOut:
            rung.append("once")
        time.sleep(30)

    with pytest.raises(TimedOut), soft_limit(SHORT):
        stubborn()

    assert rung == ["once"]


def test_alarm_of_somebody_else_goes_on_afterwards() -> None:
    """Its handler and its timer are put back, whether the block ended well or not."""
    handler = signal.getsignal(signal.SIGALRM)
    before = signal.setitimer(signal.ITIMER_REAL, 1000, 7)
    try:
        with soft_limit(timedelta(minutes=1)):
            pass
        assert signal.getsignal(signal.SIGALRM) is handler
        left, interval = signal.getitimer(signal.ITIMER_REAL)
        assert interval == 7
        assert 900 < left <= 1000
    finally:
        signal.setitimer(signal.ITIMER_REAL, *before)


def test_other_threads_are_left_to_the_hard_limit() -> None:
    """Only a main thread can be interrupted; nothing is armed elsewhere."""
    seen = []

    def work() -> None:
        with soft_limit(timedelta(seconds=5)):
            seen.append(signal.getitimer(signal.ITIMER_REAL))

    armed = signal.getitimer(signal.ITIMER_REAL)[1]
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    assert [interval for _, interval in seen] == [armed]
