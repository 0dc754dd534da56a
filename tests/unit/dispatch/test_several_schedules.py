"""A job with several schedules: each has its own occurrences, entry and next fire; the job itself runs once at a time."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from celery import Celery

from automation.dispatch.decide import decide
from automation.dispatch.situation import Situation
from automation.ledger.rows import OpenRun
from automation.ledger.states import State
from automation.project.load import load_project
from automation.project.model import Job
from automation.registry import load_registry
from automation.scheduler.entry import ScheduleDecoder, ScheduleEntry, TriggerSchedule

TOML = """
[jobs.tidy]
plugin = "shell"
params.command = "true"
timezone = "Europe/Berlin"
[[jobs.tidy.schedules]]
id = "nightly"
cron = "30 2 * * *"
dst_overlap = "both"
[[jobs.tidy.schedules]]
id = "spread"
cron = "H 2 * * *"
[[jobs.tidy.schedules]]
id = "half-hours"
every = "30m"
anchor = 2026-01-01T00:00:00Z
start_at = 2026-10-25
[[jobs.tidy.schedules]]
id = "rule"
rrule = "DTSTART:20260101T023000 RRULE:FREQ=DAILY"
end_at = 2027-01-01
"""
BEFORE = datetime(2026, 10, 25, 0, 29, 59, tzinfo=UTC)
FIRST, SECOND = datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


@pytest.fixture
def job(tmp_path: Path) -> Job:
    (tmp_path / "schedules").mkdir()
    (tmp_path / "schedules" / "a.toml").write_text(TOML)
    project = load_project(tmp_path, load_registry(tmp_path), {})
    assert project.problems == ()
    return project.job("tidy")


def test_each_schedule_has_occurrences_of_its_own(job: Job) -> None:
    """The same instant of two schedules is two occurrences; their runs have different ids."""
    decided = [decide(job, job.schedule(name), FIRST, Situation(BEFORE)) for name in ("nightly", "half-hours", "rule")]

    assert {one.runs[0].nominal_time for one in decided} == {FIRST}
    assert [one.runs[0].schedule for one in decided] == ["nightly", "half-hours", "rule"]
    assert len({one.runs[0].id for one in decided}) == 3


def test_second_schedule_is_skipped_while_the_first_is_at_work(job: Job) -> None:
    """A job runs once at a time, whichever schedule asked first; the reason is kept."""
    first = decide(job, job.schedule("nightly"), FIRST, Situation(BEFORE))
    waiting = OpenRun(first.runs[0].id, "tidy", State.QUEUED, 0, FIRST)
    second = decide(job, job.schedule("half-hours"), FIRST, Situation(BEFORE, open_runs=[waiting]))

    assert second.runs[0].state is State.SKIPPED
    assert first.runs[0].id in second.runs[0].reason


def test_both_passes_of_a_repeated_hour_are_two_occurrences(job: Job) -> None:
    """An occurrence is known by its instant, which no two passes share."""
    runs = [decide(job, job.schedule("nightly"), now, Situation(BEFORE)).runs[-1] for now in (FIRST, SECOND)]

    assert [run.nominal_time for run in runs] == [FIRST, SECOND]
    assert runs[0].id != runs[1].id


def test_entry_in_redis_holds_all_that_its_schedule_needs(job: Job) -> None:
    """Read back from JSON, without the project, each entry is due when the schedule is."""
    app = Celery(set_as_current=False)
    app.conf.redbeat_redis_url = "redis://nowhere.invalid"
    for schedule in job.schedules:
        entry = ScheduleEntry.of(app, job.name, schedule.id, TriggerSchedule(schedule.spec, app=app), BEFORE)
        stored = json.loads(entry.fields()["definition"], cls=ScheduleDecoder)

        assert stored["name"] == f"tidy/{schedule.id}"
        assert entry.score == schedule.trigger.next_after(BEFORE).timestamp()
        assert stored["schedule"].trigger.next_after(BEFORE) == schedule.trigger.next_after(BEFORE)
