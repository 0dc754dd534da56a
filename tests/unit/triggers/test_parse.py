"""From a specification to a trigger."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from automation.triggers.base import TriggerInvalid
from automation.triggers.cron import CronTrigger
from automation.triggers.interval import IntervalTrigger
from automation.triggers.parse import parse_trigger


def test_kind_follows_from_the_key() -> None:
    """`cron` with its zone, or `every`; a specification may come from JSON."""
    stored = json.loads(json.dumps({"cron": "0 7 * * mon", "timezone": "Europe/Madrid"}))

    assert parse_trigger(stored) == CronTrigger("0 7 * * mon", "Europe/Madrid")
    assert parse_trigger({"every": "30s"}) == IntervalTrigger.parse("30s")


@pytest.mark.parametrize(
    ("spec", "fire"),
    [
        ({"cron": "*/20 0 7 * * *", "seconds": "first"}, "2026-11-21T07:00:00"),
        ({"cron": "0 0 13 * fri", "day_match": "and"}, "2027-08-13T00:00:00"),
        ({"cron": "30 2 * * *", "timezone": "Europe/Berlin", "dst_gap": "skip"}, "2026-11-21T01:30:00"),
        ({"every": "7h", "anchor": "2026-11-21T01:00:00+01:00"}, "2026-11-21T07:00:00"),
        ({"rrule": "DTSTART:20260105T090000 RRULE:FREQ=DAILY"}, "2026-11-21T09:00:00"),
        ({"every": "1h", "start_at": "2030-01-01T00:30:00+00:00"}, "2030-01-01T01:00:00"),
        ({"every": "1h", "end_at": "2026-11-21T00:00:00+00:00"}, None),
        ({"at": "2026-12-24T09:00:00+01:00", "timezone": "Europe/Madrid"}, "2026-12-24T08:00:00"),
        ({"at": ["2026-12-24T09:00:00Z", "2026-01-01T09:00:00Z"]}, "2026-12-24T09:00:00"),
        ({"fixed_delay": "30m"}, "2026-11-21T00:30:00"),
        ({"fixed_delay": "30m", "start_at": "2026-12-01T00:00:00Z"}, "2026-12-01T00:00:00"),
    ],
)
def test_specification_is_all_that_a_trigger_needs(spec: dict[str, Any], fire: str | None) -> None:
    """What the ledger keeps as JSON makes the same trigger again, options included."""
    found = parse_trigger(json.loads(json.dumps(spec))).next_after(datetime(2026, 11, 21, tzinfo=UTC))

    assert found == (None if fire is None else datetime.fromisoformat(fire).replace(tzinfo=UTC))


def test_zone_is_utc_unless_said() -> None:
    """A cron without a zone is read in UTC."""
    assert parse_trigger({"cron": "0 7 * * *"}) == CronTrigger("0 7 * * *", "UTC")


@pytest.mark.parametrize(
    ("spec", "key"),
    [
        ({}, ""),
        ({"cron": "0 7 * * *", "every": "1m"}, ""),
        ({"cron": 5}, "cron"),
        ({"cron": "0 7 * * *", "timezone": 2}, "timezone"),
        ({"cron": "0 7 * * *", "timezone": "Mars/Olympus"}, "timezone"),
        ({"every": 30}, "every"),
        ({"every": ["30s"]}, "every"),
        ({"at": 5}, "at"),
        ({"at": "2027-01-01T00:00:00Z", "start_at": "2026-01-01T00:00:00Z"}, "start_at"),
        ({"at": "2027-01-01T00:00:00Z", "end_at": "2028-01-01T00:00:00Z"}, "end_at"),
        ({"at": "2027-01-01T00:00:00Z", "dst_gap": "skip"}, "dst_gap"),
        ({"at": "2027-01-01T00:00:00Z", "every": "1h"}, ""),
        ({"fixed_delay": 30}, "fixed_delay"),
        ({"fixed_delay": "30s", "anchor": "2026-01-01T00:00:00Z"}, "anchor"),
        ({"every": "1m", "seconds": "first"}, "seconds"),
        ({"cron": "0 7 * * *", "anchor": "2026-01-01T00:00:00+00:00"}, "anchor"),
        ({"rrule": "DTSTART:20260105 RRULE:FREQ=DAILY", "day_match": "and"}, "day_match"),
        ({"every": "1m", "start_at": "soon"}, "start_at"),
        ({"every": "1m", "end_at": "2026-01-01T00:00:00"}, "end_at"),
        ({"every": "1m", "start_at": "2026-01-02T00:00:00Z", "end_at": "2026-01-02T00:00:00Z"}, "end_at"),
    ],
)
def test_specification_that_is_none_is_refused(spec: dict[str, Any], key: str) -> None:
    """None, both, or a wrong type is a ValueError that names the key."""
    with pytest.raises(TriggerInvalid) as refused:
        parse_trigger(spec)

    assert refused.value.key == key
