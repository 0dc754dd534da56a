"""Pings, on every database: which run they belong to, and that none is overlooked."""

from __future__ import annotations

from datetime import timedelta

from automation.ledger.pings import Signal
from automation.ledger.runs import Verdict
from automation.ledger.states import Kind, Outcome, State

START, SUCCESS, LOG = Signal.START, Signal.SUCCESS, Signal.LOG


def asleep(desk, **values):
    """A run that has looked for pings, and put itself off for an hour."""
    run = desk.running(**values)
    desk.ledger.pings.read(run.id)
    again = Verdict(Outcome.SNOOZED, State.RETRYING, "no ping yet", desk.clock.now() + timedelta(hours=1), spends=False)
    assert desk.ledger.runs.finish(run.id, run.attempt, again)
    return run.id


def test_a_ping_wakes_the_run_that_waits_for_it(desk) -> None:
    """It is due at once, and rung for; another job's ping, or a mere line, leaves it asleep."""
    pings, run = desk.ledger.pings, asleep(desk)

    assert pings.run_of("other", SUCCESS, None) is None
    assert pings.run_of("books", SUCCESS, None) == run
    assert pings.keep(run, LOG, None, None) is None
    assert desk.ledger.leases.unpublished() == []

    waiting = pings.keep(run, SUCCESS, None, 0)
    assert waiting == desk.ledger.leases.unpublished()[0]
    assert [(one.signal, one.exit_status) for one in pings.read(run)] == [(LOG, None), (SUCCESS, 0)]


def test_a_ping_that_comes_while_an_attempt_ends_wakes_it_too(desk) -> None:
    """The attempt has not read it; one that was read wakes nobody."""
    pings, run = desk.ledger.pings, asleep(desk)
    pings.keep(run, START, None, None)
    second = desk.claim(run)
    pings.read(run)
    assert pings.keep(run, SUCCESS, None, None) is None
    again = Verdict(Outcome.SNOOZED, State.RETRYING, "", desk.clock.now() + timedelta(hours=1), spends=False)
    desk.ledger.runs.finish(run, second.attempt, again)

    assert pings.wake(run).id == run
    pings.read(run)
    assert pings.wake(run) is None


def test_executions_at_one_time_are_told_apart_by_their_ids(desk) -> None:
    """The end of each finds its own start; one without an id finds the start without one."""
    pings, clock = desk.ledger.pings, desk.clock
    first, second, third = (asleep(desk) for _ in range(3) if clock.advance(seconds=1) is None)

    for run, rid in ((first, "a"), (second, "b"), (third, None)):
        assert pings.run_of("books", START, rid) == run
        pings.keep(run, START, rid, None)
    assert [pings.run_of("books", SUCCESS, rid) for rid in ("b", "a", None)] == [second, first, third]
    assert pings.run_of("books", START, None) is None


def test_a_report_that_comes_again_finds_its_run(desk) -> None:
    """Also when that has ended: whoever had no answer sends it once more."""
    pings, run = desk.ledger.pings, asleep(desk)
    pings.keep(run, SUCCESS, "a", None)
    ending = desk.claim(run)
    desk.ledger.runs.finish(run, ending.attempt, Verdict(Outcome.SUCCEEDED, State.SUCCEEDED))

    assert pings.run_of("books", SUCCESS, "a") == run
    assert pings.run_of("books", SUCCESS, "b") is None
    assert pings.run_of("books", LOG, None) == run


def test_a_run_that_pings_began_stands_for_a_fire_near_it(desk) -> None:
    """Within the span that is asked about, as long as it has not failed."""
    now, hour = desk.clock.now(), timedelta(hours=1)
    run = desk.running(kind=Kind.PING)

    assert desk.ledger.pings.beside("books", "other", now - hour, now) == run.id
    assert desk.ledger.pings.beside("books", run.id, now - hour, now) is None
    assert desk.ledger.pings.beside("books", "other", now + hour, now + hour) is None
    desk.ledger.runs.finish(run.id, run.attempt, Verdict(Outcome.FAILED, State.DEAD))
    assert desk.ledger.pings.beside("books", "other", now - hour, now) is None
