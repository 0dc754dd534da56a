"""Instants in a schedule's table: TOML's dates and times, on the clocks of the schedule's zone.

Owns: how `at`, `start_at`, `end_at` and `anchor` are read, and what is said of a time that clocks skip or repeat.
Never: knows when anything fires.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from automation.project.values import Reader, Table, shown
from automation.text import instant, printable
from automation.triggers.at import FIRST_YEAR, LAST_YEAR, MOST
from automation.triggers.wallclock import instant_of, is_ambiguous, load_zone, wall_at

_WANTED = "write a date or a date and time without quotes, such as 2027-01-31T09:00:00Z"


def read_instant(own: Reader, table: Table, key: str, timezone: str) -> datetime | None:
    """The instant under this key; None after noting why there is none."""
    return _instant(own, table, [key], table.values[key], timezone)


def read_at(own: Reader, table: Table, timezone: str) -> str | list[str]:
    """The instants of `at` in ISO 8601, one or a list; "" after noting what is wrong with one of them."""
    value = table.values["at"]
    if not isinstance(value, list):
        moment = _fire(own, table, ["at"], value, timezone)
        return moment.isoformat() if moment else ""
    if len(value) > MOST:
        own.notes.at(table, ["at"], f"has {len(value)} instants; write at most {MOST}, or a cron or an rrule")
        return ""
    moments = [_fire(own, table, ["at", number], one, timezone) for number, one in enumerate(value)]
    if not value:
        own.notes.at(table, ["at"], "is empty; write an instant, such as 2027-01-31T09:00:00Z, or remove the key")
    return [moment.isoformat() for moment in moments if moment] if all(moments) else ""


def _fire(own: Reader, table: Table, path: list[str | int], value: Any, timezone: str) -> datetime | None:
    """An instant that fires; one whose time the clocks of that day skip or repeat is warned of."""
    moment = _instant(own, table, path, value, timezone)
    if moment is None or not isinstance(value, datetime) or value.tzinfo is not None:
        return moment
    zone = load_zone(timezone)
    if wall_at(moment, zone) != value:
        what = f"does not exist, so that it is {wall_at(moment, zone):%H:%M}"
    elif is_ambiguous(moment, zone):
        what = f"comes twice, and the first one is meant, {instant(moment)}"
    else:
        return moment
    own.notes.at(
        table, path, f"{value:%Y-%m-%d %H:%M} on the clocks of {timezone} {what}; write the offset to choose",
        severity="warning",
    )  # fmt: skip
    return moment


def _instant(own: Reader, table: Table, path: list[str | int], value: Any, timezone: str) -> datetime | None:
    """The instant of a TOML date-time: with an offset it is that instant, without one on the zone's clocks."""
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)  # noqa: DTZ001  midnight on the zone's clocks
    if not isinstance(value, datetime):
        own.notes.at(table, path, f"found {shown(value)}; {_WANTED}")
        return None
    years = f"write a year from {FIRST_YEAR} to {LAST_YEAR}"
    try:
        moment = value.astimezone(UTC) if value.tzinfo else instant_of(value, load_zone(timezone))
    except OverflowError:
        own.notes.at(table, path, f"found {shown(value)}; {years}")
        return None
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        own.notes.at(table, path, f"found {printable(moment.isoformat(), 40)}; {years}")
        return None
    return moment
