"""Who is let in when runs are asked for with the same unique key, on every database."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier

import pytest

from automation.ledger.occurrences import Decided
from automation.ledger.runs import Verdict
from automation.ledger.states import Kind, Outcome, State
from automation.ledger.unique_key import CONFLICTS, Unique

SUCCESS = Verdict(Outcome.SUCCEEDED, State.SUCCEEDED)
ONE = Unique("shop")
NEWEST = Unique("shop", "replace_waiting")


def ask(desk, unique=ONE, **values):
    """Ask for a run; its id, and what became of it."""
    run = desk.new(unique=unique, **values)
    return run.id, desk.ledger.admission.admit(run)


def admitted(desk, unique=ONE, **values) -> str:
    run_id, found = ask(desk, unique, **values)
    assert found.added
    return run_id


def occurrence(desk, minute, unique=ONE, **values):
    """A fire of the schedule main, queued."""
    moment = desk.clock.now() + timedelta(minutes=minute)
    return desk.new(schedule="main", kind=Kind.SCHEDULED, nominal_time=moment, unique=unique, **values)


def record(desk, *new, **values) -> list[str]:
    """Record these fires as a scheduler does; returns the ids that it is to ring for."""
    decided = [Decided("books", "main", list(new), desk.clock.now(), **values)]
    return desk.ledger.occurrences.record(decided, desk.ledger.occurrences.active_revision()[0])


def state(desk, run_id):
    found = desk.ledger.queries.run(run_id)
    return found.state, found.reason


@pytest.mark.parametrize("stage", [State.QUEUED, State.RUNNING, State.RETRYING])
def test_an_open_run_holds_its_key(desk, stage):
    """Whether it waits, is at work, or waits for its next attempt; another key and another job are free."""
    first = admitted(desk)
    if stage is not State.QUEUED:
        desk.claim(first)
    if stage is State.RETRYING:
        later = desk.clock.now() + timedelta(minutes=1)
        desk.ledger.runs.finish(first, 1, Verdict(Outcome.FAILED, State.RETRYING, due_at=later))
    _second, found = ask(desk)
    assert (found.added, found.holder.run_id, found.holder.state) == (False, first, stage)
    assert ask(desk, Unique("Shop"))[1].added
    assert ask(desk, job="other")[1].added


def test_the_end_of_a_run_frees_its_key(desk):
    """However it ends; here it is cancelled before it began."""
    first = admitted(desk)
    desk.ledger.runs.request_cancel(first)
    assert desk.ledger.admission.holder("books", "shop") is None
    assert ask(desk)[1].added


def test_a_key_is_held_for_as_long_as_it_says(desk):
    """From when the run was asked for, though it has ended; and while it is open, however long that is."""
    hour = Unique("shop", until=desk.clock.now() + timedelta(hours=1))
    first = admitted(desk, hour)
    desk.claim(first)
    desk.ledger.runs.finish(first, 1, SUCCESS)
    desk.clock.advance(minutes=59)
    assert ask(desk)[1].holder.run_id == first
    desk.clock.advance(minutes=1)
    second = admitted(desk, hour)
    desk.clock.advance(hours=2)
    assert ask(desk)[1].holder.run_id == second


def test_a_newer_run_takes_the_place_of_one_that_waits(desk):
    """The older one is skipped, and says for which."""
    first = admitted(desk, NEWEST)
    second, found = ask(desk, NEWEST)
    assert (found.added, found.replaced, found.holder.run_id) == (True, True, first)
    reason = f"superseded: run {second} with the same unique_key was asked for later, and takes its place"
    assert state(desk, first) == (State.SKIPPED, reason)
    assert desk.claim(first) is None
    assert [run.id for run in desk.ledger.leases.unpublished()] == [second]


def test_a_run_that_has_begun_does_not_make_way(desk):
    """The newer one is recorded beside it, and is the one that the next takes the place of."""
    first = admitted(desk, NEWEST)
    desk.claim(first)
    second, found = ask(desk, NEWEST)
    assert (found.added, found.replaced) == (True, False)
    third, found = ask(desk, NEWEST)
    assert (found.replaced, found.holder.run_id) == (True, second)
    assert [state(desk, run_id)[0] for run_id in (first, second, third)] == [
        State.RUNNING,
        State.SKIPPED,
        State.QUEUED,
    ]


def test_an_idempotency_key_that_is_taken_replaces_nothing(desk):
    """The same request again is the first run, which does not make way for itself."""
    first = admitted(desk, NEWEST, idempotency_key="order-1")
    assert not ask(desk, NEWEST, idempotency_key="order-1")[1].added
    assert state(desk, first)[0] == State.QUEUED
    assert desk.ledger.admission.holder("books", "shop").run_id == first


@pytest.mark.parametrize("on_conflict", CONFLICTS)
def test_of_sixteen_that_ask_at_once_one_is_let_in(desk, on_conflict):
    """Round after round, on keys that are new and on keys that were held before; with replace_waiting one is left."""
    barrier = Barrier(16)

    def come(unique):
        barrier.wait(30)
        return ask(desk, unique)

    with ThreadPoolExecutor(16) as pool:
        for key in ("a", "b", "a"):
            found = list(pool.map(come, [Unique(key, on_conflict)] * 16))
            open_runs = [run_id for run_id, one in found if one.added and state(desk, run_id)[0] == State.QUEUED]
            assert len(open_runs) == 1
            assert desk.ledger.admission.holder("books", key).run_id == open_runs[0]
            if on_conflict != "replace_waiting":
                assert {one.holder.run_id for _, one in found if not one.added} == set(open_runs)
            desk.ledger.runs.request_cancel(open_runs[0])


def test_a_fire_whose_key_is_held_is_skipped(desk):
    """It is decided, rung for by nobody, and withdraws nothing that its policy would have withdrawn."""
    first = admitted(desk)
    other = desk.queued()
    fire = occurrence(desk, 1)
    assert record(desk, fire, supersede=[other]) == []
    assert state(desk, fire.id) == (State.SKIPPED, f"unique: run {first} with the same unique_key is queued")
    assert state(desk, other)[0] == State.QUEUED
    found = desk.ledger.occurrences.recorded("books", "main", fire.nominal_time, fire.nominal_time + timedelta(1))
    assert [one.decision for one in found] == [State.SKIPPED]


def test_a_fire_says_until_when_a_run_that_ended_holds_the_key(desk):
    """So that a reader of the reason knows why nothing was at work and yet it did not run."""
    first = admitted(desk, Unique("shop", until=desk.clock.now() + timedelta(hours=1)))
    desk.ledger.runs.request_cancel(first)
    fire = occurrence(desk, 1)
    record(desk, fire)
    assert state(desk, fire.id)[1].endswith("is cancelled, and holds the key until 2026-03-01T13:00:00Z")


def test_fires_of_one_decision_hold_the_key_against_each_other(desk):
    """The first runs; with replace_waiting the last one does. Those that were skipped for something else do not count."""
    fires = [occurrence(desk, number) for number in (1, 2)]
    missed = replace(occurrence(desk, 0), state=State.MISSED, reason="missed: too late")
    assert record(desk, missed, *fires) == [missed.id, fires[0].id]
    assert state(desk, fires[1].id)[1] == f"unique: run {fires[0].id} with the same unique_key is queued"
    newer = [occurrence(desk, number, NEWEST) for number in (3, 4)]
    assert record(desk, *newer) == [newer[1].id]
    assert [state(desk, run.id)[0] for run in (fires[0], *newer)] == [State.SKIPPED, State.SKIPPED, State.QUEUED]


def test_a_fire_and_a_request_at_once_are_one_run(desk):
    """Whichever comes first; the other one finds it."""
    barrier = Barrier(2)

    def by_hand(_number):
        barrier.wait(30)
        return [run_id for run_id, found in [ask(desk)] if found.added]

    def on_schedule(number):
        barrier.wait(30)
        return record(desk, occurrence(desk, number))

    with ThreadPoolExecutor(2) as pool:
        for number in range(10):
            both = [pool.submit(by_hand, number), pool.submit(on_schedule, number)]
            added = [run_id for one in both for run_id in one.result()]
            assert len(added) == 1
            desk.ledger.runs.request_cancel(added[0])


def test_what_waits_in_a_queue_is_counted(desk):
    """Runs that are queued and those that wait for their next attempt, of this queue alone."""
    desk.queued(queue="other")
    first = desk.queued()
    desk.claim(first)
    assert desk.ledger.admission.waiting("default") == 0
    desk.queued()
    later = desk.clock.now() + timedelta(minutes=1)
    desk.ledger.runs.finish(first, 1, Verdict(Outcome.FAILED, State.RETRYING, due_at=later))
    assert desk.ledger.admission.waiting("default") == 2
