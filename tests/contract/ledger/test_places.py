"""How many runs of one overlap key are at work at once, on every database."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

from automation.ledger.runs import Verdict
from automation.ledger.states import Outcome, State

SUCCESS = Verdict(Outcome.SUCCEEDED, State.SUCCEEDED)
ONE = {"overlap_key": "books", "max_running": 1}
TWO = {"overlap_key": "books", "max_running": 2}


def waiting(desk) -> list[str]:
    return [run.id for run in desk.ledger.leases.unpublished()]


def fail(desk, run_id: str, attempt: int = 1, seconds: int = 0) -> None:
    again = desk.clock.now() + timedelta(seconds=seconds)
    assert desk.ledger.runs.finish(run_id, attempt, Verdict(Outcome.FAILED, State.RETRYING, due_at=again))


def test_a_run_waits_while_its_key_has_no_place(desk):
    """Nobody rings for it meanwhile; when the one at work has ended it is its turn."""
    first, second = desk.running(**ONE), desk.queued(**ONE)
    assert waiting(desk) == []
    assert desk.claim(second) is None
    assert desk.ledger.queries.run(second).state == State.QUEUED
    desk.ledger.runs.finish(first.id, 1, SUCCESS)
    assert waiting(desk) == [second]
    assert desk.claim(second) is not None


def test_who_ends_knows_who_is_next(desk):
    """The first by priority of those that wait for the same place and have no message; nobody, where none is limited."""
    first, free = desk.running(**ONE), desk.running(overlap_key="books")
    late, soon = desk.queued(**ONE), desk.queued(**ONE, priority=9)
    desk.queued(overlap_key="others", max_running=1, priority=9)
    desk.ledger.runs.finish(first.id, 1, SUCCESS)
    (found,) = desk.ledger.leases.behind(first.id)
    assert found.id == soon
    assert desk.ledger.leases.behind(free.id) == []
    desk.ledger.runs.mark_published([found])
    assert [run.id for run in desk.ledger.leases.behind(first.id)] == [late]


def test_only_as_many_are_rung_as_there_are_places(desk):
    """By priority; and while their messages are out nobody else is rung for the same places."""
    for priority in (1, 5, 9, 7):
        desk.queued(**TWO, priority=priority)
    rung = desk.ledger.leases.unpublished()
    assert [run.priority for run in rung] == [9, 7]
    desk.ledger.runs.mark_published(rung)
    desk.queued(**TWO, priority=9)
    assert waiting(desk) == []
    desk.clock.advance(minutes=1)
    assert [run.priority for run in desk.ledger.leases.silent(timedelta(seconds=30))] == [9, 7]


def test_runs_of_other_keys_are_rung_meanwhile(desk):
    """A key without a place holds nobody else up, however high its priority."""
    desk.running(**ONE)
    desk.queued(**ONE, priority=9)
    other, free = desk.queued(overlap_key="Books", max_running=1), desk.queued(overlap_key="books", priority=1)
    assert waiting(desk) == [other, free]


def test_a_message_that_came_for_a_taken_place_is_not_taken_for_one_that_is_out(desk):
    """Though the note that it went out is written after a worker has refused it."""
    first, second = desk.queued(**ONE), desk.queued(**ONE)
    note = [*desk.ledger.leases.unpublished()]
    taken, refused = (first, second) if note[0].id == first else (second, first)
    desk.claim(refused)
    assert desk.claim(taken) is None
    desk.ledger.runs.mark_published(note)
    desk.ledger.runs.finish(refused, 1, SUCCESS)
    assert waiting(desk) == [taken]


def test_a_run_that_may_not_wait_is_skipped(desk):
    """The reason names the run that was at work, and its job where that is another one."""
    first = desk.running(**ONE)
    for job, words in (("books", "of this job"), ("other", "of job 'books'")):
        late = desk.queued(**ONE, job=job, spec={"skips": True})
        assert desk.claim(late) is None
        found = desk.ledger.queries.run(late)
        assert (found.state, found.finished_at) == (State.SKIPPED, desk.clock.now())
        assert found.reason == f"overlap: run {first.id} {words} was still at work when this one was to start"


def test_a_run_that_is_tried_again_keeps_its_place(desk):
    """Between its attempts nobody else begins, and it is not skipped itself."""
    first = desk.running(**ONE, spec={"skips": True})
    second = desk.queued(**ONE)
    fail(desk, first.id, seconds=60)
    assert desk.claim(second) is None
    desk.clock.advance(seconds=60)
    assert waiting(desk) == [first.id]
    assert desk.claim(first.id) is not None


def test_of_two_that_have_begun_the_earlier_goes_first(desk):
    """They do not wait for each other, though both hold the place."""
    early = desk.running(**ONE)
    desk.clock.advance(seconds=1)
    late = desk.running(overlap_key="books")
    desk.ledger.runs.finish(late.id, 1, Verdict(Outcome.LOST, State.QUEUED, due_at=desk.clock.now()))
    fail(desk, early.id)
    limited = desk.queued(**ONE)
    assert set(waiting(desk)) == {early.id, late.id}
    assert desk.claim(limited) is None
    assert desk.claim(early.id) is not None


def test_a_run_without_a_limit_takes_a_place_and_waits_for_none(desk):
    """What was asked for by hand runs, and the next scheduled one waits for it."""
    desk.running(**ONE)
    by_hand = desk.running(overlap_key="books")
    assert by_hand.state == State.RUNNING
    assert desk.claim(desk.queued(**TWO)) is None


def test_of_twenty_that_ask_at_once_two_get_a_place(desk):
    """On every round, until all have run."""
    ids = [desk.queued(**TWO) for _ in range(20)]
    barrier = Barrier(20)

    def ask(run_id: str) -> str | None:
        barrier.wait(30)
        return run_id if desk.claim(run_id) else None

    with ThreadPoolExecutor(20) as pool:
        for _ in range(3):
            taken = [run_id for run_id in pool.map(ask, ids) if run_id]
            assert len(taken) == 2
            for run_id in taken:
                desk.ledger.runs.finish(run_id, 1, SUCCESS)


def test_never_more_are_at_work_than_may_be(desk):
    """Twenty workers that claim, look and finish as fast as they can."""
    ids = [desk.queued(**TWO) for _ in range(20)]

    def work(run_id: str) -> int:
        while desk.claim(run_id) is None:
            pass
        at_once = len(desk.ledger.queries.runs(state=State.RUNNING))
        desk.ledger.runs.finish(run_id, 1, SUCCESS)
        return at_once

    with ThreadPoolExecutor(4) as pool:
        assert max(pool.map(work, ids)) <= 2
    assert desk.ledger.queries.counts() == {"succeeded": 20}


def test_a_key_without_a_row_of_its_own_is_counted_too(desk):
    """As an open run that an older program recorded has none."""
    import sqlalchemy as sa

    from automation.ledger.tables import slots

    ids = [desk.queued(**ONE) for _ in range(6)]
    with desk.ledger.engine.begin() as connection:
        connection.execute(sa.delete(slots))
    with ThreadPoolExecutor(6) as pool:
        assert sum(claim is not None for claim in pool.map(desk.claim, ids)) == 1
