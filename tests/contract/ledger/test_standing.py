"""What decisions look at before they are made, on every database."""

from __future__ import annotations

from datetime import timedelta

from automation.ledger.ids import occurrence_id
from automation.ledger.occurrences import Decided
from automation.ledger.runs import Verdict
from automation.ledger.states import Kind, Outcome, State

SUCCESS = Verdict(Outcome.SUCCEEDED, State.SUCCEEDED)


def record(desk, schedule: str, *states: State) -> list[str]:
    """One occurrence a minute, from now on, each decided as said."""
    ledger = desk.ledger.occurrences
    ledger.activate("1", {("books", schedule): {"every": "1m"}}, "s1", keep_missing=True)
    times = [desk.clock.now() + timedelta(minutes=minute) for minute in range(len(states))]
    new = [
        desk.new(
            id=occurrence_id("books", schedule, time),
            kind=Kind.SCHEDULED,
            schedule=schedule,
            nominal_time=time,
            state=state,
            reason=None if state is State.QUEUED else f"{state}: so",
        )
        for time, state in zip(times, states, strict=True)
    ]
    ledger.record([Decided("books", schedule, new, times[-1])], 1)
    return [run.id for run in new]


def test_open_runs_are_told_by_what_they_take_a_place_of(desk):
    """Oldest first, with whether each has begun; ended ones hold nothing."""
    first = desk.running(overlap_key="shop")
    desk.clock.advance(seconds=1)
    second = desk.queued(overlap_key="shop", job="other")
    desk.queued(overlap_key="Shop")
    ended = desk.running(overlap_key="shop")
    desk.ledger.runs.finish(ended.id, 1, SUCCESS)

    found = desk.ledger.occurrences.open_runs(["shop", "none"])
    assert [(one.id, one.job, one.waits) for one in found.pop("shop")] == [
        (first.id, "books", False),
        (second, "other", True),
    ]
    assert found == {}


def test_only_occurrences_that_were_to_run_count_as_fires(desk):
    """A skipped or missed one uses up nothing of `max_fires`."""
    record(desk, "main", State.QUEUED, State.SKIPPED, State.MISSED, State.QUEUED)
    fires = desk.ledger.occurrences.fires([("books", "main"), ("books", "new")])
    assert fires == {("books", "main"): 2, ("books", "new"): 0}


def test_a_job_ended_last_when_its_last_run_did(desk):
    """While one is open it has not ended, and one that never ran has no end."""
    first, second = desk.running(), desk.running()
    for run in (second, first):
        desk.clock.advance(minutes=1)
        desk.ledger.runs.finish(run.id, 1, SUCCESS)
    assert desk.ledger.occurrences.last_ends(["books", "never"]) == {"books": desk.clock.now()}
    desk.queued()
    assert desk.ledger.occurrences.last_ends(["books"]) == {}


def test_decisions_are_told_with_reason_and_run(desk):
    """Of the asked span, its end not included."""
    start = desk.clock.now()
    ids = record(desk, "main", State.QUEUED, State.SKIPPED, State.MISSED)
    found = desk.ledger.occurrences.recorded("books", "main", start, start + timedelta(minutes=2))

    assert [(one.run_id, one.decision, one.reason) for one in found] == [
        (ids[0], State.QUEUED, None),
        (ids[1], State.SKIPPED, "skipped: so"),
    ]
    assert {one.decided_at for one in found} == {start}
    assert desk.ledger.occurrences.recorded("books", "other", start, start + timedelta(days=1)) == []
