"""Time zones: from a wall clock to instants and back, with the hours that do not exist or exist twice.

Owns: which zone names are accepted, and what a gap and an overlap do to a wall-clock time.
Never: knows what fires then.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from automation.text import nearest, printable
from automation.triggers.base import TriggerInvalid

_SECOND = timedelta(seconds=1)
#: No zone changes its offset twice within this span.
_STRIDE = timedelta(hours=12)
_OF_THE_MACHINE = ("local", "localtime", "system")
_ABBREVIATIONS = ("CET", "EET", "MET", "WET", "EST", "MST", "HST", "EST5EDT", "CST6CDT", "MST7MDT", "PST8PDT")


def load_zone(name: str) -> ZoneInfo:
    """The zone of this IANA name. Raises TriggerInvalid, with the nearest name, for any other."""
    if name.casefold() in _OF_THE_MACHINE:
        raise TriggerInvalid(
            f"time zone '{name}' means something else on each machine; write an IANA name, such as 'Europe/Madrid'",
            "timezone",
        )
    if name.startswith(("posix/", "right/")):
        raise TriggerInvalid(_unknown(name), "timezone")
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise TriggerInvalid(_unknown(name), "timezone") from error


def zone_warning(name: str) -> str | None:
    """What speaks against a zone that is accepted: abbreviations name a rule, and no place keeps to it for ever."""
    if name in _ABBREVIATIONS or name.startswith("Etc/GMT"):
        return f"time zone '{name}' names a fixed rule and no place; write the place, such as 'Europe/Madrid'"
    return None


def offset_at(moment: datetime, zone: ZoneInfo) -> timedelta:
    """How far the zone's wall clocks are ahead of UTC at this instant."""
    return moment.astimezone(zone).utcoffset() or timedelta(0)


def wall_at(moment: datetime, zone: ZoneInfo) -> datetime:
    """What the zone's wall clocks show at this instant; naive."""
    return moment.astimezone(zone).replace(tzinfo=None, fold=0)


def instant_of(wall: datetime, zone: ZoneInfo) -> datetime:
    """The instant of a wall-clock time: in an overlap the first, in a gap the first valid instant after it."""
    first = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if wall_at(first, zone) == wall:
        return first
    before = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    return _bisect(before, first, zone)


def is_ambiguous(moment: datetime, zone: ZoneInfo) -> bool:
    """Whether the wall-clock time of this instant comes twice."""
    wall = wall_at(moment, zone)
    both = {wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)}
    return len(both) == 2 and all(wall_at(instant, zone) == wall for instant in both)


def next_change(after: datetime, until: datetime, zone: ZoneInfo) -> datetime | None:
    """The first instant in (after, until] at which the zone's offset is another one; None when there is none."""
    low = after.replace(microsecond=0)
    offset = offset_at(low, zone)
    while low < until:
        high = min(low + _STRIDE, until)
        if offset_at(high, zone) != offset:
            return _bisect(low, high, zone)
        low = high
    return None


def _bisect(low: datetime, high: datetime, zone: ZoneInfo) -> datetime:
    """The instant in (low, high] at which the offset changes; to the second, which is as fine as offsets are."""
    offset = offset_at(low, zone)
    while high - low > _SECOND:
        middle = (low + (high - low) / 2).replace(microsecond=0)
        middle = max(middle, low + _SECOND)
        low, high = (middle, high) if offset_at(middle, zone) == offset else (low, middle)
    return high


@cache
def _unknown(name: str) -> str:
    shown = printable(name, 60)
    if not name:
        return "the time zone is empty; write an IANA name, such as 'Europe/Madrid'"
    if name.upper().startswith(("UTC", "GMT", "+", "-")) and any(char in name for char in "+-"):
        return (
            f"time zone '{shown}' is an offset, which knows no summer time; write an IANA name, such as 'Europe/Madrid'"
        )
    if not available_timezones():
        return "this machine has no time zones: install the package tzdata"
    meant = nearest(name, available_timezones() - {"localtime"})
    hint = f"did you mean '{meant}'?" if meant else "write an IANA name, such as 'Europe/Madrid'"
    return f"there is no time zone '{shown}'; {hint}"
