"""One event of a calendar file: when it is, and when it is again.

Owns: what `DTSTART`, `DTEND`, `DURATION`, `RRULE`, `RDATE` and `EXDATE` of an event mean on the clocks.
Never: knows the file; computes a recurrence by hand: dateutil does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import MAXYEAR, date, datetime, timedelta
from functools import cached_property
from math import prod
from typing import Any
from zoneinfo import ZoneInfo

from dateutil.rrule import rrule, rrulestr

from automation.text import printable
from automation.triggers.spans import FIRST_YEAR, LAST_YEAR, Span
from automation.triggers.wallclock import instant_of, wall_at

_DAY = timedelta(days=1)
_LONGEST = timedelta(days=3660)
#: How often a year a rule is looked at; finer ones would be looked at without end.
_STEPS = {"YEARLY": 1, "MONTHLY": 12, "WEEKLY": 52, "DAILY": 365}
_COUNTED_UNTIL = 2050
_WITHIN_A_DAY = ("BYHOUR", "BYMINUTE", "BYSECOND")
_MOST_A_DAY = 24
_LONGEST_INTERVAL = 1000
#: After so many years the Gregorian calendar is the same again, weekdays included.
_CYCLE = 400
_TIMES = ("DTSTART", "DTEND", "DURATION", "RRULE", "RDATE", "EXDATE", "RECURRENCE-ID")


@dataclass(frozen=True)
class Rule:
    """What repeats an event, as dateutil reads it, and how many of its times are looked at until 2050."""

    text: str
    steps: int


@dataclass(frozen=True)
class Event:
    """An event on the clocks of its zone; without one, on the clocks of the calendar.

    Parameters
    ----------
    start: of the first time; naive.
    length: on the clocks, so that a night that ends at six does so when the clocks change as well.
    extra: further times with their lengths.
    without, without_days: times and days on which it is not.
    """

    start: datetime
    length: timedelta
    zone: ZoneInfo | None = None
    rules: tuple[Rule, ...] = ()
    extra: tuple[tuple[datetime, timedelta], ...] = ()
    without: frozenset[datetime] = field(default=frozenset())
    without_days: frozenset[date] = field(default=frozenset())

    @property
    def steps(self) -> int:
        """How many times of its rules are looked at until 2050."""
        return sum(rule.steps for rule in self.rules)

    def spans(self, start: datetime, end: datetime) -> Iterator[Span]:
        """The spans that touch [start, end): naive without a zone, instants with one."""
        for begin, length in self._times(start, end):
            if begin in self.without or begin.date() in self.without_days or begin + length <= start or begin >= end:
                continue
            if self.zone is None:
                yield begin, begin + length
            else:
                yield instant_of(begin, self.zone), instant_of(begin + length, self.zone)

    def _times(self, start: datetime, end: datetime) -> Iterator[tuple[datetime, timedelta]]:
        yield self.start, self.length
        yield from self.extra
        for rule in self._compiled:
            for begin in rule.between(start - self.length, end, inc=True):
                yield begin, self.length

    @cached_property
    def _compiled(self) -> tuple[rrule, ...]:
        return tuple(_rule(self.start, rule.text) for rule in self.rules)


def read_event(component: Any, moved: Iterable[Any], home: ZoneInfo) -> Event:
    """The event of a VEVENT that icalendar has read.

    Parameters
    ----------
    moved: the RECURRENCE-ID of each time of the event that another VEVENT stands for.
    home: the zone of the calendar, whose clocks times without a zone are on.

    Raises ValueError with what is wrong in words.
    """
    for name, problem in component.errors:
        if name is None or name.upper() in _TIMES:
            raise ValueError(f"{name or 'a line'} cannot be read: {printable(str(problem), 120)}")
    if "DTSTART" not in component:
        raise ValueError("it has no DTSTART")
    first = _one(component, "DTSTART")
    zone = _zone("DTSTART", component["DTSTART"])
    clocks = zone or home
    begin = _wall(first, clocks)
    length = _length(component, first, begin, clocks)
    without: set[datetime] = set()
    without_days: set[date] = set()
    for value in (*_values(component, "EXDATE"), *(_moved(one) for one in moved)):
        if isinstance(value, datetime):
            without.add(_wall(value, clocks))
        else:
            without_days.add(value)
    extra = tuple(_extra(value, clocks, length) for value in _values(component, "RDATE"))
    rules = (_read_rule(rule, begin, clocks) for rule in _listed(component, "RRULE"))
    found = tuple(rule for rule in rules if rule is not None)
    return Event(begin, length, zone, found, extra, frozenset(without), frozenset(without_days))


def _listed(component: Any, name: str) -> list[Any]:
    value = component.get(name, [])
    return value if isinstance(value, list) else [value]


def _one(component: Any, name: str) -> Any:
    if isinstance(component[name], list):
        raise ValueError(f"it has {name} more than once")  # noqa: TRY004  one error for what a file may hold
    return component[name].dt


def _values(component: Any, name: str) -> Iterator[Any]:
    """The dates, times and periods of a property that may stand in several lines, each with several values."""
    for line in _listed(component, name):
        for value in line.dts:
            _zone(name, value, line.params.get("TZID"))
            yield value.dt


def _moved(value: Any) -> Any:
    if "RANGE" in value.params:
        raise ValueError("a change of this and all later times (RANGE) is not read; export it as an event of its own")
    _zone("RECURRENCE-ID", value)
    return value.dt


def _zone(name: str, value: Any, tzid: str | None = None) -> ZoneInfo | None:
    """The zone of a time; None for dates and for times on the calendar's clocks. Raises ValueError for an unknown one."""
    moment, tzid = value.dt, tzid or value.params.get("TZID")
    if isinstance(moment, tuple):
        moment = moment[0]
    if not isinstance(moment, datetime):
        return None
    if moment.tzinfo is None:
        if tzid:
            raise ValueError(
                f"{name} is in time zone '{printable(str(tzid), 60)}', which the tz database does not know; "
                "export it with an IANA name such as Europe/Madrid"
            )
        return None
    return moment.tzinfo if isinstance(moment.tzinfo, ZoneInfo) else ZoneInfo("UTC")


def _wall(value: Any, clocks: ZoneInfo) -> datetime:
    """A date or time on the clocks of the event. Raises ValueError for a year that no calendar has."""
    if not isinstance(value, date):
        raise ValueError("a period stands in place of a time")  # noqa: TRY004  one error for what a file may hold
    if not FIRST_YEAR < value.year < LAST_YEAR:
        raise ValueError(f"the year {value.year} is not from {FIRST_YEAR + 1} to {LAST_YEAR - 1}")
    if not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day)  # noqa: DTZ001  a wall clock
    return value.replace(tzinfo=None, fold=0) if value.tzinfo is None else wall_at(value, clocks)


def _length(component: Any, first: Any, begin: datetime, clocks: ZoneInfo) -> timedelta:
    if "DTEND" in component:
        _zone("DTEND", component["DTEND"])
        length = _wall(_one(component, "DTEND"), clocks) - begin
    elif "DURATION" in component:
        length = _one(component, "DURATION")
    else:
        length = timedelta() if isinstance(first, datetime) else _DAY
    return _checked(length)


def _checked(length: timedelta) -> timedelta:
    if not timedelta() <= length <= _LONGEST:
        raise ValueError("it ends before it begins" if length < timedelta() else "it is longer than ten years")
    return length


def _extra(value: Any, clocks: ZoneInfo, length: timedelta) -> tuple[datetime, timedelta]:
    if not isinstance(value, tuple):
        return _wall(value, clocks), length
    begin = _wall(value[0], clocks)
    return begin, _checked(value[1] if isinstance(value[1], timedelta) else _wall(value[1], clocks) - begin)


def _read_rule(parts: Any, start: datetime, clocks: ZoneInfo) -> Rule | None:
    """The rule, bounded; None when it ends before it occurs. Raises ValueError for one that is endless or never occurs."""
    frequency, until = str(_first(parts, "FREQ", "")).upper(), _first(parts, "UNTIL", None)
    if frequency not in _STEPS:
        raise ValueError(f"FREQ is '{printable(frequency, 20)}'; an event may be {', '.join(_STEPS)}")
    if until is not None and "COUNT" in parts:
        raise ValueError("RRULE has COUNT and UNTIL; one of them ends a rule")
    a_day = prod(len(parts.get(name, [0])) for name in _WITHIN_A_DAY)
    if a_day > _MOST_A_DAY:
        raise ValueError(f"RRULE names {a_day:,} times of a day; at most {_MOST_A_DAY} are read")
    interval = int(_first(parts, "INTERVAL", 1))
    if not 1 <= interval <= _LONGEST_INTERVAL:
        raise ValueError(f"INTERVAL is {interval}; at least 1 and at most {_LONGEST_INTERVAL} is read")
    last = None if until is None else _last(until, clocks)
    first = _first_time(parts, start)
    if last is not None and first > last:
        return None
    years = (min(last.year, _COUNTED_UNTIL) if last else _COUNTED_UNTIL) - start.year + 1
    counted = int(_first(parts, "COUNT", LAST_YEAR)) * _STEPS["DAILY"]
    steps = min(max(years, 1) * _STEPS[frequency] // interval, counted) * a_day
    return Rule(_text(parts, last), steps)


def _last(until: date, clocks: ZoneInfo) -> datetime:
    """UNTIL on the clocks; a day is its end."""
    return _wall(until, clocks) + (timedelta() if isinstance(until, datetime) else _DAY - timedelta(seconds=1))


def _first_time(parts: Any, start: datetime) -> datetime:
    """The first time of a rule that has no end. Raises ValueError for a rule that never occurs.

    dateutil looks until the year 9999. So it is asked as late as it can be: the calendar repeats itself each 400 years.
    """
    later = (MAXYEAR - start.year) // _CYCLE * _CYCLE
    text = _text(parts, None, without="COUNT")
    found = next(iter(_rule(start.replace(year=start.year + later), text)), None)
    if found is None:
        raise ValueError(f"the rule never occurs: {printable(text, 100)}")
    first: datetime = found.replace(year=found.year - later)
    return first


def _first(parts: Any, name: str, otherwise: Any) -> Any:
    found = parts.get(name, [otherwise])
    return found[0] if isinstance(found, list) and found else found


def _text(parts: Any, until: datetime | None, without: str = "UNTIL") -> str:
    """The rule as dateutil reads it, ended on the clocks of the event."""
    kept = parts.copy()
    for name in ("UNTIL", without):
        kept.pop(name, None)
    end = f";UNTIL={until:%Y%m%dT%H%M%S}" if until else ""
    return f"{kept.to_ical().decode()}{end}"


def _rule(start: datetime, text: str) -> rrule:
    try:
        rule: rrule = rrulestr(text, dtstart=start, cache=True)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise ValueError(f"RRULE cannot be read: {printable(text, 100)}") from error
    return rule
