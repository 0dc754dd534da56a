"""The changes of the clocks that people meet, one table for every kind of rule that names a wall-clock time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from automation.triggers.at import AtTrigger
from automation.triggers.base import Trigger
from automation.triggers.cron import CronTrigger
from automation.triggers.rrule import RRuleTrigger
from automation.triggers.wallclock import instant_of

#: Zone, what the rule names, when it fires.
VECTORS = [
    ("Europe/Berlin", "2026-03-29T02:30", "2026-03-29T03:00+02:00"),
    ("Europe/Berlin", "2026-10-25T02:30", "2026-10-25T02:30+02:00"),
    ("America/New_York", "2026-03-08T02:30", "2026-03-08T03:00-04:00"),
    ("America/New_York", "2026-11-01T01:30", "2026-11-01T01:30-04:00"),
    ("Australia/Lord_Howe", "2026-04-05T01:45", "2026-04-05T01:45+11:00"),
    ("Australia/Lord_Howe", "2026-10-04T02:15", "2026-10-04T02:30+11:00"),
    ("Africa/Cairo", "2026-04-24T00:00", "2026-04-24T01:00+03:00"),
    ("Africa/Cairo", "2026-10-29T23:30", "2026-10-29T23:30+03:00"),
    ("Asia/Beirut", "2026-03-29T00:00", "2026-03-29T01:00+03:00"),
    ("America/Santiago", "2026-09-06T00:00", "2026-09-06T01:00-03:00"),
    ("Africa/Casablanca", "2026-02-15T02:30", "2026-02-15T02:30+01:00"),
    ("Africa/Casablanca", "2026-03-22T02:30", "2026-03-22T03:00+01:00"),
    ("Pacific/Apia", "2011-12-30T12:00", "2011-12-31T00:00+14:00"),
    # A leap day, and the year 2100, which has none.
    ("Europe/Berlin", "2028-02-29T02:30", "2028-02-29T02:30+01:00"),
    ("Europe/Berlin", "2100-02-28T02:30", "2100-02-28T02:30+01:00"),
    ("Europe/Berlin", "2100-03-01T02:30", "2100-03-01T02:30+01:00"),
    ("Europe/Berlin", "2100-03-28T02:30", "2100-03-28T03:00+02:00"),
    ("Europe/Berlin", "2100-10-31T02:30", "2100-10-31T02:30+02:00"),
]


def cron(wall: datetime, zone: str) -> Trigger:
    return CronTrigger(f"{wall.minute} {wall.hour} {wall.day} {wall.month} *", zone)


def rrule(wall: datetime, zone: str) -> Trigger:
    return RRuleTrigger(f"DTSTART:20080101T{wall:%H%M}00 RRULE:FREQ=DAILY", zone)


def at(wall: datetime, zone: str) -> Trigger:
    return AtTrigger([instant_of(wall, ZoneInfo(zone))], zone)


@pytest.mark.parametrize("rule", [cron, rrule, at])
@pytest.mark.parametrize(("zone", "named", "expected"), VECTORS)
def test_every_kind_of_rule_fires_at_the_same_instant(rule: object, zone: str, named: str, expected: str) -> None:
    """With the defaults a missing time is the first instant after the gap, and a repeated one its first pass."""
    wall, fire = datetime.fromisoformat(named), datetime.fromisoformat(expected)
    before = instant_of(wall, ZoneInfo(zone)) - timedelta(hours=1)

    assert rule(wall, zone).next_after(before) == fire


@pytest.mark.parametrize("rule", [cron, rrule])
@pytest.mark.parametrize(("zone", "named", "expected"), [one for one in VECTORS if one[1][11:] != one[2][11:16]])
def test_time_that_was_moved_out_of_a_gap_is_marked(rule: object, zone: str, named: str, expected: str) -> None:
    """Whoever reads the list of fires sees why the time is another one."""
    trigger = rule(datetime.fromisoformat(named), zone)

    assert trigger.marks(datetime.fromisoformat(expected)) == ("gap:shifted",)


@pytest.mark.parametrize("year", [2026, 2027, 2096, 2097, 2100])
def test_leap_day_is_waited_for(year: int) -> None:
    """29 February is next in 2028, and after 2096 in 2104: 2100 is no leap year."""
    moment, expected = datetime(year, 3, 1, tzinfo=UTC), 2028 if year < 2028 else 2104
    wall = datetime(2028, 2, 29, 7)

    assert cron(wall, "UTC").next_after(moment) == datetime(expected, 2, 29, 7, tzinfo=UTC)
