"""Jobs and decisions for tests of what is due."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from automation.dispatch.decide import CHUNK, decide
from automation.dispatch.situation import Situation
from automation.ledger.rows import OpenRun
from automation.ledger.states import State
from automation.project.model import Job, Overlap, Schedule, Timing
from automation.retry import RetryPolicy
from automation.triggers.parse import parse_trigger
from automation.triggers.planning import Planning


def make_job(*specs, timing=None, overlap=None, planning=None, **changes):
    """A job with a schedule for each spec: `main`, or `a`, `b` … when there are several."""
    names = ("main",) if len(specs) == 1 else "abcdef"
    schedules = tuple(
        Schedule(
            name,
            parse_trigger(spec),
            "UTC",
            dict(spec),
            timing=timing or Timing(),
            planning=planning or Planning(f"books/{name}"),
        )
        for name, spec in zip(names, specs, strict=False)
    )
    job = Job(
        name="books", plugin="scrape", params={}, schedules=schedules, enabled=True, run_on_start=False, queue="default",
        priority=5, timeout=timedelta(minutes=1), kill_after=timedelta(seconds=30), retry=RetryPolicy(), tags=(),
        description="", path=Path("a.toml"), line=1, overlap=overlap or Overlap(),
    )  # fmt: skip
    return replace(job, **changes)


def decide_all(job, cursor, now, schedule="main", **known):
    """All that repeated calls decide, as the scheduler makes them: the cursor moves on, a queued run is open."""
    found = job.schedule(schedule)
    situation = Situation(cursor, **known)
    while (decided := decide(job, found, now, situation)) is not None:
        assert len(decided.runs) <= CHUNK
        assert decided.cursor > situation.cursor
        queued = [run for run in decided.runs if run.state is State.QUEUED]
        left = [run for run in situation.open_runs if run.id not in decided.supersede]
        situation = replace(
            situation,
            cursor=decided.cursor,
            open_runs=[*left, *(OpenRun(run.id, run.job, State.QUEUED, 0, run.queued_at) for run in queued)],
            fires=situation.fires + len(queued),
        )
        yield from decided.runs


@pytest.fixture
def job_of():
    """`job_of(spec, …, timing=, overlap=, planning=, …)`: a job called books."""
    return make_job


@pytest.fixture
def decisions():
    """`decisions(job, cursor, now)`: the runs of as many decisions as it takes."""
    return lambda *args, **known: list(decide_all(*args, **known))


@pytest.fixture
def open_run():
    """`open_run(id)`: a run of books that has begun, or waits to begin."""

    def make(run_id, since, *, waits=False, job="books"):
        return OpenRun(run_id, job, State.QUEUED if waits else State.RUNNING, 0 if waits else 1, since)

    return make
