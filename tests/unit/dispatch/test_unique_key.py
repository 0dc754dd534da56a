"""Fires whose unique key another run holds."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from automation.dispatch.decide import decide
from automation.dispatch.situation import Situation
from automation.ledger.states import State
from automation.ledger.unique_key import Holder
from automation.project.model import Overlap, Timing, Uniqueness

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HELD = Holder("w0", State.RUNNING, begun=True)


@pytest.fixture
def decided(job_of):
    """`decided(unique, back, …)`: what is decided for the fires of the last so many minutes, in a situation."""

    def fires(unique, back=1, overlap="allow", **situation):
        job = replace(job_of({"every": "1m"}, overlap=Overlap(overlap)), unique=unique)
        schedule = replace(job.schedules[0], timing=Timing("all"), max_fires=2)
        return decide(job, schedule, NOON, Situation(NOON - back * MINUTE, **situation)).runs

    return fires


@pytest.mark.parametrize("on_conflict", ["reject", "return_existing"])
def test_fire_is_skipped_while_the_key_is_held(decided, open_run, on_conflict):
    """Before its overlap is looked at, and with the id of the run that holds it."""
    for overlap in ("allow", "skip", "cancel_running"):
        found = decided(Uniqueness("a", on_conflict), overlap=overlap, holder=HELD, open_runs=[open_run("w0", NOON)])
        assert [(run.state, run.reason) for run in found] == [
            (State.SKIPPED, "unique: run w0 with the same unique_key is running")
        ]


def test_fires_decided_together_hold_the_key_against_each_other(decided):
    """The first runs; those that are skipped for it spend no max_fires, so that each of them is recorded."""
    first, *others = decided(Uniqueness("a"), back=4)
    assert first.state is State.QUEUED
    assert {run.reason for run in others} == {f"unique: run {first.id} with the same unique_key is queued"}
    assert len(others) == 3


def test_one_that_replaces_what_waits_is_queued(decided):
    """Whether it does is seen when it is recorded; a job without a unique key looks at nobody's."""
    for unique in (Uniqueness("a", "replace_waiting"), Uniqueness()):
        assert [run.state for run in decided(unique, holder=HELD)] == [State.QUEUED]
