"""The coming fires of a schedule: none is left out that jitter or a blackout moved, and none is shown twice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from automation.project.fires import coming, fire_before, fire_from
from automation.project.model import Project

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
DAY = timedelta(days=1)
JOBS = """
[calendars.nights]
weekly = ["mon-sun 20:00-08:00"]
""" + "".join(
    f'[jobs.{name}]\nplugin = "scrape"\nparams.start = "x"\n{rule}\n'
    for name, rule in {
        "plain": 'cron = "0 7 * * *"',
        "jitter": 'every = "1h"\njitter = "50m"',
        "defer": 'every = "2h"\njitter = "10m"\nnot_during = ["nights"]\non_blackout = "defer"',
        "skip": 'every = "2h"\njitter = "10m"\nnot_during = ["nights"]',
        "thrice": 'every = "1h"\nnot_during = ["nights"]\nmax_fires = 3',
        "after": 'fixed_delay = "1h"',
    }.items()
)


@pytest.fixture
def project(load: Callable[..., Project]) -> Project:
    """The jobs above."""
    return load(JOBS)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(["plain", "jitter", "defer", "skip"]), st.integers(0, 7 * 24 * 60))
def test_what_is_planned_for_a_moment_or_later_is_all_there(project: Project, name: str, minutes: int) -> None:
    """Against a walk from days before, which drops what is planned earlier."""
    job, start = project.job(name), NOON + timedelta(minutes=minutes)
    walk = (fire for fire in coming(job, job.schedules[0], start - 3 * DAY) if fire.planned.time >= start)

    assert list(islice(coming(job, job.schedules[0], start), 20)) == list(islice(walk, 20))


def test_only_what_runs_counts_as_a_fire(project: Project) -> None:
    """With three left, those in a blackout are shown and not counted."""
    job = project.job("thrice")
    found = list(coming(job, job.schedules[0], datetime(2026, 3, 10, 18, 30, tzinfo=UTC), left=3))

    assert [fire.nominal_time.hour for fire in found if fire.runs] == [19, 8, 9]
    assert len(found) == 15


def test_none_left_is_no_fire(project: Project) -> None:
    """Neither of a rule of the clock, nor of one that counts from the end of a run."""
    assert [
        list(coming(project.job(name), project.job(name).schedules[0], NOON, left=0)) for name in ("plain", "after")
    ] == [[], []]


def test_a_delay_counts_from_the_end_that_is_known(project: Project) -> None:
    """Else from the moment that is asked about."""
    job = project.job("after")
    known = list(coming(job, job.schedules[0], NOON, ended=NOON - timedelta(minutes=30)))
    unknown = list(coming(job, job.schedules[0], NOON))

    assert [fire.nominal_time - NOON for fire in known + unknown] == [timedelta(minutes=30), timedelta(hours=1)]
    assert {fire.marks for fire in known + unknown} == {("estimated",)}


def test_the_fires_beside_a_moment(project: Project) -> None:
    """A fire at the moment itself is both."""
    job = project.job("plain")
    seven = NOON.replace(hour=7)

    assert (fire_before(job, job.schedules[0], seven), fire_from(job.schedules[0], seven)) == (seven, seven)
    assert (fire_before(job, job.schedules[0], NOON), fire_from(job.schedules[0], NOON)) == (seven, seven + DAY)
