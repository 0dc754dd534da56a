"""`ics`: the events of a calendar file (RFC 5545).

Owns: which file may be read, and from its events to spans; what an event says that cannot be used.
Never: fetches a file; reads the text or computes a recurrence by hand: icalendar and dateutil do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from automation.text import count, printable, size
from automation.triggers.base import CalendarInvalid
from automation.triggers.events import Event, read_event
from automation.triggers.spans import Span
from automation.triggers.windows import shown

LARGEST = 5_000_000
MOST_EVENTS = 20_000
#: Steps that the recurrences of one file may take until 2050; a daily one takes 365 a year.
MOST_STEPS = 2_000_000
_EDGE = re.compile(rb"^(BEGIN|END):(VCALENDAR|VEVENT)\s*$", re.MULTILINE | re.IGNORECASE)
_FOLD = re.compile(rb"\r?\n[ \t]")
#: Zones are those of the tz database; a file's own rules for one are not needed, and may be endless.
_ZONES = re.compile(rb"^BEGIN:VTIMEZONE\s*$.*?^END:VTIMEZONE\s*$", re.MULTILINE | re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True)
class Events:
    """The events of a file; cancelled ones are not among them."""

    file: str
    events: tuple[Event, ...]

    def spans(self, start: datetime, end: datetime) -> Iterator[Span]:
        for event in self.events:
            yield from event.spans(start, end)

    def describe(self) -> str:
        return f"{count(len(self.events), 'event')} of {self.file}"


def read_ics(value: object, base: Path, zone: ZoneInfo) -> Events:
    """The events of a file in the project.

    Parameters
    ----------
    base: the folder of the project; the file is named from there, and lies inside.
    zone: of the calendar, for days and for times without a zone.

    Raises CalendarInvalid naming the file, and the event that is wrong.
    """
    file = _file(value, base)
    name = printable(str(value), 100)
    components = _components(_content(file, name), name)
    moved: dict[str, list[Any]] = {}
    for component in components:
        if "RECURRENCE-ID" in component:
            moved.setdefault(str(component.get("UID")), []).append(component["RECURRENCE-ID"])
    events: list[Event] = []
    for component in components:
        elsewhere = [] if "RECURRENCE-ID" in component else moved.get(str(component.get("UID")), [])
        try:
            event = read_event(component, elsewhere, zone)
        except ValueError as error:
            title = printable(str(component.get("SUMMARY") or component.get("UID") or "without a title"), 40)
            raise CalendarInvalid(f"{name}, event '{title}': {error}", "ics") from error
        if str(component.get("STATUS", "")).upper() != "CANCELLED":
            events.append(event)
    steps = sum(event.steps for event in events)
    if steps > MOST_STEPS:
        raise CalendarInvalid(
            f"{name}: its recurring events take {steps:,} steps until 2050, and {MOST_STEPS:,} are allowed; "
            "export the coming years alone, or end old series with UNTIL",
            "ics",
        )
    return Events(name, tuple(events))


def _file(value: object, base: Path) -> Path:
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise CalendarInvalid(f"found {shown(value)}; write the path of a file of the project", "ics")
    if "://" in value:
        raise CalendarInvalid(
            f"found {shown(value)}; calendars are not fetched: save the file in the project and write its path", "ics"
        )
    root = base.resolve()
    try:
        file = (root / value).resolve()
    except (OSError, RuntimeError) as error:
        raise CalendarInvalid(f"{shown(value)} cannot be followed to a file", "ics") from error
    if not file.is_relative_to(root):
        raise CalendarInvalid(f"{shown(value)} lies outside of the project; copy the file into it", "ics")
    return file


def _content(file: Path, name: str) -> bytes:
    try:
        length = file.stat().st_size
        if length > LARGEST:
            raise CalendarInvalid(f"'{name}' has {size(length)}; at most {size(LARGEST)} are read", "ics")
        return file.read_bytes()
    except OSError as error:
        reason = "there is no such file" if isinstance(error, FileNotFoundError) else error.strerror
        raise CalendarInvalid(
            f"'{name}' cannot be read: {reason}; the path starts at the project's folder", "ics"
        ) from error


def _components(content: bytes, name: str) -> list[Any]:
    """The events of the file. Raises CalendarInvalid for what is no calendar, and for one without events."""
    # Late: it takes a quarter of a second to import, and most projects have no such file.
    from icalendar import Calendar

    text = _ZONES.sub(b"", _FOLD.sub(b"", content.removeprefix(b"\xef\xbb\xbf")))
    edges = [(edge.upper(), kind.upper()) for edge, kind in _EDGE.findall(text)]
    begun = [kind for edge, kind in edges if edge == b"BEGIN"]
    if b"VCALENDAR" not in begun or sorted(begun) != sorted(kind for edge, kind in edges if edge == b"END"):
        why = "it ends in the middle" if b"VCALENDAR" in begun else "it does not begin with BEGIN:VCALENDAR"
        raise CalendarInvalid(f"'{name}' is no iCalendar file: {why}; export it again", "ics")
    try:
        calendars = Calendar.from_ical(text, multiple=True)
        events = [event for calendar in calendars for event in calendar.walk("VEVENT")]
    except (ValueError, KeyError, IndexError, RecursionError, AttributeError, TypeError) as error:
        raise CalendarInvalid(f"'{name}' is no iCalendar file: {printable(str(error), 120)}", "ics") from error
    if not events:
        raise CalendarInvalid(f"'{name}' has no events; export a calendar that has some", "ics")
    if len(events) > MOST_EVENTS:
        raise CalendarInvalid(f"'{name}' has {len(events):,} events; at most {MOST_EVENTS:,} are read", "ics")
    return events
