"""`dates`, `yearly`, `weekly`, `ranges`: the entries of a calendar that are written out in TOML.

Owns: their grammar and its messages, and which spans of the clocks they are.
Never: knows a time zone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar

from automation.text import count, printable
from automation.triggers.base import CalendarInvalid, Wrong
from automation.triggers.spans import FIRST_YEAR, LAST_YEAR, Span

MOST = 5000
_Read = TypeVar("_Read")
_Window = tuple[int, timedelta, timedelta]
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = timedelta(days=1)
_LEAP_YEAR = 2024
_YEARLY = re.compile(r"([0-9]{2})-([0-9]{2})")
_TIMES = re.compile(r"([0-9]{2}):([0-9]{2})-([0-9]{2}):([0-9]{2})")
_WEEKLY_EXAMPLE = '"mon-fri 08:00-18:00", "sat" or "fri 22:00-02:00"'
_RANGE_EXAMPLE = '"2026-08-01/2026-08-15" or {from = 2026-08-01, to = 2026-08-15}'


@dataclass(frozen=True)
class Dates:
    """Whole days, each once."""

    days: tuple[date, ...]

    def spans(self, start: datetime, end: datetime) -> Iterator[Span]:
        for day in self.days:
            if start.date() <= day <= end.date():
                yield whole(day)

    def describe(self) -> str:
        return count(len(self.days), "date")


@dataclass(frozen=True)
class Yearly:
    """Whole days of each year, as month and day; the 29th of February is there in leap years."""

    days: tuple[tuple[int, int], ...]

    def spans(self, start: datetime, end: datetime) -> Iterator[Span]:
        for year in range(start.year, end.year + 1):
            for month, day in self.days:
                if (month, day) != (2, 29) or _is_leap(year):
                    yield whole(date(year, month, day))

    def describe(self) -> str:
        return "each year " + ", ".join(f"{month:02}-{day:02}" for month, day in self.days)


@dataclass(frozen=True)
class Weekly:
    """Windows of each week: weekday (0 is Monday), and begin and end counted from its midnight."""

    texts: tuple[str, ...]
    windows: tuple[_Window, ...]

    def spans(self, start: datetime, end: datetime) -> Iterator[Span]:
        day = datetime(start.year, start.month, start.day)  # noqa: DTZ001  a wall clock
        while day < end:
            for weekday, begin, finish in self.windows:
                if day.weekday() == weekday:
                    yield day + begin, day + finish
            day += _DAY

    def describe(self) -> str:
        return ", ".join(self.texts)


@dataclass(frozen=True)
class Ranges:
    """Spans as they are written: of the calendar's clocks, or of instants."""

    written: tuple[Span, ...]

    def spans(self, start: datetime, end: datetime) -> Iterator[Span]:
        for first, last in self.written:
            if _wall(last) > start and _wall(first) < end:
                yield first, last

    def describe(self) -> str:
        return count(len(self.written), "range")


def whole(day: date) -> Span:
    """The span of a day on the clocks."""
    midnight = datetime(day.year, day.month, day.day)  # noqa: DTZ001  a wall clock
    return midnight, midnight + _DAY


def read_dates(value: object) -> Dates:
    """`[2026-12-24, "2026-12-31"]`. Raises CalendarInvalid."""
    return Dates(tuple(sorted(set(_each("dates", value, _date)))))


def read_yearly(value: object) -> Yearly:
    """`["12-25", "02-29"]`: month and day. Raises CalendarInvalid."""
    return Yearly(tuple(sorted(set(_each("yearly", value, _month_and_day)))))


def read_weekly(value: object) -> Weekly:
    """`["mon-fri 08:00-18:00", "sat", "fri 22:00-02:00"]`: days, times, or both. Raises CalendarInvalid."""
    found = _each("weekly", value, _window)
    return Weekly(tuple(text for text, _ in found), tuple(window for _, windows in found for window in windows))


def read_ranges(value: object) -> Ranges:
    """`["2026-08-01/2026-08-15", {from = …, to = …}]`: dates with the last one, or times without it.

    Raises CalendarInvalid.
    """
    return Ranges(tuple(_each("ranges", value, _range)))


def entries(key: str, value: object) -> list[tuple[int, Any]]:
    """The entries of a list, numbered. Raises CalendarInvalid for what is no list, an empty or an endless one."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise CalendarInvalid(f"found {shown(value)}; write a list", key)
    if not value:
        raise CalendarInvalid("is empty; write an entry, or remove the key", key)
    if len(value) > MOST:
        raise CalendarInvalid(f"has {len(value)} entries; write at most {MOST}", key)
    return list(enumerate(value))


def _each(key: str, value: object, read: Callable[[int, Any], _Read]) -> list[_Read]:
    """Every entry, read. Raises CalendarInvalid with all that cannot be."""
    found, wrong = [], Wrong()
    for index, one in entries(key, value):
        with wrong.kept():
            found.append(read(index, one))
    wrong.tell()
    return found


def shown(value: object) -> str:
    """A value in a message."""
    return f"'{printable(value, 60)}'" if isinstance(value, str) else printable(str(value), 60)


def _date(index: int, value: object) -> date:
    found = _point(value)
    if not isinstance(found, date) or isinstance(found, datetime):
        raise CalendarInvalid(f"found {shown(value)}; write a date such as 2026-12-24", "dates", index)
    _check_year("dates", index, found)
    return found


def _point(value: object) -> object:
    """The date or the time that a text stands for; other values, and texts that are none, as they are."""
    if not isinstance(value, str):
        return value
    for read in (date.fromisoformat, datetime.fromisoformat):
        try:
            return read(value.strip())
        except ValueError:
            continue
    return value


def _check_year(key: str, index: int, day: date) -> None:
    if not FIRST_YEAR < day.year < LAST_YEAR:
        raise CalendarInvalid(f"found {day}; write a year from {FIRST_YEAR + 1} to {LAST_YEAR - 1}", key, index)


def _month_and_day(index: int, value: object) -> tuple[int, int]:
    found = _YEARLY.fullmatch(value) if isinstance(value, str) else None
    if not found:
        raise CalendarInvalid(f'found {shown(value)}; write month and day, such as "12-25"', "yearly", index)
    month, day = int(found[1]), int(found[2])
    try:
        date(_LEAP_YEAR, month, day)
    except ValueError as error:
        raise CalendarInvalid(
            f"found {shown(value)}, which no year has; write month and day", "yearly", index
        ) from error
    return month, day


def _window(index: int, value: object) -> tuple[str, list[_Window]]:
    """An entry of `weekly` in its normal form, and the window of each of its days."""
    if not isinstance(value, str) or not value.strip():
        raise CalendarInvalid(f"found {shown(value)}; write {_WEEKLY_EXAMPLE}", "weekly", index)
    days, times = _halves(value)
    begin, finish = _times(times, value, index) if times else (timedelta(), _DAY)
    weekdays = _weekdays(days, value, index) if days else range(7)
    return " ".join(value.lower().split()), [(day, begin, finish) for day in weekdays]


def _halves(text: str) -> tuple[str, str]:
    """The days and the times of a window, each perhaps empty."""
    days, _, times = text.strip().lower().partition(" ")
    return ("", days) if not times and ":" in days else (days, times.strip())


def _weekdays(text: str, whole_text: str, index: int) -> list[int]:
    """`mon-fri`, `sat`, `mon,wed`, `fri-mon`."""
    found: list[int] = []
    for term in text.split(","):
        first, dash, last = term.partition("-")
        if first not in DAYS or (dash and last not in DAYS):
            raise CalendarInvalid(
                f"found {shown(whole_text)}: '{printable(term, 20)}' is no weekday; write {', '.join(DAYS)}, "
                f"as in {_WEEKLY_EXAMPLE}",
                "weekly",
                index,
            )
        start = DAYS.index(first)
        length = (DAYS.index(last) - start) % 7 if dash else 0
        found += [(start + number) % 7 for number in range(length + 1)]
    return found


def _times(text: str, whole_text: str, index: int) -> tuple[timedelta, timedelta]:
    """Begin and end, from the midnight of the day on which the window begins."""
    found = _TIMES.fullmatch(text)
    numbers = [int(number) for number in found.groups()] if found else [99] * 4
    begin = timedelta(hours=numbers[0], minutes=numbers[1])
    finish = timedelta(hours=numbers[2], minutes=numbers[3])
    if max(numbers[1], numbers[3]) > 59 or begin >= _DAY or finish > _DAY:
        raise CalendarInvalid(
            f"found {shown(whole_text)}: '{printable(text, 20)}' is no span of the day; write {_WEEKLY_EXAMPLE}",
            "weekly",
            index,
        )
    if begin == finish:
        raise CalendarInvalid(
            f"found {shown(whole_text)}, which begins and ends at once; for the whole day write the day alone",
            "weekly",
            index,
        )
    return begin, finish if finish > begin else finish + _DAY


def _range(index: int, value: object) -> Span:
    if isinstance(value, Mapping) and set(value) == {"from", "to"}:
        ends = [_point(value["from"]), _point(value["to"])]
    elif isinstance(value, str) and value.count("/") == 1:
        ends = [_point(end) for end in value.split("/")]
    else:
        raise CalendarInvalid(f"found {shown(value)}; write {_RANGE_EXAMPLE}", "ranges", index)
    first, last = ends
    if not isinstance(first, date) or not isinstance(last, date) or _kind(first) != _kind(last):
        raise CalendarInvalid(
            f"found {shown(value)}; write two dates, two times, or two times with their offset, such as "
            f"{_RANGE_EXAMPLE}",
            "ranges",
            index,
        )
    _check_year("ranges", index, first)
    _check_year("ranges", index, last)
    span = _span(first, last)
    if span[0] >= span[1]:
        raise CalendarInvalid(f"found {shown(value)}, which ends before it begins; swap the two", "ranges", index)
    return span


def _span(first: date, last: date) -> Span:
    if isinstance(first, datetime) and isinstance(last, datetime):
        return (first.astimezone(UTC), last.astimezone(UTC)) if first.tzinfo else (first, last)
    return whole(first)[0], whole(last)[1]


def _kind(point: date) -> tuple[bool, bool]:
    return isinstance(point, datetime), isinstance(point, datetime) and point.tzinfo is not None


def _wall(moment: datetime) -> datetime:
    return moment.replace(tzinfo=None)


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
