"""From a job to a run, and from a moment to the fire before it."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.ledger.states import Kind
from automation.project.model import Job, Project
from automation.project.order import RunSpec, previous_fire, run_of
from automation.retry import RetryPolicy

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@pytest.fixture
def job(load: Callable[..., Project]) -> Callable[[str], Job]:
    """`job('every = "1h"')`: a job with these lines."""
    return lambda lines: load(f'[jobs.books]\nplugin = "scrape"\n{lines}\nparams.start = "${{env:URL}}"').jobs["books"]


@given(
    st.builds(
        RunSpec,
        params=st.dictionaries(st.text(max_size=5), JSON, max_size=3),
        timeout=st.timedeltas(timedelta(milliseconds=100), timedelta(days=30)),
        kill_after=st.timedeltas(timedelta(), timedelta(days=1)),
        retry=st.builds(RetryPolicy, max_attempts=st.integers(1, 1000)),
        tags=st.lists(st.text(max_size=5), max_size=3).map(tuple),
        description=st.text(max_size=10),
        dry_run=st.booleans(),
    )
)
def test_spec_goes_round_through_the_ledger(spec: RunSpec) -> None:
    """What an attempt reads is what the job said when the run was recorded."""
    assert RunSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec


def test_run_holds_its_job_with_secrets_unresolved(job: Callable[[str], Job]) -> None:
    """Policies are copied, references stay references, and the moment is its own window."""
    one = job('priority = 7\nqueue = "slow"\nretry.max_attempts = 5\ntags = ["a"]')
    run = run_of(one, kind=Kind.MANUAL, nominal_time=NOON, now=NOON)

    assert (run.queue, run.priority, run.max_attempts) == ("slow", 7, 5)
    assert run.spec["params"] == {"start": "${env:URL}"}
    assert (run.window_start, run.due_at, run.spec["tags"]) == (NOON, NOON, ["a"])


def test_runs_by_hand_have_ids_of_their_own(job: Callable[[str], Job]) -> None:
    """Given params stand in place of the job's."""
    one = job("")
    runs = [run_of(one, kind=Kind.API, nominal_time=NOON, now=NOON, params={"start": "x"}) for _ in range(2)]

    assert runs[0].id != runs[1].id
    assert runs[0].spec["params"] == {"start": "x"}


@pytest.mark.parametrize(
    ("lines", "before"),
    [
        ('every = "1s"', NOON),
        ('every = "1h"', NOON),
        ('cron = "15 * * * *"', NOON - timedelta(minutes=45)),
        ('cron = "0 0 1 2 *"', datetime(2026, 2, 1, tzinfo=UTC)),
        ('cron = "0 0 1 4 *"', datetime(2025, 4, 1, tzinfo=UTC)),
        ('cron = "0 0 2 3 *"', datetime(2025, 3, 2, tzinfo=UTC)),
        ('cron = "0 0 29 2 *"', None),
        ("", None),
    ],
)
def test_fire_before_a_moment_is_found(job: Callable[[str], Job], lines: str, before: datetime | None) -> None:
    """At that moment or before it, up to 400 days back; a job without schedules has none."""
    assert previous_fire(job(lines), NOON) == before


def test_no_fire_lies_between_the_one_before_and_the_moment(job: Callable[[str], Job]) -> None:
    """Checked minute by minute over rules that fire in bursts."""
    one = job('cron = "*/7 3-4 * * tue"')
    fires: list[Any] = []
    moment: datetime | None = NOON - timedelta(days=10)
    while moment is not None and moment <= NOON + timedelta(days=10):
        moment = one.next_after(moment)
        fires.append(moment)
    for sooner, later in itertools.pairwise(fires):
        assert previous_fire(one, sooner) == previous_fire(one, later - timedelta(seconds=1)) == sooner
