"""The only reader of the system clock, and its frozen twin.

Owns: now, monotonic time, processor time, sleep, noticing that the clock was set.
Never: decides anything about time; who needs a moment is given one.
"""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

_log = logging.getLogger(__name__)
_STEP_SECONDS = 2.0
_LEAP_SECONDS = 3600.0


class Clock(Protocol):
    """Where a process gets its time from."""

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that only grow, for measuring spans."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait; a value below zero does not wait."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        if seconds > 0:
            time.sleep(seconds)


class ClockLeapt(Exception):
    """The wall clock has just leapt ahead by more than an hour; nobody decides by it for a while."""


def worked() -> float:
    """Seconds of processor time that this thread has spent: what a piece of work costs, whoever else is busy."""
    return time.thread_time()


class StepWatch:
    """Notices when the wall clock was set: leases are judged by it, so nobody may judge them for a while.

    Parameters
    ----------
    hold: how long after a step `steady` says no; the span in which every living holder renews its lease.
    """

    def __init__(self, clock: Clock, hold: timedelta) -> None:
        self._clock, self._hold = clock, hold.total_seconds()
        self._offset = self._now()
        self._until = self._doubted_until = float("-inf")
        self._went_back = False

    def steady(self) -> bool:
        """Whether the wall clock has gone with monotonic time since the last step and the hold after it."""
        self._look()
        return self._clock.monotonic() >= self._until

    def believed(self) -> datetime:
        """The present instant, as one to decide by.

        What runs in a future that is taken back cannot be taken back with it. The clock may be set at any point,
        so the instant that is judged is the one that is given: whoever asks first and reads later may read the future.

        Raises
        ------
        ClockLeapt: it leapt ahead by more than an hour, less than the hold ago.
        """
        now = self._clock.now()
        self._look()
        if self._clock.monotonic() < self._doubted_until:
            raise ClockLeapt(f"The clock leapt ahead to {now:%Y-%m-%d %H:%M:%S} UTC")
        return now

    def went_back(self) -> bool:
        """Whether the wall clock was set back since this was last asked; told once it has been steady for the hold."""
        if not self._went_back or not self.steady():
            return False
        self._went_back = False
        return True

    @property
    def has_news(self) -> bool:
        """Whether `went_back` will say so, now or when the hold is over."""
        return self._went_back

    def _look(self) -> None:
        offset = self._now()
        moved, self._offset = offset - self._offset, offset
        if abs(moved) <= _STEP_SECONDS:
            return
        self._went_back = self._went_back or moved < 0
        until = self._clock.monotonic() + self._hold
        self._until, self._doubted_until = until, until if moved > _LEAP_SECONDS else float("-inf")
        _log.warning("The clock has moved by %+.0f s by itself: it was set, or this machine has slept", moved)

    def _now(self) -> float:
        return self._clock.now().timestamp() - self._clock.monotonic()


class FrozenClock:
    """A clock that moves only when told; sleeping moves it too.

    Parameters
    ----------
    at: the first instant; it must be aware.
    """

    def __init__(self, at: datetime) -> None:
        if at.tzinfo is None:
            raise ValueError(f"A clock needs an aware datetime, got {at!r}; add tzinfo=UTC")
        self._now = at.astimezone(UTC)
        self._elapsed = 0.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._elapsed

    def sleep(self, seconds: float) -> None:
        if seconds > 0:
            self.advance(seconds=seconds)

    def advance(self, **span: float) -> None:
        """Move forward by a `timedelta(**span)`; monotonic time never goes back."""
        step = timedelta(**span)
        self._now += step
        self._elapsed += max(step.total_seconds(), 0.0)
