"""What is due, and what becomes of it: against rules applied one by one."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from automation.dispatch.decide import CHUNK, decide
from automation.dispatch.due import LOOK_BACK, due_times, newest_first
from automation.dispatch.situation import Situation
from automation.ledger.ids import occurrence_id
from automation.ledger.states import State
from automation.project.model import Overlap, Timing
from automation.project.order import previous_fire

GRACE, WINDOW = timedelta(seconds=60), timedelta(hours=24)
NOON = datetime(2026, 3, 29, 12, tzinfo=UTC)
SPECS = [
    {"every": "1s"},
    {"every": "20s"},
    {"every": "1m"},
    {"every": "7h"},
    {"cron": "* * * * *", "timezone": "UTC"},
    {"cron": "*/15 8-20 * * mon-fri", "timezone": "Europe/Madrid"},
    {"cron": "30 2 * * *", "timezone": "Europe/Madrid"},
    {"cron": "0 0 29 2 *", "timezone": "UTC"},
]
MOMENTS = st.datetimes(datetime(2026, 3, 20), datetime(2026, 4, 5), timezones=st.just(UTC))
AWAY = st.timedeltas(timedelta(), timedelta(minutes=30)) | st.timedeltas(timedelta(), timedelta(days=3))
CASES = given(spec=st.sampled_from(SPECS), now=MOMENTS, away=AWAY, busy=st.booleans())
SHARED = HealthCheck.function_scoped_fixture


def expected(due, now, *, busy):
    """The rules as they are when nothing is said, one moment at a time."""
    anything_on_time = any(now - one <= GRACE for one in due)
    states = []
    for one in due:
        newest_late = one == due[-1] and not anything_on_time and now - one <= WINDOW
        if now - one > GRACE and not newest_late:
            states.append("missed")
        elif busy:
            states.append("skipped")
        else:
            states.append("queued")
            busy = True
    return states


@CASES
@settings(max_examples=60, suppress_health_check=[SHARED])
def test_every_due_moment_gets_one_run_of_the_expected_state(job_of, decisions, open_run, spec, now, away, busy):
    """However many calls it takes; nothing is left out, nothing comes twice, and one run at most is queued."""
    one = job_of(spec)
    away = min(away, timedelta(minutes=30)) if spec.get("every") in ("1s", "20s") else away
    runs = decisions(one, now - away, now, open_runs=[open_run("r0", now)] if busy else [])
    due = list(due_times(one.schedules[0].trigger, now - away, now, 10**6))

    assert [run.nominal_time for run in runs] == due
    assert [str(run.state) for run in runs] == expected(due, now, busy=busy)
    assert all((run.reason is None) == (run.state is State.QUEUED) for run in runs)
    assert [run.id for run in runs] == [occurrence_id("books", "main", nominal) for nominal in due]


@CASES
@settings(max_examples=40, suppress_health_check=[SHARED])
def test_windows_tile_time(job_of, decisions, spec, now, away, busy):
    """Each begins where the one before ends, also from one call to the next, and whether that ran or not."""
    one = job_of(spec)
    away = min(away, timedelta(minutes=30)) if spec.get("every") in ("1s", "20s") else away
    runs = decisions(one, now - away, now)

    assert all(later.window_start == sooner.nominal_time for sooner, later in itertools.pairwise(runs))
    for run in runs[:1]:
        before = previous_fire(one, run.nominal_time - timedelta(microseconds=1))
        assert run.window_start == (before or run.nominal_time)
        assert before is None or one.schedules[0].trigger.next_after(before) == run.nominal_time


def test_nothing_due_decides_nothing(job_of):
    """The cursor stays, also when the clock went back."""
    one = job_of({"every": "1h"})

    assert decide(one, one.schedules[0], NOON + timedelta(minutes=59), Situation(NOON)) is None
    assert decide(one, one.schedules[0], NOON - timedelta(days=1), Situation(NOON)) is None


def test_long_absence_is_decided_in_pieces(job_of):
    """A hundred thousand missed fires do not hold up the others; the newest still runs at the end."""
    one = job_of({"every": "1s"})
    first = decide(one, one.schedules[0], NOON, Situation(NOON - timedelta(seconds=100_000)))
    last = decide(one, one.schedules[0], NOON + GRACE, Situation(NOON - timedelta(seconds=10)))

    assert [run.state for run in first.runs] == ["missed"] * CHUNK
    assert first.cursor == NOON - timedelta(seconds=100_000 - CHUNK)
    assert last.runs[-1].state == "skipped"


def test_windows_of_several_schedules_do_not_depend_on_how_they_are_decided(job_of, decisions):
    """Each begins at the job's fire before it, of whichever schedule, decided together or one after the other."""
    one = job_of({"every": "1h"}, {"cron": "30 10 * * *", "timezone": "UTC"})
    runs = decisions(one, NOON - timedelta(hours=3), NOON, "a")
    together = {run.nominal_time: run.window_start for run in runs}
    alone = {}
    for hour in (10, 11, 12):
        nominal = NOON.replace(hour=hour)
        runs = decisions(one, nominal - timedelta(minutes=1), nominal, "a")
        alone |= {run.nominal_time: run.window_start for run in runs}

    assert together == alone
    assert together[NOON.replace(hour=11)] == NOON.replace(hour=10, minute=30)


def test_run_knows_its_planned_time_and_its_place(job_of, decisions):
    """With the job as its overlap key; one that may be skipped later says so."""
    one = job_of({"every": "1h"})
    [run] = decisions(one, NOON - timedelta(hours=1), NOON)

    assert (run.planned_time, run.overlap_key, run.max_running, run.expires_at) == (NOON, "books", 1, None)
    assert run.spec["skips"] is True
    assert run.due_at == NOON


@pytest.mark.parametrize(("fires", "states"), [(0, ["queued", "queued"]), (1, ["queued"]), (2, []), (3, [])])
def test_after_max_fires_nothing_is_recorded_any_more(job_of, fires, states):
    """The cursor moves on all the same, so that nobody looks at those fires again."""
    one = job_of({"every": "1h"}, timing=Timing(catchup="all"), overlap=Overlap("allow"))
    schedule = replace(one.schedules[0], max_fires=2)
    decided = decide(one, schedule, NOON, Situation(NOON - timedelta(hours=3), fires=fires))

    assert [str(run.state) for run in decided.runs] == states
    assert decided.cursor == NOON


def test_what_a_newer_fire_overtakes_does_not_count_for_max_fires(job_of):
    """Of six that are due together with `queue_one` the newest runs, and the others say why they do not."""
    one = job_of({"every": "10s"}, overlap=Overlap("queue_one"))
    schedule = replace(one.schedules[0], max_fires=3)
    decided = decide(one, schedule, NOON, Situation(NOON - timedelta(minutes=1)))

    assert [str(run.state) for run in decided.runs] == ["skipped"] * 5 + ["queued"]


def test_looking_back_leaves_no_fire_out(job_of):
    """The newest two thousand of many more, each a second before the one before it."""
    [schedule] = job_of({"every": "1s"}).schedules
    found = [fire.nominal for fire in newest_first(schedule, NOON - timedelta(days=1), NOON)]

    assert found == [NOON - timedelta(seconds=number) for number in range(LOOK_BACK)]
