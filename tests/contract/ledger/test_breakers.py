"""When a breaker opens, who tries, and what closes it, on every database."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest

from automation.ledger.circuit import Breaker, Circuit
from automation.ledger.runs import Verdict
from automation.ledger.states import Outcome, State

BREAKER = Breaker("breaker books", 2, timedelta(minutes=10), ("transport", "http:5xx"))
SPEC = {"spec": {"breaker": BREAKER.to_json()}}
SUCCESS = Verdict(Outcome.SUCCEEDED, State.SUCCEEDED)
CANCELLED = Verdict(Outcome.CANCELLED, State.CANCELLED)


def failure(kind: str = "transport", code: str | None = None) -> Verdict:
    return Verdict(Outcome.FAILED, State.DEAD, failure_class=kind, code=code, message="no route")


def end(desk, run, verdict: Verdict) -> None:
    assert desk.ledger.runs.finish(run.id, run.attempt, verdict, BREAKER)


def opened(desk) -> None:
    for _ in range(2):
        end(desk, desk.running(**SPEC), failure())


def rung(desk) -> list[str]:
    waiting = desk.ledger.leases.unpublished()
    desk.ledger.runs.mark_published(waiting)
    return [run.id for run in waiting]


def circuit(desk) -> str:
    return next((str(one.position.circuit) for one in desk.ledger.breakers.all()), "closed")


def test_so_many_failures_in_a_row_open_it(desk, caplog):
    """Then a run waits, and spends no attempt; its reason says until when, and the log that it opened."""
    with caplog.at_level(logging.WARNING):
        opened(desk)
    run_id = desk.queued(**SPEC)
    assert desk.claim(run_id) is None
    found = desk.ledger.queries.run(run_id)
    assert (found.state, found.attempt) == (State.QUEUED, 0)
    assert (
        found.reason == "waits: breaker books is open after 2 failures in a row; one run tries at 2026-03-01T12:10:00Z"
    )
    assert rung(desk) == []
    [row] = [one.as_json() for one in desk.ledger.breakers.all()]
    assert (row["state"], row["waiting"], row["reason"]) == ("open", 1, "no route")
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR] == [
        "The breaker books is open after 2 failures in a row: no route; one run tries at 2026-03-01T12:10:00Z"
    ]


@pytest.mark.parametrize("between", [SUCCESS, None], ids=["a success", "nothing"])
def test_a_success_between_failures_begins_the_count_anew(desk, between):
    """And what does not count does not."""
    end(desk, desk.running(**SPEC), failure())
    for verdict in (failure("config"), CANCELLED, failure("blocked", "http:404")):
        end(desk, desk.running(**SPEC), verdict)
    if between is not None:
        end(desk, desk.running(**SPEC), between)
    end(desk, desk.running(**SPEC), failure("blocked", "http:503"))
    assert (desk.claim(desk.queued(**SPEC)) is None) == (between is None)


def test_one_run_tries_and_its_success_closes_it(desk, caplog):
    """It is rung when the time has come; the others wait until it has ended, and then all may begin."""
    opened(desk)
    ids = [desk.queued(**SPEC) for _ in range(3)]
    for run_id in ids:
        assert desk.claim(run_id) is None
    assert desk.ledger.leases.next_due() == desk.clock.now() + timedelta(minutes=10)
    desk.clock.advance(minutes=10)
    (first,) = rung(desk)
    probe = desk.claim(first)
    assert circuit(desk) == "half_open"
    others = set(ids) - {first}
    for run_id in others:
        assert desk.claim(run_id) is None
        assert desk.ledger.queries.run(run_id).reason.endswith(f"run {first} tries")
    assert rung(desk) == []
    with caplog.at_level(logging.WARNING):
        end(desk, probe, SUCCESS)
    assert caplog.records[-1].getMessage() == "The breaker books is closed again"
    assert set(rung(desk)) == others
    assert all(desk.claim(run_id) for run_id in others)


def test_a_failure_of_the_one_that_tries_opens_it_again(desk):
    """For as long again; and what began before it opened has no say."""
    early = desk.running(**SPEC)
    opened(desk)
    waits = desk.queued(**SPEC)
    assert desk.claim(waits) is None
    end(desk, early, SUCCESS)
    assert desk.claim(waits) is None
    desk.clock.advance(minutes=10)
    end(desk, desk.claim(waits), failure())
    assert circuit(desk) == "open"
    again = desk.queued(**SPEC)
    assert desk.claim(again) is None
    assert "one run tries at 2026-03-01T12:20:00Z" in desk.ledger.queries.run(again).reason


@pytest.mark.parametrize("verdict", [CANCELLED, Verdict(Outcome.INTERRUPTED, State.CANCELLED), failure("config")])
def test_one_that_tries_without_an_answer_is_followed_by_another(desk, verdict):
    """At once."""
    opened(desk)
    desk.clock.advance(minutes=10)
    end(desk, desk.running(**SPEC), verdict)
    assert circuit(desk) == "open"
    assert desk.claim(desk.queued(**SPEC))


def test_one_that_is_lost_counts_where_losses_count(desk):
    """A worker that goes with its run is no answer of the other side, unless the job says so."""
    opened(desk)
    desk.clock.advance(minutes=10)
    run = desk.running(**SPEC)
    end(desk, run, Verdict(Outcome.LOST, State.QUEUED, due_at=desk.clock.now(), failure_class="lost"))
    assert desk.claim(run.id)


def test_an_attempt_whose_end_nobody_told_is_followed_by_another(desk):
    """As one that an older program ended."""
    opened(desk)
    desk.clock.advance(minutes=10)
    run = desk.running(**SPEC)
    desk.ledger.runs.finish(run.id, run.attempt, SUCCESS)
    assert desk.claim(desk.queued(**SPEC))


def test_a_breaker_is_closed_by_hand(desk):
    """Whoever stands before it is rung."""
    opened(desk)
    waits = desk.queued(**SPEC)
    assert desk.claim(waits) is None
    assert desk.ledger.breakers.close("breaker books", "ada")
    assert not desk.ledger.breakers.close("breaker books", "ada")
    assert not desk.ledger.breakers.close("breaker other", "ada")
    assert rung(desk) == [waits]
    assert desk.claim(waits)


def test_where_it_stands_is_told_while_it_waits(desk):
    """The gate, who is before it, and the moment."""
    opened(desk)
    first, second = (desk.queued(**SPEC, priority=priority) for priority in (9, 1))
    for run_id in (first, second):
        assert desk.claim(run_id) is None
    found = desk.ledger.leases.standing(desk.ledger.queries.run(second))
    assert (found.key, found.ahead, found.wait.until) == ("breaker books", 1, desk.clock.now() + timedelta(minutes=10))


def test_of_twenty_that_ask_at_once_one_tries(desk):
    """Each in a transaction of its own; the failures that opened it came at once, too."""
    barrier = Barrier(20)

    def fail(run) -> None:
        barrier.wait(30)
        end(desk, run, failure())

    def ask(run_id: str) -> bool:
        barrier.wait(30)
        return desk.claim(run_id) is not None

    at_work = [desk.running(**SPEC) for _ in range(20)]
    with ThreadPoolExecutor(20) as pool:
        list(pool.map(fail, at_work))
        assert circuit(desk) == Circuit.OPEN
        desk.clock.advance(minutes=10)
        assert sum(pool.map(ask, [desk.queued(**SPEC) for _ in range(20)])) == 1
