"""A rule on the calendar, tied to instants: what a change of the clocks does to it.

Owns: the walk from one change of the clocks to the next, and the options `dst_gap` and `dst_overlap`.
Never: knows how the calendar is written; cron and rrule do.

Between two changes wall time and real time run alike. At a gap, the times that do not exist move to its end (`shift`)
or fall away (`skip`); in an overlap a rule fires in the `first` pass, the `second`, or `both`. A rule that follows real
time, such as `*/15 * * * *`, is `skip` and `both`: its hours are those that pass.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from automation.text import nearest, printable
from automation.triggers.base import TriggerInvalid
from automation.triggers.wallclock import is_ambiguous, load_zone, next_change, offset_at, wall_at

GAPS = ("shift", "skip")
OVERLAPS = ("first", "second", "both")
_SECOND = timedelta(seconds=1)
#: Further than this from a moment, no wall-clock time is that moment's: offsets are less than a day.
_NEAR = timedelta(days=2)


class WallRule:
    """The base of triggers that are written in wall-clock times.

    Parameters
    ----------
    real_time: the rule follows real time, so that `dst_gap` and `dst_overlap` mean nothing.
    """

    from_end: ClassVar[bool] = False

    def __init__(self, timezone: str, *, real_time: bool, dst_gap: str | None, dst_overlap: str | None) -> None:
        self.timezone = timezone
        self.zone = load_zone(timezone)
        self.follows_real_time = real_time
        for key, value, allowed in (("dst_gap", dst_gap, GAPS), ("dst_overlap", dst_overlap, OVERLAPS)):
            if value is None:
                continue
            one_of(value, allowed, key)
            if real_time:
                raise TriggerInvalid(
                    f"{key} means nothing here: the rule follows real time, fires in both passes of a repeated hour "
                    "and loses the hour that does not exist; remove it, or name the hours without '*' and '/'",
                    key,
                )
        self.gap = dst_gap or ("skip" if real_time else "shift")
        self.overlap = dst_overlap or ("both" if real_time else "first")

    def next_wall(self, wall: datetime) -> datetime:
        """The first time of the calendar strictly after the second of `wall`. Raises StopIteration without one."""
        raise StopIteration(wall)

    def next_after(self, moment: datetime) -> datetime | None:
        """The first fire strictly after `moment`, in UTC; None when there is none any more."""
        try:
            return self._next(moment.astimezone(UTC))
        except (OverflowError, StopIteration):
            return None

    def marks(self, moment: datetime) -> tuple[str, ...]:
        """`overlap:first`, `overlap:second`, `gap:shifted`: what the clocks did to the fire at this instant."""
        moment = moment.astimezone(UTC)
        if is_ambiguous(moment, self.zone):
            return ("overlap:second",) if moment.astimezone(self.zone).fold else ("overlap:first",)
        if self.gap == "skip" or offset_at(moment, self.zone) <= offset_at(moment - _SECOND, self.zone):
            return ()
        before = wall_at(moment - _SECOND, self.zone)
        return ("gap:shifted",) if self.occurs_between(before, wall_at(moment, self.zone)) else ()

    def occurs_between(self, after: datetime, until: datetime) -> bool:
        """Whether the calendar has a time strictly between two wall-clock times."""
        try:
            return self.next_wall(after) < until
        except StopIteration:
            return False

    def _next(self, moment: datetime) -> datetime:
        after = wall_at(moment, self.zone)
        while True:
            wall = self.next_wall(after)
            instant = (wall - offset_at(moment, self.zone)).replace(tzinfo=UTC)
            horizon = moment + _NEAR
            change = next_change(moment, min(instant, horizon), self.zone)
            if change is not None:
                ahead = wall_at(change, self.zone)
                shifted = offset_at(change, self.zone) > offset_at(moment, self.zone) and wall < ahead
                if shifted and self.gap == "shift":
                    return change
                moment, after = change, ahead - _SECOND
            elif instant > horizon:
                # Nothing of the calendar lies before `wall`, so that no change of the clocks before it matters.
                moment = max(horizon, wall.replace(tzinfo=UTC) - _NEAR)
                after = wall_at(moment, self.zone)
            elif self._in_its_pass(instant):
                return instant
            else:
                moment, after = instant, wall

    def _in_its_pass(self, instant: datetime) -> bool:
        if self.overlap == "both" or not is_ambiguous(instant, self.zone):
            return True
        return bool(instant.astimezone(self.zone).fold) == (self.overlap == "second")


def one_of(value: str, allowed: Collection[str], key: str) -> str:
    """The value. Raises TriggerInvalid for `key`, with the nearest word, when it is none of the allowed ones."""
    if value in allowed:
        return value
    meant = nearest(value, allowed)
    hint = f"did you mean '{meant}'? " if meant else ""
    raise TriggerInvalid(f"found '{printable(value, 60)}'; {hint}write one of: {', '.join(allowed)}", key)
