"""The clock of a simulation: true time, which the simulation moves, and what the machine's clock makes of it.

Owns: both, and the way from one to the other.
Never: waits.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class VirtualClock:
    """A machine's clock that shows true time until somebody sets it.

    Parameters
    ----------
    start: the first instant, of both; it must be aware.
    """

    def __init__(self, start: datetime) -> None:
        if start.tzinfo is None:
            raise ValueError(f"A simulation needs aware datetimes, got {start!r}; add tzinfo=UTC")
        self._start = self.true = start.astimezone(UTC)
        self._offset = timedelta()

    def now(self) -> datetime:
        return self.true + self._offset

    def monotonic(self) -> float:
        return (self.true - self._start).total_seconds()

    def sleep(self, seconds: float) -> None:
        self.move_to(self.true + timedelta(seconds=seconds))

    def move_to(self, moment: datetime) -> None:
        """Let true time pass until then; it never goes back."""
        self.true = max(self.true, moment.astimezone(UTC))

    def set(self, shown: datetime) -> None:
        """From now on the machine's clock goes on from this instant."""
        self._offset = shown.astimezone(UTC) - self.true

    def when(self, shown: datetime) -> datetime:
        """The true time at which the clock will show this, if nobody sets it."""
        return shown - self._offset
