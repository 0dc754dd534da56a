"""Spans of time: from the clocks on the wall to instants, joined where they touch.

Owns: what a wall-clock span is when the clocks change: each instant at which they show a time inside of it.
Never: knows why a span is there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Protocol
from zoneinfo import ZoneInfo

from automation.triggers.wallclock import next_change, offset_at

#: From its first instant to its last, which is not inside. Naive: on the clocks of a calendar; aware: two instants.
Span = tuple[datetime, datetime]
FIRST_YEAR, LAST_YEAR = 1900, 9000
#: Offsets are less than a day, so that no more of the clocks is seen from a span of instants.
MARGIN = timedelta(days=2)


class Part(Protocol):
    """A kind of entry of a calendar: dates, weekly windows, the events of a file."""

    def spans(self, start: datetime, end: datetime) -> Iterable[Span]:
        """The spans that touch [start, end), on the calendar's clocks or as instants, in any order.

        Parameters
        ----------
        start, end: naive, on the calendar's clocks; what is outside by less than two days may be left out or not.
        """
        ...

    def describe(self) -> str:
        """The entries in a few words."""
        ...


def year_of(parts: Iterable[Part], zone: ZoneInfo, year: int) -> tuple[Span, ...]:
    """What the parts cover of a year of UTC, in order, joined and cut at its ends."""
    start, end = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
    around = (start - MARGIN).replace(tzinfo=None), (end + MARGIN).replace(tzinfo=None)
    found: list[Span] = []
    for part in parts:
        for first, last in part.spans(*around):
            if first.tzinfo is None:
                found.extend(_instants(first, last, zone, year))
            else:
                found.append((max(first, start), min(last, end)))
    return tuple(joined(found))


def joined(spans: Iterable[Span]) -> Iterator[Span]:
    """Spans in order, none empty, those that touch made one."""
    current: Span | None = None
    for first, last in sorted(spans):
        if first >= last:
            continue
        if current is None or first > current[1]:
            if current is not None:
                yield current
            current = first, last
        else:
            current = current[0], max(current[1], last)
    if current is not None:
        yield current


def _instants(first: datetime, last: datetime, zone: ZoneInfo, year: int) -> Iterator[Span]:
    """The instants of a year at which the zone's clocks show a time in [first, last)."""
    for start, end, offset in _steady(zone, year):
        low = max(first - offset, start.replace(tzinfo=None))
        high = min(last - offset, end.replace(tzinfo=None))
        if low < high:
            yield low.replace(tzinfo=UTC), high.replace(tzinfo=UTC)


@lru_cache(maxsize=512)
def _steady(zone: ZoneInfo, year: int) -> tuple[tuple[datetime, datetime, timedelta], ...]:
    """The stretches of a year of UTC in which the zone keeps its offset."""
    start, end = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
    stretches = []
    while start < end:
        change = next_change(start, end, zone) or end
        stretches.append((start, change, offset_at(start, zone)))
        start = change
    return tuple(stretches)
