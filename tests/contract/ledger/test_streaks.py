"""A job that fails again and again is paused, on every database."""

from __future__ import annotations

from automation.ledger.runs import Verdict
from automation.ledger.states import Kind, Outcome, State

TWICE = {"pause_after_failures": 2}


def end(desk, state: State = State.DEAD, *, kind: Kind = Kind.SCHEDULED, job: str = "books", spec=TWICE) -> None:
    """A run of the job that ends so."""
    desk.clock.advance(minutes=1)
    run = desk.running(kind=kind, job=job, spec=spec)
    verdict = Verdict(Outcome.FAILED, state, reason=f"{state}: the shop is gone")
    assert desk.ledger.runs.finish(run.id, 1, verdict)


def test_a_job_that_died_as_often_as_it_may_is_paused(desk, caplog):
    """By its scheduled runs, caught up or not; the reason has the last one's, and the log says so."""
    end(desk)
    end(desk, job="other")
    assert desk.ledger.pauses.current() == []
    end(desk, kind=Kind.CATCHUP)
    [pause] = desk.ledger.pauses.current()
    assert (pause.level, pause.target, pause.author, pause.since) == ("job", "books", "automation", desk.clock.now())
    assert pause.reason == "2 runs in a row failed, the newest with: dead: the shop is gone"
    assert f"Job books is paused: {pause.reason}" in caplog.text


def test_a_success_begins_the_count_anew(desk):
    """And a run that found nothing to do is one; one that was cancelled, or asked for by hand, says nothing."""
    for state in (State.SUCCEEDED, State.SKIPPED):
        end(desk)
        end(desk, state)
        end(desk)
        assert desk.ledger.pauses.current() == []
        end(desk, State.SUCCEEDED)
    end(desk)
    end(desk, State.CANCELLED)
    end(desk, State.SUCCEEDED, kind=Kind.MANUAL)
    end(desk)
    assert len(desk.ledger.pauses.current()) == 1


def test_a_resumed_job_has_all_its_chances_again(desk):
    """What died before does not count."""
    end(desk)
    end(desk)
    desk.ledger.pauses.end("job", "books", "ana")
    end(desk)
    assert desk.ledger.pauses.current() == []
    end(desk)
    assert len(desk.ledger.pauses.current()) == 1


def test_a_job_that_somebody_paused_keeps_their_reason(desk):
    """The runs that were under way when it was paused change nothing."""
    made = desk.ledger.pauses.pause("job", "books", "the shop is rebuilt", "ana")
    end(desk)
    end(desk)
    assert desk.ledger.pauses.current() == [made]


def test_a_job_that_sets_no_number_is_never_paused(desk):
    """Nor one whose runs were asked for by hand."""
    for _ in range(3):
        end(desk, spec={})
        end(desk, kind=Kind.MANUAL)
    assert desk.ledger.pauses.current() == []
