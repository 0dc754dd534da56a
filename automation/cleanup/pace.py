"""How fast a sweep goes: the size of a batch, the rest between two, and when to stop.

Owns: fitting the size to the time that a batch takes, leaving SQLite's lock to others, the time budget and the daily window.
Never: touches a database.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

from automation.cleanup.rule import Pace
from automation.clock import Clock
from automation.text import format_duration, parse_duration

#: Seconds that a batch should take, where the rule does not say: SQLite has one writer, who keeps all others out.
_TARGET = {"sqlite": 0.006}
_TARGET_OF_SERVERS = 0.03
#: So many times longer where rows are copied first: a server's locks are on rows that nobody needs.
_WITH_ARCHIVE = 10
_FIRST_SIZE = 500
_FLOOR = 1000
#: SQLite has no queue of writers: one that finds the file locked tries again after these seconds, one after the other.
_TRIES = (0.001, 0.002, 0.005, 0.010, 0.015, 0.020, 0.025, 0.025, 0.025, 0.050, 0.050)
_SLACK = 0.0005
#: So long after somebody else wrote, the file counts as shared.
_SHARED = 10.0
_ALONE = 4


class Pacer:
    """The size of the next batch, and whether there is to be one.

    Parameters
    ----------
    most: rows of one batch at most.
    cancelled: asked before each batch.
    """

    def __init__(
        self,
        pace: Pace,
        dialect: str,
        most: int,
        clock: Clock,
        cancelled: Callable[[], bool],
        *,
        archives: bool = False,
    ) -> None:
        self._clock, self._cancelled, self._pace, self._most = clock, cancelled, pace, most
        target = pace.target_latency
        self.target = parse_duration(target).total_seconds() if target else _TARGET.get(dialect, _TARGET_OF_SERVERS)
        if archives and not target and dialect not in _TARGET:
            self.target *= _WITH_ARCHIVE
        self.size = min(most, _FIRST_SIZE)
        self._floor = min(most, _FLOOR)
        self._costs: deque[float] = deque(maxlen=8)
        self._rests = dialect == "sqlite"
        self._began = self._ended = self._seen = clock.monotonic()
        self._rest = 0.0
        self._version: int | None = None
        self.cancel_seen = False

    def stop_reason(self) -> str | None:
        """Why no further batch may begin; None while one may."""
        if self._cancelled():
            self.cancel_seen = True
            return "it was asked to stop"
        budget = self._pace.budget
        if budget and self._clock.monotonic() - self._began >= parse_duration(budget).total_seconds():
            return f"its budget of {format_duration(parse_duration(budget))} is used up"
        if self._pace.window and not in_window(self._pace.window, self._clock.now(), self._pace.zone):
            return f"its window {self._pace.window} ({self._pace.zone}) is closed"
        return None

    def took(self, seconds: float, rows: int, held: float = 0.0) -> None:
        """Fit the size to how long a batch of so many rows took, by a factor of two at most.

        Parameters
        ----------
        seconds: without the commit, whose wait for the disk no smaller batch makes shorter; `held`: with it.

        Batches that the machine kept waiting say little: the second best of the last eight counts. Fewer rows than `_FLOOR`
        take hardly less time than that many, since most of it is the commit's.
        """
        self._ended, self._rest = self._clock.monotonic(), rest_after(held)
        if not rows:
            return
        self._costs.append(seconds / rows)
        cost = sorted(self._costs)[:2][-1]
        wanted = self.target / cost if cost > 0 else self.size * 2
        self.size = round(min(self._most, max(self.size / 2, min(self.size * 2, wanted), self._floor)))

    def saw(self, version: int | None) -> None:
        """A number that changes when somebody else writes; None where writers queue up and nobody has to make room."""
        if version != self._version:
            self._version, self._seen = version, self._clock.monotonic()

    def rest(self) -> None:
        """Before SQLite's lock is taken again, leave it alone until whoever waited for it has tried; less while nobody writes."""
        now = self._clock.monotonic()
        rest = self._rest if now - self._seen < _SHARED else self._rest / _ALONE
        if self._rests and now - self._ended < rest:
            self._clock.sleep(rest - (now - self._ended))

    def shrink(self) -> None:
        """Half the size, after somebody was in the way."""
        self.size = self._floor = max(1, self.size // 2)


def rest_after(held: float) -> float:
    """Seconds in which each writer that came while SQLite's lock was held so long tries at least once."""
    waited = 0.0
    for pause in _TRIES:
        waited += pause
        if held <= waited:
            break
    return pause + _SLACK


def in_window(window: str, now: datetime, zone: str) -> bool:
    """Whether the zone's clocks show a time of the window `03:00-05:00`; one that ends before it begins spans midnight."""
    first, _, last = window.partition("-")
    shown = now.astimezone(ZoneInfo(zone)).strftime("%H:%M")
    return first <= shown < last if first < last else shown >= first or shown < last
