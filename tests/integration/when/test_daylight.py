"""Days on which the clocks are changed, all over the world, with a scheduler that is restarted in the middle of it."""

from __future__ import annotations

import itertools
from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

AT_ONCE = dict.fromkeys(["night", "hours", "grid"], timedelta())
SHAPES = """
[jobs.night]
plugin = "shell"
params.command = "true"
cron = "{night}"
timezone = "{zone}"
catchup = "all"
[jobs.hours]
plugin = "shell"
params.command = "true"
cron = "5 * * * *"
timezone = "{zone}"
catchup = "all"
[jobs.grid]
plugin = "shell"
params.command = "true"
every = "1h"
catchup = "all"
"""
#: Zone, the day of a change, when the clocks change (UTC), how far they go, and a wall-clock time that it concerns.
CHANGES = [
    ("Europe/Madrid", "2026-03-29T01:00", 60, "30 2 * * *"),
    ("Europe/Madrid", "2026-10-25T01:00", -60, "30 2 * * *"),
    ("America/New_York", "2026-03-08T07:00", 60, "30 2 * * *"),
    ("America/New_York", "2026-11-01T06:00", -60, "30 1 * * *"),
    ("Europe/London", "2026-03-29T01:00", 60, "30 1 * * *"),
    ("Europe/London", "2026-10-25T01:00", -60, "30 1 * * *"),
    ("Australia/Lord_Howe", "2026-04-04T15:00", -30, "45 1 * * *"),
    ("Australia/Lord_Howe", "2026-10-03T15:30", 30, "15 2 * * *"),
    ("Africa/Casablanca", "2026-02-15T02:00", -60, "30 2 * * *"),
    ("Africa/Casablanca", "2026-03-22T02:00", 60, "30 2 * * *"),
    ("Africa/Cairo", "2026-04-23T22:00", 60, "0 0 * * *"),
    ("Africa/Cairo", "2026-10-29T21:00", -60, "30 23 * * *"),
]


def local_days(zone, rows):
    return Counter(row.nominal_time.astimezone(ZoneInfo(zone)).date() for row in rows)


@pytest.mark.parametrize(("zone", "change", "minutes", "night"), CHANGES)
def test_every_shape_over_a_change_with_a_restart_in_it(time_machine, zone, change, minutes, night):
    """Once a night by the clock, once an hour by the hand, each half hour by the grid: nothing twice, nothing lost."""
    at = datetime.fromisoformat(change).replace(tzinfo=UTC)
    before, after = (at + step - timedelta(seconds=1) for step in (timedelta(), timedelta(seconds=2)))
    went = after.astimezone(ZoneInfo(zone)).utcoffset() - before.astimezone(ZoneInfo(zone)).utcoffset()
    assert went == timedelta(minutes=minutes), "the tz database has this change"
    start, end = at - timedelta(hours=2.01), at + timedelta(hours=2.01)
    restart = (at - timedelta(minutes=10), at + timedelta(minutes=20))
    happened = time_machine(SHAPES.format(zone=zone, night=night), start, end, down=[restart], takes=AT_ONCE)

    [one] = happened.of("night")
    hours, grid = happened.of("hours"), happened.of("grid")
    assert {row.state for row in happened.rows} == {"succeeded"}
    assert one.nominal_time - at < timedelta(hours=2)
    assert len({row.nominal_time for row in hours}) == len(hours) == 4
    steps = {later.nominal_time - sooner.nominal_time for sooner, later in itertools.pairwise(grid)}
    assert (steps, len(grid) in (4, 5)) == ({timedelta(hours=1)}, True)


def test_the_day_that_samoa_did_not_have(time_machine, job, utc):
    """After Thursday the 29th of December 2011 came Saturday: its midnight is that of the day that was left out too."""
    zone = "Pacific/Apia"
    text = job('cron = "0 0 * * *"', timezone=f'"{zone}"')
    happened = time_machine(
        text, utc(2011, 12, 28), utc(2012, 1, 3), down=[(utc(2011, 12, 30, 9), utc(2011, 12, 30, 11))]
    )
    rows = happened.of("books")

    assert {row.state for row in rows} == {"succeeded"}
    assert max(local_days(zone, rows).values()) == 1
    assert len({row.nominal_time for row in rows}) == len(rows) == 6


def test_leap_day(time_machine, job, utc):
    """The 29th of February comes when there is one."""
    happened = time_machine(job('cron = "0 12 29 2 *"'), utc(2027, 1, 1), utc(2033, 1, 1))

    assert [row.nominal_time for row in happened.of("books")] == [utc(2028, 2, 29, 12), utc(2032, 2, 29, 12)]
    assert happened.states("books") == {"succeeded": 2}
