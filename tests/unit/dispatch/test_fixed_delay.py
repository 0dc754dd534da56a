"""Schedules that count from the end of the run before."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from automation.dispatch.decide import decide, next_look
from automation.dispatch.situation import Situation
from automation.ledger.rows import PauseRow

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def after(job_of):
    """A job that runs ten minutes after its last run."""
    return job_of({"fixed_delay": "10m"})


@pytest.mark.parametrize(
    ("situation", "nominal"),
    [
        (Situation(NOON - 10 * MINUTE), NOON),
        (Situation(NOON - 10 * MINUTE + MINUTE), None),
        (Situation(NOON - 60 * MINUTE, last_end=NOON - 10 * MINUTE), NOON),
        (Situation(NOON - 60 * MINUTE, last_end=NOON - 9 * MINUTE), None),
        (Situation(NOON - 60 * MINUTE, last_end=NOON - 40 * MINUTE), NOON - 30 * MINUTE),
        (Situation(NOON - 60 * MINUTE, last_end=NOON - 40 * MINUTE, at_work=True), None),
        (Situation(NOON - 20 * MINUTE, last_end=NOON - 40 * MINUTE), NOON - 10 * MINUTE),
    ],
)
def test_next_run_is_its_delay_after_the_end_of_the_last(after, situation, nominal):
    """Or after the activation, before there is one; none while a run is open; one that is overdue is one run."""
    decided = decide(after, after.schedules[0], NOON, situation)

    assert (decided and [run.nominal_time for run in decided.runs]) == (nominal and [nominal])
    if decided:
        assert (decided.cursor, str(decided.runs[0].state), str(decided.runs[0].kind)) == (
            nominal,
            "queued",
            "scheduled",
        )
        assert decided.runs[0].window_start == situation.cursor


def test_three_days_of_outage_are_one_run(after):
    """There is nothing to catch up: no fire is due while nothing ends."""
    cursor = NOON - timedelta(days=3)
    decided = decide(after, after.schedules[0], NOON, Situation(cursor, last_end=cursor))

    assert [run.nominal_time for run in decided.runs] == [cursor + 10 * MINUTE]
    assert decide(after, after.schedules[0], NOON, Situation(decided.cursor, at_work=True)) is None


def test_a_paused_fire_counts_as_an_end(after):
    """It is recorded as paused, and the next is its delay later; nothing turns in a circle."""
    pause = PauseRow(1, "job", "books", "maintenance", "ana", NOON - 60 * MINUTE, None, None, None)
    situation = Situation(NOON - 10 * MINUTE, last_end=NOON - 30 * MINUTE, pauses=[pause])
    decided = decide(after, after.schedules[0], NOON, situation)

    assert [(run.nominal_time, str(run.state)) for run in decided.runs] == [(NOON, "skipped")]
    later = replace(situation, cursor=decided.cursor)
    assert decide(after, after.schedules[0], NOON, later) is None
    assert next_look(after.schedules[0], NOON, later) == NOON + 10 * MINUTE


@pytest.mark.parametrize(
    ("situation", "look"),
    [
        (Situation(NOON - 60 * MINUTE, at_work=True), NOON + 10 * MINUTE),
        (Situation(NOON - 60 * MINUTE, last_end=NOON - MINUTE), NOON + 9 * MINUTE),
        (Situation(NOON - MINUTE), NOON + 9 * MINUTE),
    ],
)
def test_nobody_looks_before_anything_can_be_due(after, situation, look):
    """While a run is open, its delay from now is the earliest."""
    assert next_look(after.schedules[0], NOON, situation) == look


def test_after_max_fires_nothing_more_runs(after):
    """The cursor moves on."""
    schedule = replace(after.schedules[0], max_fires=3)
    decided = decide(after, schedule, NOON, Situation(NOON - 10 * MINUTE, fires=3))

    assert (list(decided.runs), decided.cursor) == ([], NOON)
