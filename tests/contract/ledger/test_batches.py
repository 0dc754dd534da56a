"""What a backfill and a cancel ask the ledger: open runs, the runs of a batch, and what stood for past fires."""

from __future__ import annotations

from datetime import timedelta

import pytest

from automation.ledger import queries, runs
from automation.ledger.states import Kind

MINUTE = timedelta(minutes=1)


def test_open_runs_come_in_the_order_in_which_they_fall_due(desk, noon):
    """Of a job, of a batch, of all; those that ended are not among them."""
    later = desk.queued(due_at=noon + MINUTE, batch="b")
    sooner = desk.queued(due_at=noon, batch="b")
    works = desk.running(job="shop", due_at=noon - MINUTE)
    ended = desk.queued(batch="b")
    desk.ledger.runs.request_cancel(ended)
    queries = desk.ledger.queries

    assert [run.id for run in queries.open()] == [works.id, sooner, later]
    assert [run.id for run in queries.open(batch="b")] == [sooner, later]
    assert [run.id for run in queries.open(job="shop")] == [works.id]


def test_batch_is_listed_and_counted_alone(desk):
    """Whatever else ran meanwhile."""
    mine = desk.queued(batch="b")
    desk.queued(batch="other")
    desk.queued()

    assert [run.id for run in desk.ledger.queries.runs(batch="b")] == [mine]
    assert desk.ledger.queries.counts(batch="b") == {"queued": 1}


def test_past_fires_of_a_schedule_have_all_their_runs(desk, noon):
    """Half-open, whatever asked for them, oldest fire first; runs without a schedule stand for none."""
    ids = [desk.queued(schedule="main", nominal_time=noon + number * MINUTE) for number in range(3)]
    again = desk.queued(schedule="main", nominal_time=noon, kind=Kind.BACKFILL, queued_at=noon + MINUTE)
    desk.queued(schedule="other", nominal_time=noon)
    desk.queued(nominal_time=noon)

    found = desk.ledger.queries.of_schedule("books", "main", noon, noon + 2 * MINUTE)
    assert [run.id for run in found] == [ids[0], again, ids[1]]


def test_many_runs_are_cancelled_and_read_at_once(desk, monkeypatch: pytest.MonkeyPatch):
    """In pieces, so that no statement grows with the batch; those that ended are left as they are."""
    monkeypatch.setattr(runs, "_AT_ONCE", 2)
    monkeypatch.setattr(queries, "_AT_ONCE", 2)
    ids = [desk.queued(batch="b") for _ in range(5)]
    works = desk.running(batch="b").id
    desk.ledger.runs.request_cancel(ids[0])

    assert desk.ledger.runs.request_cancels([*ids, works]) == 5
    found = desk.ledger.queries.several([*ids, works])
    assert [found[run_id].state for run_id in ids] == ["cancelled"] * 5
    assert found[works].state == "running"
    assert found[works].cancel_requested_at is not None
