"""Runs that are not to go on, on every database."""

from __future__ import annotations

from datetime import timedelta

import pytest

from automation.ledger.occurrences import Decided
from automation.ledger.runs import Verdict
from automation.ledger.states import Outcome, State

KEY = ("books", "main")
PATIENT = {"kill_after": 30.0}


def decide(desk, **values):
    """Record one new run of the schedule, with what it does to others."""
    desk.ledger.occurrences.activate("1", {KEY: {"every": "1m"}}, "s1")
    desk.clock.advance(seconds=1)
    new = desk.new(schedule="main", job="books", nominal_time=desk.clock.now())
    decided = Decided(*KEY, [new], new.nominal_time, **values)
    desk.ledger.occurrences.record([decided], 1)
    return decided


@pytest.mark.parametrize(("left", "killed"), [(300, 30), (10, 10)])
def test_a_run_that_is_asked_to_stop_is_ended_when_it_does_not(desk, left: int, killed: int):
    """After its `kill_after`, or earlier when its own limit comes first."""
    run = desk.running(spec=PATIENT)
    desk.clock.advance(seconds=300 - left)
    assert desk.ledger.runs.request_cancel(run.id)
    desk.clock.advance(seconds=killed)
    assert desk.ledger.leases.overdue("w1") == []
    desk.clock.advance(microseconds=1)
    assert [one.id for one in desk.ledger.leases.overdue("w1")] == [run.id]


def test_asking_twice_gives_no_more_time(desk):
    """The first request counts."""
    run = desk.running(spec=PATIENT)
    desk.ledger.runs.request_cancel(run.id)
    first = desk.ledger.queries.run(run.id)
    desk.clock.advance(seconds=20)
    assert desk.ledger.runs.request_cancel(run.id)
    again = desk.ledger.queries.run(run.id)
    assert (again.deadline, again.cancel_requested_at) == (first.deadline, first.cancel_requested_at)


def test_a_newer_run_takes_the_place_of_the_ones_before(desk):
    """What is at work is asked to stop, what waits for its next attempt is cancelled, and what had ended stays so."""
    at_work, again, ended = (desk.running(spec=PATIENT) for _ in range(3))
    retry = Verdict(Outcome.FAILED, State.RETRYING, due_at=desk.clock.now())
    desk.ledger.runs.finish(again.id, 1, retry)
    desk.ledger.runs.finish(ended.id, 1, Verdict(Outcome.SUCCEEDED, State.SUCCEEDED))
    decide(desk, cancel=[at_work.id, again.id, ended.id])

    found = [desk.ledger.queries.run(run.id) for run in (at_work, again, ended)]
    assert [run.state for run in found] == [State.RUNNING, State.CANCELLED, State.SUCCEEDED]
    assert found[0].cancel_requested_at == desk.clock.now()
    assert found[0].deadline == desk.clock.now() + timedelta(seconds=30)
    assert found[1].reason == "cancelled: a newer run of this job takes its place"


def test_only_what_still_waits_to_begin_is_superseded(desk):
    """One that has begun meanwhile runs on."""
    waits, begun = desk.queued(), desk.running()
    decide(desk, supersede=[waits, begun.id])
    found = desk.ledger.queries.run(waits)
    assert (found.state, found.reason) == (State.SKIPPED, "superseded: a newer one of this job waits")
    assert found.finished_at == desk.clock.now()
    assert desk.ledger.queries.run(begun.id).state == State.RUNNING


def test_what_waits_for_its_next_attempt_gives_way_if_its_policy_says_so(desk):
    """By its own word, as it was recorded, and not by that of the job as it is now."""
    gives, keeps = (desk.running(spec={"retry": {"retry_until_next": word}}) for word in (True, False))
    for run in (gives, keeps):
        desk.ledger.runs.finish(run.id, 1, Verdict(Outcome.FAILED, State.RETRYING, due_at=desk.clock.now()))
    decide(desk, supersede=[gives.id, keeps.id])

    found = desk.ledger.queries.run(gives.id)
    assert (found.state, found.finished_at) == (State.SKIPPED, desk.clock.now())
    assert found.reason == "superseded: a newer run of this job takes the place of its next attempt"
    assert desk.ledger.queries.run(keeps.id).state == State.RETRYING
    assert desk.claim(gives.id) is None


def test_a_decision_that_was_made_already_stops_nothing(desk):
    """A second scheduler that decides the same later would else stop the very run that the first one added."""
    decided = decide(desk)
    [run] = decided.runs
    desk.claim(run.id)
    repeated = Decided(*KEY, [run], run.nominal_time, cancel=[run.id])
    assert desk.ledger.occurrences.record([repeated], 1) == []
    assert desk.ledger.queries.run(run.id).cancel_requested_at is None


@pytest.mark.parametrize("way", ["claim", "sweep"])
def test_a_run_that_is_too_late_to_begin_expires(desk, way: str):
    """Whoever notices first: the worker that would claim it, or the sweep; up to the instant itself it may begin."""
    start = desk.clock.now()
    planned, expires = start - timedelta(minutes=5), start + timedelta(minutes=5)
    run_id, other = (desk.queued(planned_time=planned, expires_at=expires) for _ in range(2))
    desk.clock.advance(minutes=5)
    assert desk.ledger.runs.expire() == []
    assert desk.claim(other) is not None
    desk.clock.advance(microseconds=1)
    assert (desk.claim(run_id) if way == "claim" else len(desk.ledger.runs.expire())) in (None, 1)

    found = desk.ledger.queries.run(run_id)
    assert (found.state, found.finished_at) == (State.EXPIRED, desk.clock.now())
    assert found.reason == "expired: it had not begun 10m after its planned time 2026-03-01T11:55:00Z"
    assert desk.ledger.runs.expire() == []


def test_a_run_that_has_begun_does_not_expire(desk):
    """Its next attempt may come as late as its retries say."""
    run = desk.running(expires_at=desk.clock.now() + timedelta(minutes=1))
    later = desk.clock.now() + timedelta(minutes=2)
    desk.ledger.runs.finish(run.id, 1, Verdict(Outcome.LOST, State.QUEUED, due_at=later))
    desk.clock.advance(minutes=3)
    assert desk.ledger.runs.expire() == []
    assert desk.claim(run.id) is not None
