"""A schedule as RedBeat keeps it, and as it comes back."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from hypothesis import given
from hypothesis import strategies as st
from redbeat.schedulers import RedBeatSchedulerEntry, ensure_conf

from automation.broker.endpoints import Endpoints
from automation.queue.app import RUN_TASK, make_app
from automation.scheduler.entry import (
    NEVER,
    ScheduleDecoder,
    ScheduleEncoder,
    ScheduleEntry,
    TriggerSchedule,
    entry_name,
)
from automation.settings import read_settings
from automation.triggers.planning import Planning

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SPECS = st.sampled_from(
    [
        {"every": "30s"},
        {"every": "7h"},
        {"cron": "*/15 8-20 * * mon-fri", "timezone": "Europe/Madrid"},
        {"cron": "30 2 * * *", "timezone": "America/New_York"},
        {"cron": "0 0 29 2 *", "timezone": "UTC"},
    ]
)
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))


def app() -> Celery:
    made = make_app(read_settings(Path("/srv/shop"), {}), Endpoints("redis://127.0.0.1/0", "redis://127.0.0.1/0"))
    ensure_conf(made)
    return made


APP = app()


def entry(spec: dict[str, Any], cursor: datetime = NOON) -> ScheduleEntry:
    return ScheduleEntry.of(APP, "books", "main", TriggerSchedule(spec, app=APP), cursor)


@given(SPECS, MOMENTS)
def test_entry_goes_round_through_its_hash(spec: dict[str, str], cursor: datetime) -> None:
    """Rule, task, name and cursor come back as they went."""
    fields = entry(spec, cursor).fields()
    back = json.loads(fields["definition"], cls=ScheduleDecoder)

    assert (back["name"], back["task"], back["enabled"], back["args"]) == ("books/main", RUN_TASK, True, [])
    assert back["schedule"].spec == spec
    assert back["schedule"].trigger.next_after(cursor) == entry(spec, cursor).schedule.trigger.next_after(cursor)
    assert RedBeatSchedulerEntry.decode_meta(fields["meta"])["last_run_at"] == cursor


def test_redbeat_reads_the_definition_too() -> None:
    """Its own tools see the rule, if not what to do with it."""
    found = RedBeatSchedulerEntry.decode_definition(entry({"every": "30s"}).fields()["definition"])

    assert found["schedule"] == {"__type__": "automation", "spec": {"every": "30s"}}


@given(SPECS, MOMENTS)
def test_score_is_the_next_fire_after_the_cursor(spec: dict[str, str], cursor: datetime) -> None:
    """In seconds since 1970, as the sorted set counts."""
    one = entry(spec, cursor)
    following = one.schedule.trigger.next_after(cursor)

    assert one.score == following.timestamp() > cursor.timestamp()


def test_score_is_the_planned_time() -> None:
    """With the schedule's jitter: nobody looks at an entry before its fire is to start."""
    planning = Planning("books/main", jitter=timedelta(minutes=10))
    schedule = TriggerSchedule({"every": "1h"}, app=APP, planning=planning)
    one = ScheduleEntry.of(APP, "books", "main", schedule, NOON)
    planned = planning.plan(schedule.trigger, NOON + timedelta(hours=1)).time

    assert one.score == planned.timestamp() > (NOON + timedelta(hours=1)).timestamp()
    assert json.loads(one.fields()["definition"], cls=ScheduleDecoder)["schedule"].spec == {"every": "1h"}


def test_rule_that_never_fires_again_is_never_due() -> None:
    """Its score lies below every moment that is asked for."""

    class Done:
        def next_after(self, moment: datetime) -> datetime | None:
            return None

    schedule = TriggerSchedule({"every": "1h"}, Done(), APP)  # type: ignore[arg-type]
    one = ScheduleEntry.of(APP, "books", "main", schedule, NOON)

    assert one.score == NEVER < 0
    assert tuple(schedule.is_due(NOON)) == (False, float("inf"))
    assert schedule.remaining_estimate(NOON) is None


@pytest.mark.parametrize(("ago", "due"), [(timedelta(hours=2), True), (timedelta(0), False)])
def test_schedule_speaks_celerys_words(ago: timedelta, due: bool) -> None:
    """Due when a fire lies between the last one and now; the wait is never below zero."""
    schedule = TriggerSchedule({"every": "1h"}, app=APP)
    answer = schedule.is_due(datetime.now(UTC) - ago)

    assert answer.is_due is due
    assert 0 <= answer.next <= 3600


def test_codec_leaves_redbeats_own_kinds_alone() -> None:
    """Datetimes and Celery's schedules go as ever."""
    from celery.schedules import crontab

    stored = json.dumps({"at": NOON, "rule": crontab(minute="5")}, cls=ScheduleEncoder)

    assert json.loads(stored, cls=ScheduleDecoder) == {"at": NOON, "rule": crontab(minute="5")}


def test_name_tells_job_and_schedule() -> None:
    """And the key in Redis has our prefix."""
    assert entry_name("books", "main") == "books/main"
    assert entry({"every": "1h"}).key == "automation:redbeat:books/main"
