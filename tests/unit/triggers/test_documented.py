"""What the documents say of times, held against the triggers."""

from __future__ import annotations

import re
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from automation.triggers.calendar import parse_calendar
from automation.triggers.parse import parse_trigger
from automation.triggers.planning import Planning

DOCS = Path(__file__).resolve().parents[3] / "docs"
ROWS = [
    ("28 March 2027, 02:30 does not exist", {"dst_gap": "shift"}, "at 03:00", ["2027-03-28T03:00:00+02:00"]),
    ("the same, `\"skip\"`", {"dst_gap": "skip"}, "not on that day", []),
    ("31 October 2027, 02:30 comes twice", {"dst_overlap": "first"}, "at 02:30+02:00", ["2027-10-31T02:30:00+02:00"]),
    ("the same, `\"second\"`", {"dst_overlap": "second"}, "at 02:30+01:00", ["2027-10-31T02:30:00+01:00"]),
    (
        "the same, `\"both\"`", {"dst_overlap": "both"}, "at both",
        ["2027-10-31T02:30:00+02:00", "2027-10-31T02:30:00+01:00"],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("when", "options", "said", "expected"), ROWS)
def test_table_of_time_zones_is_true(when: str, options: dict[str, str], said: str, expected: list[str]) -> None:
    """Each row of the page, on the day that it names."""
    trigger = parse_trigger({"cron": "30 2 * * *", "timezone": "Europe/Berlin", **options})
    month, day = (3, 28) if "dst_gap" in options else (10, 31)
    fire, found = trigger.next_after(datetime(2027, month, day - 1, 12, tzinfo=UTC)), []
    while fire.astimezone(trigger.zone).day == day:
        found.append(fire.astimezone(trigger.zone).isoformat())
        fire = trigger.next_after(fire)

    assert found == expected
    assert re.search(rf"^\| {re.escape(when)}.*\| {re.escape(said)}", (DOCS / "time-zones.md").read_text("utf-8"), re.M)


def test_grid_with_an_anchor_is_the_documented_one() -> None:
    """The example of `every` fires at the times that the page lists."""
    trigger = parse_trigger({"every": "7h", "anchor": "2026-01-01T06:00:00+00:00"})
    fire, found = datetime(2026, 1, 1, 5, tzinfo=UTC), []
    for _ in range(4):
        fire = trigger.next_after(fire)
        found.append(f"{fire:%H:%M}")

    assert ", ".join(found) in (DOCS / "when.md").read_text("utf-8")


def test_calendar_rule_is_the_documented_one() -> None:
    """The rule of the page is the last working day of each month at nine: in January 2027 a Friday the 29th."""
    text = "DTSTART:20260105T090000 RRULE:FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1"
    trigger = parse_trigger({"rrule": text, "timezone": "Europe/Madrid"})

    assert text in (DOCS / "when.md").read_text("utf-8")
    assert trigger.next_after(datetime(2027, 1, 1, tzinfo=UTC)) == datetime(2027, 1, 29, 8, tzinfo=UTC)


def test_table_of_holidays_is_true() -> None:
    """At 06:00 on three days, of which two are holidays: skipped, or deferred to midnight as one."""
    page = (DOCS / "holidays.md").read_text("utf-8")
    calendars = tomllib.loads(re.search(r"^```toml\n(.*?)^```", page, re.M | re.S).group(1))["calendars"]
    madrid, zone = parse_calendar("m", calendars["holidays-madrid"], DOCS), ZoneInfo("Europe/Madrid")
    trigger = parse_trigger({"cron": "0 6 * * *", "timezone": "Europe/Madrid"})
    nominals = [datetime(2026, 12, day, 5, tzinfo=UTC) for day in (24, 25, 26)]
    skipped = [Planning(not_during=(madrid,)).plan(trigger, one) for one in nominals]
    deferred = [Planning(not_during=(madrid,), on_blackout="defer").plan(trigger, one) for one in nominals]

    assert [one.blackout for one in skipped] == ["not_during m", "not_during m", None]
    assert [f"{one.time.astimezone(zone):%d %H:%M}" for one in deferred] == ["26 00:00", "26 00:00", "26 06:00"]
    assert "on the 26th at 00:00, and at 06:00" in page
