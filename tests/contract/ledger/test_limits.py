"""How many runs of one limit are at work, and how many begin in a span, on every database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
import sqlalchemy as sa

from automation.ledger.beside import steps
from automation.ledger.gate_tables import limits
from automation.ledger.keep import Keep
from automation.ledger.limit import Limit, Rate
from automation.ledger.limit_counts import sync
from automation.ledger.runs import Verdict
from automation.ledger.states import Outcome, State

SUCCESS = Verdict(Outcome.SUCCEEDED, State.SUCCEEDED)
SHOP = "limit shop"


def spec(*limits: Limit, **values):
    return {"spec": {"limits": [one.to_json() for one in limits], **values}}


def at_once(number: int, key: str = SHOP) -> Limit:
    return Limit(SHOP, key, max_running=number)


def rate(text: str, key: str = SHOP) -> Limit:
    return Limit(SHOP, key, rate=Rate.parse(text))


def rung(desk) -> list[str]:
    """Who is rung now; their messages are out."""
    waiting = desk.ledger.leases.unpublished()
    desk.ledger.runs.mark_published(waiting)
    return [run.id for run in waiting]


def test_runs_of_any_job_share_a_limit(desk):
    """One that finds no place waits with the reason, and is rung when a place is free."""
    first, second = desk.running(**spec(at_once(2))), desk.running(job="other", **spec(at_once(2)))
    third = desk.queued(job="third", **spec(at_once(2)))
    assert desk.claim(third) is None
    found = desk.ledger.queries.run(third)
    assert (found.state, found.attempt) == (State.QUEUED, 0)
    assert found.reason == "waits: limit shop, 2 at once; all places are taken"
    assert rung(desk) == []
    desk.ledger.runs.finish(second.id, 1, SUCCESS)
    assert [one.id for one in desk.ledger.leases.behind(second.id)] == [third]
    assert rung(desk) == [third]
    claimed = desk.claim(third)
    assert claimed is not None
    assert desk.ledger.queries.run(third).reason is None
    assert desk.ledger.leases.behind(first.id) == []


def test_keys_of_a_limit_are_counted_apart(desk):
    """Each site for itself, and a and A are two."""
    for key in ("a", "A", "b"):
        assert desk.running(**spec(at_once(1, f"{SHOP} ({key})")))


def test_a_run_between_two_attempts_holds_no_place(desk):
    """Whoever waits takes it, and the retry waits in turn."""
    first, second = desk.running(**spec(at_once(1))), desk.queued(**spec(at_once(1)))
    assert desk.claim(second) is None
    again = desk.clock.now() + timedelta(seconds=10)
    desk.ledger.runs.finish(first.id, 1, Verdict(Outcome.FAILED, State.RETRYING, due_at=again))
    assert rung(desk) == [second]
    assert desk.claim(second)
    desk.clock.advance(seconds=10)
    assert rung(desk) == [first.id]
    assert desk.claim(first.id) is None
    desk.ledger.runs.finish(second, 1, SUCCESS)
    assert rung(desk) == [first.id]
    assert desk.claim(first.id).attempt == 2


def test_a_place_of_a_lost_worker_is_free_once_its_run_is_lost(desk):
    """Not before; nothing has to be given back."""
    lost, waits = desk.running(**spec(at_once(1))), desk.queued(**spec(at_once(1)))
    assert desk.claim(waits) is None
    later = desk.clock.now() + timedelta(hours=1)
    desk.ledger.runs.finish(lost.id, 1, Verdict(Outcome.LOST, State.QUEUED, due_at=later, spends=False))
    assert rung(desk) == [waits]
    assert desk.claim(waits)


def test_no_more_begin_in_a_span_than_the_rate_says(desk):
    """The span slides: the third of `2/m` begins a minute after the first, as its reason said."""
    desk.running(**spec(rate("2/m")))
    desk.clock.advance(seconds=10)
    desk.running(**spec(rate("2/m")))
    third, fourth = desk.queued(**spec(rate("2/m"))), desk.queued(**spec(rate("2/m")))
    ranked = sorted((third, fourth))
    for run_id in ranked:
        assert desk.claim(run_id) is None
    reasons = [desk.ledger.queries.run(run_id).reason for run_id in ranked]
    assert reasons == [f"waits: limit shop, 2/m; its turn is at 2026-03-01T12:01:{second}Z" for second in ("00", "10")]
    assert desk.ledger.leases.next_due() == desk.clock.now() + timedelta(seconds=50)
    desk.clock.advance(seconds=49)
    assert rung(desk) == []
    desk.clock.advance(seconds=1)
    assert rung(desk) == ranked[:1]
    assert desk.claim(ranked[0])
    assert desk.ledger.leases.next_due() == desk.clock.now() + timedelta(seconds=10)
    desk.clock.advance(seconds=10)
    assert rung(desk) == ranked[1:]
    assert desk.claim(ranked[1])


def test_a_retry_counts_as_a_beginning(desk):
    """An attempt is an attempt for the other side."""
    run = desk.running(**spec(rate("1/m")))
    desk.ledger.runs.finish(run.id, 1, Verdict(Outcome.FAILED, State.RETRYING, due_at=desk.clock.now()))
    assert desk.claim(run.id) is None
    desk.clock.advance(minutes=1)
    assert desk.claim(run.id).attempt == 2


def test_the_line_is_in_order_of_priority_then_of_time(desk):
    """Whoever comes later passes none before him, though a place is free at that moment."""
    busy = desk.running(**spec(at_once(1)))
    waits = [(desk.queued(priority=priority, **spec(at_once(1))), desk.clock.advance(seconds=1))[0] for priority in (5, 1, 9, 5)]  # fmt: skip
    for run_id in waits:
        assert desk.claim(run_id) is None
    desk.ledger.runs.finish(busy.id, 1, SUCCESS)
    newcomer = desk.queued(priority=5, **spec(at_once(1)))
    assert desk.claim(newcomer) is None
    order = []
    for _ in range(5):
        (run_id,) = rung(desk)
        assert desk.claim(run_id)
        desk.ledger.runs.finish(run_id, 1, SUCCESS)
        order.append(run_id)
    assert order == [waits[2], waits[0], waits[3], newcomer, waits[1]]


def test_several_limits_hold_at_once(desk):
    """One begins when all have room, and counts for none while it waits."""
    busy = desk.running(**spec(at_once(1, "limit a")))
    both = desk.queued(**spec(at_once(1, "limit a"), rate("1/m", "limit b")))
    assert desk.claim(both) is None
    assert desk.running(**spec(rate("1/m", "limit b")))
    desk.ledger.runs.finish(busy.id, 1, SUCCESS)
    assert rung(desk) == [both]
    assert desk.claim(both) is None
    assert "limit b, 1/m; its turn is at 2026-03-01T12:01:00Z" in desk.ledger.queries.run(both).reason
    assert desk.running(**spec(at_once(1, "limit a")))
    desk.clock.advance(minutes=1)
    assert rung(desk) == [both]


A, B = at_once(1, "limit a"), at_once(1, "limit b")


def test_one_that_needs_two_limits_is_not_passed_for_ever(desk):
    """Others may pass it for a minute; then the turn that has come is kept for it while it waits for the other one."""
    a, b = desk.running(**spec(A)), desk.running(**spec(B))
    both = desk.queued(**spec(A, B))
    assert desk.claim(both) is None
    desk.ledger.runs.finish(a.id, 1, SUCCESS)
    assert rung(desk) == [both]
    assert desk.claim(both) is None
    passing = desk.running(**spec(A))
    desk.clock.advance(seconds=61)
    desk.ledger.runs.finish(b.id, 1, SUCCESS)
    assert rung(desk) == [both]
    assert desk.claim(both) is None
    late = desk.queued(**spec(B))
    assert desk.claim(late) is None
    assert desk.ledger.queries.run(late).reason == "waits: limit b, 1 at once; what is free is for those before it"
    assert desk.running(priority=9, **spec(B)).id
    assert rung(desk) == []
    desk.ledger.runs.finish(desk.ledger.queries.runs(state="running")[0].id, 1, SUCCESS)
    assert rung(desk) == []
    desk.ledger.runs.finish(passing.id, 1, SUCCESS)
    assert rung(desk) == [both]
    assert desk.claim(both)
    assert rung(desk) == []
    desk.ledger.runs.finish(both, 1, SUCCESS)
    assert rung(desk) == [late]
    assert desk.claim(late)


def test_a_turn_is_kept_for_nobody_who_does_not_wait_any_more(desk):
    """A run that was cancelled keeps nobody back, nor does one that stands before a rate until a moment that is known."""
    a, b = desk.running(**spec(A)), desk.running(**spec(B))
    gone = desk.queued(**spec(A, B))
    later = desk.queued(**spec(A, rate("1/h", "limit c")))
    desk.running(**spec(rate("1/h", "limit c")))
    assert desk.claim(gone) is None
    assert desk.claim(later) is None
    desk.ledger.runs.finish(a.id, 1, SUCCESS)
    assert desk.claim(gone) is None
    desk.clock.advance(seconds=61)
    assert desk.claim(gone) is None
    waits = desk.queued(**spec(A))
    assert desk.claim(waits) is None
    desk.ledger.runs.request_cancel(gone)
    assert rung(desk) == [later]
    assert desk.claim(later) is None
    assert rung(desk) == [waits]
    assert desk.claim(waits)
    assert desk.ledger.queries.run(b.id).state == State.RUNNING


def test_one_that_needs_a_place_of_its_job_and_a_limit_is_not_passed_for_ever(desk):
    """Neither by those that need the place alone, nor by those that need the limit alone."""
    key = {"overlap_key": "books", "max_running": 1}
    at_work, limited = desk.running(**key), desk.running(**spec(A))
    both = desk.queued(**key, **spec(A))
    desk.ledger.runs.finish(limited.id, 1, SUCCESS)
    assert desk.claim(both) is None
    limited = desk.running(**spec(A))
    desk.clock.advance(seconds=61)
    desk.ledger.runs.finish(at_work.id, 1, SUCCESS)
    assert rung(desk) == [both]
    assert desk.claim(both) is None
    late = desk.queued(**key)
    assert rung(desk) == []
    assert desk.claim(late) is None
    desk.ledger.runs.finish(limited.id, 1, SUCCESS)
    assert rung(desk) == [both]
    assert desk.claim(both)


def test_one_that_waits_for_its_overlap_place_holds_up_no_limit(desk):
    """The line before the limit goes on without it."""
    key = {"overlap_key": "books", "max_running": 1}
    busy = desk.running(**spec(at_once(1)))
    first, second = desk.queued(priority=9, **key, **spec(at_once(1))), desk.queued(**spec(at_once(1)))
    assert desk.claim(first) is None
    assert desk.claim(second) is None
    at_work = desk.running(**key)
    desk.ledger.runs.finish(busy.id, 1, SUCCESS)
    assert rung(desk) == [first]
    assert desk.claim(first) is None
    assert rung(desk) == [second]
    assert desk.claim(second)
    desk.ledger.runs.finish(at_work.id, 1, SUCCESS)
    assert rung(desk) == [first]


def test_one_in_line_does_not_keep_others_from_their_overlap_place(desk):
    """It has not begun, and may wait for long."""
    key = {"overlap_key": "books", "max_running": 1}
    desk.running(**spec(at_once(1)))
    first, second = desk.queued(**key, **spec(at_once(1))), desk.queued(**key)
    assert desk.claim(first) is None
    assert rung(desk) == [second]
    assert desk.claim(second)


def test_a_run_that_ends_while_it_waits_leaves_the_line(desk):
    """A cancelled one keeps nobody back."""
    busy = desk.running(**spec(at_once(1)))
    first, second = desk.queued(priority=9, **spec(at_once(1))), desk.queued(**spec(at_once(1)))
    for run_id in (first, second):
        assert desk.claim(run_id) is None
    assert desk.ledger.runs.request_cancel(first)
    desk.ledger.runs.finish(busy.id, 1, SUCCESS)
    assert rung(desk) == [second]
    assert desk.claim(second)


def test_a_lost_message_is_rung_again(desk):
    """While it is out it counts as the one whose turn it is; then it is repeated."""
    busy = desk.running(**spec(at_once(1)))
    first, second = desk.queued(**spec(at_once(1))), desk.queued(**spec(at_once(1)))
    for run_id in (first, second):
        assert desk.claim(run_id) is None
    desk.ledger.runs.finish(busy.id, 1, SUCCESS)
    (out,) = rung(desk)
    assert rung(desk) == []
    desk.clock.advance(minutes=10)
    assert [one.id for one in desk.ledger.leases.silent(timedelta(seconds=30))] == [out]


def test_what_the_owner_says_later_holds_for_those_that_wait(desk):
    """A limit that is raised, lowered or taken away, without a new record of any run."""
    desk.running(**spec(rate("1/h")))
    waits = desk.queued(**spec(rate("1/h")))
    assert desk.claim(waits) is None

    def say(limit: Limit | None, *, keep_missing: bool = False) -> None:
        with desk.ledger.engine.begin() as connection:
            sync(connection, {SHOP: limit} if limit else {}, keep_missing=keep_missing)

    say(None, keep_missing=True)
    assert rung(desk) == []
    say(rate("2/h"))
    assert rung(desk) == [waits]
    assert desk.claim(waits)
    third = desk.queued(**spec(rate("1/h")))
    assert desk.claim(third) is None
    say(None)
    assert rung(desk) == [third]
    assert desk.claim(third)


def test_a_clock_that_is_set_back_stops_nobody_for_longer_than_the_span(desk):
    """What has begun has begun by now, whatever the clock said then."""
    desk.clock.advance(hours=5)
    desk.running(**spec(rate("1/m")))
    desk.clock.advance(hours=-5)
    waits = desk.queued(**spec(rate("1/m")))
    assert desk.claim(waits) is None
    desk.clock.advance(minutes=1)
    assert desk.claim(waits)


def test_keys_that_nobody_uses_any_more_are_forgotten(desk):
    """Not one of a run that is at work, or waits, or began within the longest span; and what was forgotten is made anew."""
    for key in ("old", "new", "held"):
        one = Limit(SHOP, f"{SHOP} ({key})", 1, Rate.parse("9/d"))
        if key == "new":
            desk.clock.advance(days=3)
        run = desk.running(**spec(one))
        if key != "held":
            desk.ledger.runs.finish(run.id, 1, SUCCESS)
    desk.clock.advance(days=1)
    for _ in steps(desk.ledger.engine, Keep(), desk.clock.now(), Counter(), dry=False):
        pass
    with desk.ledger.engine.connect() as connection:
        left = set(connection.scalars(sa.select(limits.c.limit_key)))
    assert left == {f"{SHOP} (new)", f"{SHOP} (held)"}
    assert desk.running(**spec(Limit(SHOP, f"{SHOP} (old)", 1, Rate.parse("9/d"))))


@pytest.mark.parametrize("limit", [at_once(3), rate("3/h")], ids=["at once", "rate"])
def test_of_twenty_that_ask_at_once_three_begin(desk, limit):
    """Each in a transaction of its own, on a key that nobody has asked for before."""
    ids = [desk.queued(**spec(limit)) for _ in range(20)]
    barrier = Barrier(20)

    def ask(run_id: str) -> str | None:
        barrier.wait(30)
        return run_id if desk.claim(run_id) else None

    with ThreadPoolExecutor(20) as pool:
        taken = [run_id for run_id in pool.map(ask, ids) if run_id]
    assert len(taken) == 3
    assert len(desk.ledger.queries.runs(state="running")) == 3
    assert [desk.claim(run_id) for run_id in set(ids) - set(taken)] == [None] * 17


def test_never_more_are_at_work_than_a_limit_allows(desk):
    """Four workers that take what is rung, look and finish as fast as they can; those of two limits among them."""
    shared = at_once(2)
    ids = {desk.queued(**spec(shared, *([at_once(1, "limit b")] if number % 2 else []))) for number in range(20)}
    left = set(ids)

    def work(_: int) -> int:
        most = 0
        while left:
            for run_id in [one.id for one in desk.ledger.leases.unpublished()]:
                if desk.claim(run_id) is not None:
                    most = max(most, len(desk.ledger.queries.runs(state=State.RUNNING)))
                    desk.ledger.runs.finish(run_id, 1, SUCCESS)
                    left.discard(run_id)
        return most

    with ThreadPoolExecutor(4) as pool:
        assert max(pool.map(work, range(4))) <= 2
    assert desk.ledger.queries.counts() == {"succeeded": 20}


AROUND = ("BEGIN", "COMMIT", "PRAGMA", "SELECT 1")


@contextmanager
def heard(engine: sa.Engine) -> Iterator[list[str]]:
    """What the database is asked inside; SQLite itself tells, as some of it does not pass through SQLAlchemy."""
    found: list[str] = []
    of_sqlite = engine.dialect.name == "sqlite"
    told = "checkout" if of_sqlite else "before_cursor_execute"

    def hear(*args: Any) -> None:
        if of_sqlite:
            args[0].set_trace_callback(found.append)
        else:
            found.append(args[2])

    sa.event.listen(engine, told, hear)
    yield found
    sa.event.remove(engine, told, hear)
    engine.dispose()


def test_a_run_without_a_limit_costs_no_statement_more(desk):
    """Counted at claim and finish, beside one with a limit."""
    limited, plain = desk.queued(**spec(at_once(3))), desk.queued()
    counted = []
    with heard(desk.ledger.engine) as statements:
        for run_id in (plain, limited):
            statements.clear()
            desk.claim(run_id)
            desk.ledger.runs.finish(run_id, 1, SUCCESS)
            counted.append([one for one in statements if not one.startswith(AROUND)])
    assert len(counted[0]) == 5, counted[0]
    assert not any(name in one for one in counted[0] for name in ("limits", "holds", "beginnings"))
    assert len(counted[1]) > 5
