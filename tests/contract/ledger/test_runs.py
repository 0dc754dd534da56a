"""What a run's moves promise, on every database."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from automation.errors import UnknownName
from automation.ledger.runs import Verdict
from automation.ledger.states import MailState, Outcome, State


def mail(desk: Any, run_id: str, recipient: str = "ana@example.com", scope: str = "run/1") -> dict[str, Any]:
    now = desk.clock.now()
    return {
        "scope": scope, "message_key": "1", "recipient": recipient, "run_id": run_id, "job": "books",
        "sender": "us@example.com", "subject": "Prices", "message_id": "<1@x>", "message": b"Subject: Prices\n\nhello",
        "state": MailState.QUEUED, "tries": 0, "created_at": now, "due_at": now,
    }  # fmt: skip


def test_a_run_comes_back_as_it_was_recorded(desk):
    """What was asked for is what the ledger has, to the microsecond, with the spec's nesting."""
    desk.clock.advance(microseconds=123456)
    spec = {"params": {"a": [1, {"b": None, "ñ": "日本"}]}}
    run = desk.ledger.queries.run(desk.queued(spec=spec, priority=9, queue="slow"))

    assert (run.state, run.attempt, run.priority, run.queue) == (State.QUEUED, 0, 9, "slow")
    assert run.nominal_time == desk.clock.now()
    assert run.spec == spec


def test_of_many_claims_one_succeeds(desk):
    """A message that is delivered eight times at once starts one attempt."""
    run_id = desk.queued()
    with ThreadPoolExecutor(8) as pool:
        claims = list(pool.map(lambda n: desk.claim(run_id, f"w{n}"), range(8)))

    assert sum(claim is not None for claim in claims) == 1
    assert len(desk.ledger.queries.attempts(run_id)) == 1


def test_a_run_that_is_not_due_cannot_be_claimed(desk):
    """A message that comes early changes nothing."""
    run_id = desk.queued(due_at=desk.clock.now() + timedelta(seconds=5))
    assert desk.claim(run_id) is None
    desk.clock.advance(seconds=5)
    assert desk.claim(run_id) is not None


def test_finishing_writes_verdict_attempt_and_result(desk):
    """Success ends run and attempt together."""
    run = desk.running()
    desk.clock.advance(seconds=3)
    assert desk.ledger.runs.finish(run.id, 1, Verdict(Outcome.SUCCEEDED, State.SUCCEEDED, result={"items": 20}))

    done = desk.ledger.queries.run(run.id)
    [attempt] = desk.ledger.queries.attempts(run.id)
    assert (done.state, done.result, done.finished_at) == (State.SUCCEEDED, {"items": 20}, desk.clock.now())
    assert (attempt.outcome, attempt.finished_at) == (Outcome.SUCCEEDED, desk.clock.now())


def test_a_late_worker_can_write_nothing(desk):
    """Once a run was lost and claimed again, the first worker's verdict, mail and state are nobody's."""
    first = desk.running("w1")
    desk.ledger.runs.finish(first.id, 1, Verdict(Outcome.LOST, State.QUEUED, due_at=desk.clock.now(), spends=False))
    second = desk.claim(first.id, "w2")
    late = Verdict(Outcome.SUCCEEDED, State.SUCCEEDED, mails=[mail(desk, first.id)], job_values={"seen": 1})

    assert second.attempt == 2
    assert desk.ledger.runs.finish(first.id, 1, late) is False
    assert desk.ledger.queries.run(first.id).state == State.RUNNING
    assert desk.ledger.outbox.list() == []
    assert desk.ledger.memory.job_values("books") == {}


def test_a_verdict_counts_once(desk):
    """The same verdict again changes nothing."""
    run = desk.running()
    verdict = Verdict(Outcome.FAILED, State.RETRYING, due_at=desk.clock.now() + timedelta(minutes=1))
    assert desk.ledger.runs.finish(run.id, 1, verdict)
    assert not desk.ledger.runs.finish(run.id, 1, verdict)
    assert desk.ledger.queries.run(run.id).spent == 1


def test_a_retry_keeps_count_of_what_was_spent_and_lost(desk):
    """A failure spends an attempt, a loss does not; both are remembered."""
    run = desk.running()
    now = desk.clock.now()
    desk.ledger.runs.finish(run.id, 1, Verdict(Outcome.FAILED, State.RETRYING, due_at=now))
    desk.claim(run.id)
    desk.ledger.runs.finish(run.id, 2, Verdict(Outcome.LOST, State.QUEUED, due_at=now, spends=False, loses=True))

    found = desk.ledger.queries.run(run.id)
    assert (found.attempt, found.spent, found.losses, found.state) == (2, 1, 1, State.QUEUED)


def test_mails_are_recorded_with_the_verdict_once_for_each_recipient(desk):
    """A second run of the same occurrence adds no second mail."""
    run = desk.running()
    again = desk.running()
    mails = [mail(desk, run.id), mail(desk, run.id, "bo@example.com")]
    desk.ledger.runs.finish(run.id, 1, Verdict(Outcome.SUCCEEDED, State.SUCCEEDED, mails=mails))
    desk.ledger.runs.finish(again.id, 1, Verdict(Outcome.SUCCEEDED, State.SUCCEEDED, mails=mails))

    found = desk.ledger.outbox.list(whole=True)
    assert sorted(one.recipient for one in found) == ["ana@example.com", "bo@example.com"]
    assert found[0].message == b"Subject: Prices\n\nhello"


def test_an_idempotency_key_is_taken_once(desk):
    """The second run of the same key is not recorded."""
    assert desk.ledger.runs.add(desk.new(idempotency_key="k"))
    assert not desk.ledger.runs.add(desk.new(idempotency_key="k"))
    assert desk.ledger.queries.run_by_key("k") is not None


def test_many_runs_are_recorded_at_once(desk):
    """Those whose id or idempotency key is taken are not new."""
    first = desk.new(idempotency_key="k")
    assert desk.ledger.runs.add_all([first, desk.new()]) == 2
    more = [desk.new() for _ in range(600)]
    assert desk.ledger.runs.add_all([first, desk.new(idempotency_key="k"), *more]) == 600
    assert desk.ledger.runs.add_all([]) == 0
    assert desk.ledger.queries.counts() == {"queued": 602}


def test_renewing_keeps_the_lease_of_this_workers_runs_only(desk):
    """A heartbeat is for the runs of its own worker."""
    mine, other = desk.running("w1"), desk.running("w2")
    desk.clock.advance(seconds=15)
    assert desk.ledger.runs.renew("w1", timedelta(seconds=20)) == 1
    desk.clock.advance(seconds=10)
    assert [run.id for run in desk.ledger.leases.expired()] == [other.id]
    assert mine.id != other.id


def test_a_run_past_its_hard_limit_is_overdue(desk):
    """The worker that holds it is told, and nobody else."""
    run = desk.running("w1")
    desk.clock.advance(minutes=6)
    assert [one.id for one in desk.ledger.leases.overdue("w1")] == [run.id]
    assert desk.ledger.leases.overdue("w2") == []


def test_waiting_runs_come_by_priority_until_they_are_published(desk):
    """What was published is not published again until its message can no longer live."""
    low, high = desk.queued(priority=1), desk.queued(priority=9)
    assert [run.id for run in desk.ledger.leases.unpublished()] == [high, low]
    desk.ledger.runs.mark_published(desk.ledger.leases.unpublished())
    assert desk.ledger.leases.unpublished() == []
    assert desk.ledger.leases.silent(timedelta(seconds=30)) == []
    desk.clock.advance(seconds=31)
    assert {run.id for run in desk.ledger.leases.silent(timedelta(seconds=30))} == {low, high}


def test_open_are_runs_that_wait_or_are_at_work(desk):
    """Without one there is nothing to rescue and nothing to ring for."""
    assert not desk.ledger.leases.any_open()
    later = desk.queued(due_at=desk.clock.now() + timedelta(days=1))
    assert desk.ledger.leases.any_open()
    desk.ledger.runs.request_cancel(later)
    assert not desk.ledger.leases.any_open()
    run = desk.running()
    assert desk.ledger.leases.any_open()
    desk.ledger.runs.finish(run.id, 1, Verdict(Outcome.FAILED, State.RETRYING, due_at=desk.clock.now()))
    assert desk.ledger.leases.any_open()


def test_a_run_that_was_claimed_while_its_message_went_out_is_not_marked(desk):
    """Its worker may be faster than the publisher's note; the retry that follows needs a message of its own."""
    run_id = desk.queued()
    waiting = desk.ledger.leases.unpublished()
    desk.claim(run_id)
    desk.ledger.runs.finish(run_id, 1, Verdict(Outcome.FAILED, State.RETRYING, due_at=desk.clock.now()))
    desk.ledger.runs.mark_published(waiting)
    assert [run.id for run in desk.ledger.leases.unpublished()] == [run_id]


def test_each_ring_waits_twice_as_long_for_the_next(desk):
    """A queue that is merely long is not flooded."""
    run_id = desk.queued()
    [waiting] = desk.ledger.leases.unpublished()
    for rings in range(3):
        desk.ledger.runs.mark_published([replace(waiting, rings=rings)])
    desk.clock.advance(seconds=61)
    assert desk.ledger.leases.silent(timedelta(seconds=30)) == []
    desk.clock.advance(seconds=60)
    assert [run.id for run in desk.ledger.leases.silent(timedelta(seconds=30))] == [run_id]


def test_a_waiting_run_is_cancelled_and_a_running_one_is_asked(desk):
    """Cancelling never takes the pen out of a worker's hand."""
    waiting, running = desk.queued(), desk.running()
    assert desk.ledger.runs.request_cancel(waiting)
    assert desk.ledger.runs.request_cancel(running.id)
    assert desk.ledger.queries.run(waiting).state == State.CANCELLED
    assert desk.ledger.queries.run(running.id).state == State.RUNNING
    assert desk.ledger.queries.run(running.id).cancel_requested_at == desk.clock.now()
    assert desk.claim(waiting) is None


def test_a_run_is_found_by_the_beginning_of_its_id(desk):
    """As with commits: enough of it, if it is unique; wildcards are letters like any other."""
    run_id = desk.queued()
    assert desk.ledger.queries.run(run_id[:8]).id == run_id
    for wrong in ("%", "", "_" * 20):
        with pytest.raises(UnknownName):
            desk.ledger.queries.run(wrong)


@pytest.mark.parametrize("wanted", [{"job": "books"}, {"state": "queued"}, {"limit": 1}])
def test_runs_are_listed_newest_first_by_what_is_asked(desk, wanted: dict[str, Any]):
    """Filters narrow the list, and the newest comes first."""
    desk.queued(job="other")
    desk.clock.advance(seconds=1)
    newest = desk.queued(job="books")
    found = desk.ledger.queries.runs(**wanted)
    assert found[0].id == newest
    assert len(found) == (2 if "state" in wanted else 1)


def test_the_newest_runs_of_each_job(desk):
    """One question for the whole list of jobs."""
    for _ in range(3):
        desk.queued(job="books")
        desk.clock.advance(seconds=1)
    found = desk.ledger.queries.latest(["books", "none"], each=2)
    assert [len(found["books"]), found["none"]] == [2, []]
    assert found["books"][0].queued_at > found["books"][1].queued_at


def test_state_of_a_job_is_kept_with_success(desk, needs: Callable[[str], Any]):
    """What a plugin put into `ctx.state` is there the next time, and what it took out is gone."""
    for values in ({"cursor": 7, "tags": ["a"]}, {"cursor": 8}):
        run = desk.running()
        desk.ledger.runs.finish(run.id, 1, Verdict(Outcome.SUCCEEDED, State.SUCCEEDED, job_values=values))
    assert desk.ledger.memory.job_values("books") == {"cursor": 8}
