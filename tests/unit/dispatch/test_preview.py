"""What `next` shows is what the scheduler decides: the same fires, the same times, the same obstacles."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from automation.dispatch.decide import decide
from automation.dispatch.reasons import word_of
from automation.dispatch.situation import Situation
from automation.ledger.rows import NewRun
from automation.ledger.states import State
from automation.project.fires import Fire, coming
from automation.project.model import Job, Overlap, Schedule
from automation.retry import RetryPolicy
from automation.triggers.calendar import parse_calendar
from automation.triggers.parse import parse_trigger
from automation.triggers.planning import Planning

START = datetime(2026, 3, 27, 13, tzinfo=UTC)
NIGHTS = parse_calendar("nights", {"weekly": ["mon-sun 20:00-08:00"]}, Path())
SPECS: list[dict[str, Any]] = [
    {"every": "40m"}, {"every": "7h"}, {"cron": "*/30 * * * *", "timezone": "Europe/Madrid"},
    {"cron": "30 2 * * *", "timezone": "Europe/Madrid"},
]  # fmt: skip


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    """A rule with jitter and a blackout each night, which skips or defers."""
    spec = draw(st.sampled_from(SPECS))
    planning = Planning(
        "books/main", timedelta(minutes=draw(st.sampled_from([0, 5, 50]))), draw(st.sampled_from(["random", "stable"])),
        not_during=(NIGHTS,) if draw(st.booleans()) else (), on_blackout=draw(st.sampled_from(["skip", "defer"])),
    )  # fmt: skip
    return Schedule("main", parse_trigger(spec), "Europe/Madrid", spec, planning=planning)


def planned(job: Job, schedule: Schedule, until: datetime) -> Iterator[Fire]:
    """What `next` shows of the nominal times after the deploy."""
    found = takewhile(lambda one: one.planned.time <= until, coming(job, schedule, START))
    return (one for one in found if one.nominal_time > START)


def decided(job: Job, schedule: Schedule, until: datetime) -> list[NewRun]:
    """What a scheduler decides that looks each time something is planned, and never finds a run open."""
    cursor, found = START, []
    for fire in planned(job, schedule, until):
        one = decide(job, schedule, fire.planned.time, Situation(cursor))
        if one is not None:
            found += one.runs
            cursor = one.cursor
    return found


@settings(max_examples=30)
@given(schedules())
def test_the_preview_is_what_is_decided(schedule: Schedule) -> None:
    """Of three days: what is to run does, and what is marked as merged or blacked out is recorded as that."""
    job = Job(
        "books", "shell", {}, (schedule,), True, False, "q", 5, timedelta(minutes=1), timedelta(), RetryPolicy(), (), "",
        Path("a.toml"), 1, overlap=Overlap("allow"),
    )  # fmt: skip
    until = START + timedelta(days=3)
    shown = list(planned(job, schedule, until))
    runs = decided(job, schedule, until)

    assert [(run.nominal_time, run.planned_time, run.state is State.QUEUED) for run in runs] == [
        (fire.nominal_time, fire.planned.time, fire.runs) for fire in shown
    ]
    assert all(word_of(run.reason) in "".join(fire.marks) for run, fire in zip(runs, shown, strict=True) if run.reason)
