"""The period before beside this one.

Owns: which span is compared with, how rows of both meet, and what the change of a figure is.
Never: asks a database.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from automation.reports.answer import Answer, Row
from automation.text import parse_duration

BEFORE, DELTA, CHANGE = "_before", "_delta", "_change"
_MONTH, _DAY = re.compile(r"(\d{4})-(\d\d)"), re.compile(r"(\d{4})-(\d\d)-(\d\d)(.*)", re.DOTALL)


def check_span(text: str) -> str:
    """`previous`, `year` or a duration; empty for none. Raises ValueError."""
    if text not in ("", "previous", "year"):
        try:
            span = parse_duration(text)
        except ValueError:
            raise ValueError(f"'{text[:40]}' is not 'previous', 'year' or a duration such as '28d'") from None
        if span < timedelta(minutes=1):
            raise ValueError("write a span of at least a minute")
    return text


@dataclass(frozen=True)
class Shift:
    """How far back: whole months and days on the calendar of a zone, or a span of time."""

    months: int = 0
    days: int = 0
    span: timedelta = timedelta(0)
    timezone: str = "UTC"

    def back(self, moment: datetime) -> datetime:
        """The moment so much earlier, at the same time of day where that is meant."""
        if not self.months and not self.days:
            return moment - self.span
        local = moment.astimezone(ZoneInfo(self.timezone)).replace(tzinfo=None)
        day = _months(local.date(), -self.months) - timedelta(days=self.days)
        return datetime.combine(day, local.time(), ZoneInfo(self.timezone)).astimezone(moment.tzinfo)

    def forward(self, key: Any) -> Any:
        """The key of a row of before, as its counterpart now has it: a date or month moves, anything else stays."""
        if isinstance(key, datetime):
            return datetime.combine(self._later(key.date()), key.time(), key.tzinfo) + self._rest
        if isinstance(key, date):
            return self._later(key)
        if isinstance(key, str) and (found := _DAY.fullmatch(key)):
            try:
                return self._later(date(*map(int, found.groups()[:3]))).isoformat() + found.group(4)
            except ValueError:
                return key
        if isinstance(key, str) and self.months and (found := _MONTH.fullmatch(key)) and 1 <= int(found.group(2)) <= 12:
            return f"{_months(date(int(found.group(1)), int(found.group(2)), 1), self.months):%Y-%m}"
        return key

    @property
    def _rest(self) -> timedelta:
        return timedelta(0) if self.months or self.days else self.span % timedelta(days=1)

    def _later(self, day: date) -> date:
        return _months(day, self.months) + timedelta(days=self.days + self.span.days)


def _months(day: date, months: int) -> date:
    """The same day so many months later, or the month's last."""
    count = day.year * 12 + day.month - 1 + months
    year, month = divmod(count, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def shift_of(compare: str, start: datetime, end: datetime, timezone: str) -> Shift:
    """How far back the other period lies.

    Parameters
    ----------
    compare: `previous` is a window earlier: whole months or days on the zone's calendar, where the window is such;
        `year` is a year; else a duration.
    """
    if compare == "year":
        return Shift(months=12, timezone=timezone)
    if compare != "previous":
        span = parse_duration(compare)
        whole = span % timedelta(days=1) == timedelta(0)
        return Shift(days=span.days, timezone=timezone) if whole else Shift(span=span, timezone=timezone)
    first, last = (moment.astimezone(ZoneInfo(timezone)) for moment in (start, end))
    same_hour = first.time() == last.time()
    months = (last.year - first.year) * 12 + last.month - first.month
    if same_hour and first.day == last.day and months > 0:
        return Shift(months=months, timezone=timezone)
    days = (last.date() - first.date()).days
    if same_hour and days > 0:
        return Shift(days=days, timezone=timezone)
    return Shift(span=end - start, timezone=timezone)


def beside(now: Answer, before: Answer, keys: Sequence[str], shift: Shift) -> Answer:
    """The answer with three columns behind each figure: what it was, the difference, and the change as a ratio.

    Rows meet by their keys; one that is gone stands at the end, without figures of its own.

    Parameters
    ----------
    keys: the columns that tell rows apart; every other one that holds numbers is compared.
    """
    at = [now.columns.index(key) for key in keys]
    wide = range(len(now.columns))
    figures = {
        number for number in wide if number not in at and _figures([row[number] for row in (*now.rows, *before.rows)])
    }
    old = {tuple(shift.forward(each) for each in key_of(row, at)): row for row in before.rows}
    seen = {key_of(row, at) for row in now.rows}
    gone = [_only_before(row, key, at, figures) for key, row in old.items() if key not in seen]
    rows = [_beside(row, old.get(key_of(row, at)), figures) for row in (*now.rows, *gone)]
    names: list[str] = []
    for number, name in enumerate(now.columns):
        names += [name, name + BEFORE, name + DELTA, name + CHANGE] if number in figures else [name]
    compared = tuple(now.columns[number] for number in sorted(figures))
    seconds = now.seconds + before.seconds
    return replace(
        now, columns=tuple(names), rows=tuple(rows), found=len(rows), seconds=seconds, compared=compared, rest=None
    )


def key_of(row: Row, at: Sequence[int]) -> tuple[Any, ...]:
    """What tells a row apart; lists and the like, as PostgreSQL and Parquet have them, by their text."""
    return tuple(row[place] if row[place].__hash__ else str(row[place]) for place in at)


def _only_before(row: Row, key: tuple[Any, ...], at: Sequence[int], figures: Container[int]) -> Row:
    """A row that is gone: its keys as they would be now, and no figures."""
    shifted = dict(zip(at, key, strict=True))
    return tuple(None if number in figures else shifted.get(number, value) for number, value in enumerate(row))


def _beside(row: Row, then: Row | None, figures: Container[int]) -> Row:
    cells: list[Any] = []
    for number, value in enumerate(row):
        cells.append(value)
        if number in figures:
            cells += changed(value, then[number] if then else None)
    return tuple(cells)


def changed(now: Any, before: Any) -> tuple[Any, Any, float | None]:
    """What a figure was, the difference, and the change as a ratio of what it was; None where that means nothing."""
    if now is None and before is None:
        return None, None, None
    left, right = (now or 0), (before or 0)
    if isinstance(left, float) or isinstance(right, float):
        left, right = float(left), float(right)
    difference = left - right
    if isinstance(difference, float):
        # The noise of binary fractions is no change.
        difference = float(f"{difference:.12g}") if abs(difference) > 1e-9 * max(abs(left), abs(right), 1) else 0.0
    return before, difference, float(difference) / abs(float(right)) if right else None


def is_number(value: Any) -> bool:
    """Whether it can be summed."""
    return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)


def all_numbers(values: Iterable[Any]) -> bool:
    """Whether each can be summed; asked of types, of which a column has few."""
    return all(issubclass(kind, (int, float, Decimal)) and kind is not bool for kind in set(map(type, values)))


def _figures(values: Sequence[Any]) -> bool:
    present = [value for value in values if value is not None]
    return bool(present) and all_numbers(present)
