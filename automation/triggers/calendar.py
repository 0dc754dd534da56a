"""`[calendars.NAME]`: a set of instants, and when it begins and ends.

Owns: which entries a calendar has, and whether it covers an instant.
Never: knows what it is used for.
"""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from automation.text import nearest, printable
from automation.triggers.base import CalendarInvalid, TriggerInvalid, Wrong
from automation.triggers.holidays import read_holidays
from automation.triggers.spans import FIRST_YEAR, LAST_YEAR, Part, Span, year_of
from automation.triggers.wallclock import load_zone
from automation.triggers.windows import read_dates, read_ranges, read_weekly, read_yearly, shown

__all__ = ["ENTRIES", "KEYS", "Calendar", "CalendarInvalid", "parse_calendar"]

ENTRIES = ("dates", "yearly", "weekly", "ranges", "ics", "country")
KEYS = (*ENTRIES, "subdivision", "categories", "timezone")
_OF_COUNTRY = ("subdivision", "categories")
_TABLES: Mapping[str, Callable[[object], Part]] = {
    "dates": read_dates,
    "yearly": read_yearly,
    "weekly": read_weekly,
    "ranges": read_ranges,
}
_EXAMPLE = 'dates = [2026-12-24] or country = "ES"'


@dataclass(frozen=True)
class Calendar:
    """What any of its parts covers, on the clocks of its zone.

    A day or a window of the clocks is each instant at which they show a time inside of it: in an hour that comes twice
    both passes, in one that does not exist nothing.

    Parameters
    ----------
    table: what it was made of, in JSON's types: dates are ISO text.
    """

    name: str
    timezone: str
    parts: tuple[Part, ...]
    table: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    _years: dict[int, tuple[Span, ...]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def covers(self, moment: datetime) -> bool:
        """Whether the instant is inside. Nothing is before 1900 or after 9000."""
        return self._span(moment.astimezone(UTC)) is not None

    def next_change(self, moment: datetime, until: datetime) -> datetime | None:
        """The first instant in (moment, until] at which the answer of `covers` is another one; None without one."""
        moment, until = moment.astimezone(UTC), until.astimezone(UTC)
        found = self._end(moment, until) if self.covers(moment) else self._begin(moment, until)
        return found if found is not None and found <= until else None

    def describe(self) -> str:
        """The entries in words, with the time zone."""
        return f"{'; '.join(part.describe() for part in self.parts)}; {self.timezone}"

    @cached_property
    def digest(self) -> str:
        """A fingerprint of its entries: the same for equal ones in every process, another one for others."""
        return hashlib.sha256(f"{self.timezone} {_stable(self.parts)}".encode()).hexdigest()[:16]

    def _span(self, moment: datetime) -> Span | None:
        """The span of its year that holds the instant."""
        spans = self._year(moment.year)
        place = bisect_right(spans, moment, key=lambda span: span[0])
        return spans[place - 1] if place and moment < spans[place - 1][1] else None

    def _end(self, moment: datetime, until: datetime) -> datetime:
        """The first instant outside, from one inside; one after `until` when that comes first."""
        while moment <= until and (span := self._span(moment)) is not None:
            moment = span[1]
        return moment

    def _begin(self, moment: datetime, until: datetime) -> datetime | None:
        """The first instant inside, from one outside."""
        for year in range(max(moment.year, FIRST_YEAR), min(until.year, LAST_YEAR) + 1):
            spans = self._year(year)
            place = bisect_right(spans, moment, key=lambda span: span[0])
            if place < len(spans):
                return spans[place][0]
        return None

    def _year(self, year: int) -> tuple[Span, ...]:
        if year not in self._years:
            zone = ZoneInfo(self.timezone)
            self._years[year] = year_of(self.parts, zone, year) if FIRST_YEAR <= year <= LAST_YEAR else ()
        return self._years[year]


def parse_calendar(name: str, spec: Mapping[str, Any], base: Path) -> Calendar:
    """The calendar that a table of TOML declares.

    Parameters
    ----------
    spec: the table; a `timezone` that it lacks is UTC.
    base: the folder of the project, in which the file of `ics` lies.

    Raises CalendarInvalid with a sentence, and the key that is wrong in `key`; what else is wrong is in `others`.
    """
    zone, wrong = "UTC", Wrong()
    parts: list[Part] = []
    for key in spec:
        with wrong.kept():
            _check_key(key, spec)
    with wrong.kept():
        zone = _zone(spec.get("timezone", zone))
    for read in _reads(spec, base, zone):
        with wrong.kept():
            parts.append(read())
    wrong.tell()
    if not parts:
        raise CalendarInvalid(f"is empty; write one of {', '.join(ENTRIES)}, such as {_EXAMPLE}")
    return Calendar(name, zone, tuple(parts), _kept(spec))


def _kept(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The table in JSON's types; no entry comes before another one."""
    plain: dict[str, Any] = json.loads(json.dumps(dict(spec), default=str))
    return {key: sorted(value, key=str) if isinstance(value, list) else value for key, value in plain.items()}


def _stable(value: object) -> str:
    """The value as text that no order of a set changes."""
    if is_dataclass(value):
        return f"{type(value).__name__}({_stable(tuple(getattr(value, one.name) for one in fields(value)))})"
    if isinstance(value, tuple):
        return f"({', '.join(map(_stable, value))})"
    return _stable(tuple(sorted(map(_stable, value)))) if isinstance(value, frozenset) else repr(value)


def _check_key(key: str, spec: Mapping[str, Any]) -> None:
    if key not in KEYS:
        meant = nearest(key, KEYS)
        hint = f"did you mean '{meant}'?" if meant else f"allowed are: {', '.join(KEYS)}"
        raise CalendarInvalid(f"unknown key '{printable(key, 60)}'; {hint}", key)
    if key in _OF_COUNTRY and "country" not in spec:
        raise CalendarInvalid(f"{key} belongs to country; write country, or remove it", key)


def _zone(name: object) -> str:
    if not isinstance(name, str):
        raise CalendarInvalid(f"found {shown(name)}; write an IANA name, such as 'Europe/Madrid'", "timezone")
    try:
        load_zone(name)
    except TriggerInvalid as error:
        raise CalendarInvalid(str(error), "timezone") from error
    return name


def _reads(spec: Mapping[str, Any], base: Path, zone: str) -> Iterator[Callable[[], Part]]:
    """What reads each entry that the table has."""
    for key, read in _TABLES.items():
        if key in spec:
            yield partial(read, spec[key])
    if "ics" in spec:
        # Late: it brings dateutil, which takes longer to import than all the rest.
        from automation.triggers.ics import read_ics

        yield partial(read_ics, spec["ics"], base, ZoneInfo(zone))
    if "country" in spec:
        yield partial(read_holidays, spec["country"], spec.get("subdivision"), spec.get("categories"))
