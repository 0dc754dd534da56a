"""The oracle of the torment: it passes what is right, and each broken promise is named."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.faults.evidence import Attempt, Evidence, Line, Occurrence, Plan, Run
from tests.faults.oracle import expected, in_doubt, judge

SINCE = datetime(2026, 3, 2, 6, 0, 0, 500_000, UTC)
PLAN = Plan("books", "main", 10, alone=True, counts=True)
TIMES = [datetime(2026, 3, 2, 6, 0, second, tzinfo=UTC) for second in (10, 20, 30)]


def id_of(number: int) -> str:
    """Twenty letters, as the ledger's ids have."""
    return f"{'abc'[number] * 20}"


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def run_at(number: int, **other) -> Run:
    nominal = TIMES[number]
    values = {
        "id": id_of(number), "job": "books", "schedule": "main", "nominal_time": nominal, "state": "succeeded",
        "reason": None, "attempt": 1, "spent": 1, "losses": 0, "max_attempts": 4, "queued_at": nominal, "due_at": nominal,
        "started_at": nominal + seconds(1), "finished_at": nominal + seconds(3), "lease_until": None, "published_at": None,
    }  # fmt: skip
    return Run(**{**values, **other})


def attempt_at(number: int, attempt: int = 1, outcome: str = "succeeded", start: float = 1) -> Attempt:
    begun = TIMES[number] + seconds(start)
    return Attempt(id_of(number), attempt, "worker@here-7-abcdef", 8, begun, begun + seconds(2), outcome)


def lines_at(number: int, attempt: int = 1, start: float = 1, *what: str) -> tuple[Line, ...]:
    begun = TIMES[number] + seconds(start)
    words = what or ("began", "effect", "ended")
    return tuple(Line(word, id_of(number), attempt, 8, begun + seconds(n)) for n, word in enumerate(words))


@pytest.fixture
def right() -> Evidence:
    """Three fires: one succeeded, one succeeded after its worker was lost, one was skipped for the one before it."""
    named = f"overlap: run {id_of(1)} of this job was still open"
    skipped = {
        "state": "skipped",
        "attempt": 0,
        "spent": 0,
        "started_at": None,
        "finished_at": TIMES[2],
        "reason": named,
    }
    second = {"attempt": 2, "losses": 1, "finished_at": TIMES[2] + seconds(4)}
    return Evidence(
        plans=(PLAN,),
        since=SINCE,
        until=TIMES[2] + seconds(5),
        occurrences=tuple(Occurrence("books", "main", time, "queued", time, id_of(n)) for n, time in enumerate(TIMES)),
        runs=(run_at(0), run_at(1, **second), run_at(2, **skipped)),
        attempts=(attempt_at(0), attempt_at(1, 1, "lost"), attempt_at(1, 2, "succeeded", 12)),
        lines=(*lines_at(0), *lines_at(1, 1, 1, "began"), *lines_at(1, 2, 12)),
        mails=(id_of(0), id_of(1)),
        counted={"books": 2},
    )


def changed(evidence: Evidence, number: int, **other) -> Evidence:
    runs = list(evidence.runs)
    runs[number] = replace(runs[number], **other)
    return replace(evidence, runs=tuple(runs))


def kinds(evidence: Evidence) -> set[str]:
    return {violation.kind for violation in judge(evidence)}


def test_nothing_is_said_where_every_promise_held(right):
    """Also of a run that was lost once, and of one that was skipped for a reason."""
    assert judge(right) == []


def test_expected_times_are_whole_multiples_after_the_beginning():
    """The second in which the configuration became active has passed; the last one counts."""
    assert expected(PLAN, SINCE, TIMES[2]) == TIMES
    assert expected(PLAN, TIMES[0], TIMES[2] - seconds(1)) == TIMES[1:2]


def test_a_time_without_a_decision_or_a_run_is_unrecorded(right):
    """A fire that fell due and of which the ledger says nothing."""
    assert "unrecorded" in kinds(replace(right, occurrences=right.occurrences[:-1]))
    assert "unrecorded" in kinds(replace(right, runs=right.runs[:-1]))


def test_a_time_beside_the_rule_and_a_second_run_are_outside(right):
    """Nothing runs at times that the rule does not name, nor twice at one."""
    beside = replace(right.runs[0], id="d" * 20, nominal_time=TIMES[0] + seconds(1))
    assert "outside" in kinds(replace(right, runs=(*right.runs, beside)))
    assert "outside" in kinds(replace(right, runs=(*right.runs, replace(right.runs[0], id="d" * 20))))


def test_runs_by_hand_are_those_that_were_asked_for(right):
    """One that was asked for and is not there is unrecorded; one that is there and was not asked for is outside."""
    by_hand = replace(right.runs[0], id="d" * 20, schedule=None, state="expired")
    assert kinds(replace(right, asked=("d" * 20,))) == {"unrecorded"}
    assert "outside" in kinds(replace(right, runs=(*right.runs, by_hand)))
    assert "outside" not in kinds(replace(right, runs=(*right.runs, by_hand), asked=("d" * 20,)))


def test_a_run_is_given_up_after_as_many_losses_as_its_job_bears(right):
    """Not after one fewer."""
    bears = replace(right, plans=(replace(PLAN, max_lost=3),))
    dead = {"state": "dead", "spent": 0}
    assert "unfounded" in kinds(changed(bears, 0, **dead, losses=2))
    assert "unfounded" not in kinds(changed(bears, 0, **dead, losses=3))


@pytest.mark.parametrize("state", ["queued", "retrying", "running"])
def test_a_run_that_has_not_ended_is_lost(right, state):
    """Whatever it waits for: when everything had its time, each run has ended."""
    assert "lost" in kinds(changed(right, 0, state=state, finished_at=None))


def test_a_run_that_succeeded_without_its_work_is_lost(right):
    """The last line of its attempt is missing in the effect log."""
    without = tuple(line for line in right.lines if (line.run, line.what) != (id_of(0), "ended"))
    assert kinds(replace(right, lines=without)) == {"lost"}


@pytest.mark.parametrize(
    "other",
    [
        {"state": "missed"},
        {"state": "skipped", "reason": "overlap: run zzz of this job was still open"},
        {"state": "skipped", "reason": None},
        {"state": "dead", "spent": 1},
        {"state": "cancelled"},
        {"state": "expired"},
    ],
)
def test_a_run_that_ended_so_for_no_reason_is_unfounded(right, other):
    """Calling it missed, skipped or dead is no way to lose a run."""
    assert "unfounded" in kinds(changed(right, 0, **other))


def test_a_fire_is_skipped_when_as_many_wait_as_its_job_lets(right):
    """Not when fewer do, and not for those that have ended long ago."""
    full = changed(right, 2, reason="queue full: 1 run waited, and max_queued is 1")
    assert kinds(replace(full, plans=(replace(PLAN, max_queued=1),))) == set()
    assert kinds(replace(full, plans=(replace(PLAN, max_queued=2),))) == {"unfounded"}
    ended = changed(full, 1, finished_at=right.runs[2].queued_at - seconds(11))
    assert "unfounded" in kinds(replace(ended, plans=(replace(PLAN, max_queued=1),)))


def test_a_verdict_may_have_waited_for_its_turn_to_be_written(right):
    """What was in the way may name an end a little before the decision that saw it open, and not one long before."""
    asked = right.runs[2].queued_at
    assert kinds(changed(right, 1, finished_at=asked - seconds(2))) == set()
    assert "unfounded" in kinds(changed(right, 1, finished_at=asked - seconds(11)))


def test_an_effect_a_mail_or_a_count_too_many_is_double(right):
    """Each of them happens once for an occurrence that succeeded."""
    assert kinds(replace(right, lines=(*right.lines, right.lines[1]))) == {"double"}
    assert kinds(replace(right, mails=(*right.mails, id_of(1)))) == {"double"}
    assert kinds(replace(right, counted={"books": 3})) == {"double"}
    assert "double" in kinds(replace(right, mails=(*right.mails, id_of(2))))


def test_an_effect_a_mail_or_a_count_too_few_is_missing(right):
    """What is written with the verdict is there; `ctx.once` may have died with an attempt before, and only then."""
    without = tuple(line for line in right.lines if line.what != "effect")
    missing = judge(replace(right, lines=without))
    assert [violation.kind for violation in missing] == ["missing"]
    assert id_of(0) in str(missing[0])
    assert in_doubt(replace(right, lines=without)) == [id_of(1)]
    assert kinds(replace(right, mails=right.mails[:1])) == {"missing"}
    assert kinds(replace(right, counted={"books": 1})) == {"missing"}


def test_a_verdict_of_an_attempt_that_was_fenced_out_is_stale(right):
    """The lost attempt came back and was believed."""
    both = (attempt_at(0), attempt_at(1, 1, "succeeded"), attempt_at(1, 2, "succeeded", 12))
    assert "stale" in kinds(replace(right, attempts=both))


def test_an_attempt_without_a_reason_and_work_without_an_attempt_are_unexplained(right):
    """Each attempt follows a loss, a failure or an interruption; each line of the log belongs to one."""
    assert "unexplained" in kinds(replace(right, attempts=right.attempts[1:]))
    assert "unexplained" in kinds(
        replace(right, attempts=(right.attempts[0], replace(right.attempts[1], outcome=None), right.attempts[2]))
    )
    assert "unexplained" in kinds(changed(right, 1, losses=0))
    assert kinds(replace(right, lines=(*right.lines, replace(right.lines[0], pid=9)))) == {"unexplained"}


def test_one_loss_is_forgiven_to_a_run_that_was_lost_with_others(right):
    """Nobody knows which of them ended their worker; a second such loss counts."""
    first, lost, last = right.attempts
    other = replace(lost, run_id=id_of(0), attempt=1)
    assert kinds(changed(replace(right, attempts=(first, lost, last)), 1, losses=0)) == {"unexplained"}
    assert "counts 0 losses" not in str(judge(changed(replace(right, attempts=(other, lost, last)), 1, losses=0)))
    twice = (other, lost, replace(last, outcome="lost"))
    assert "counts 0 losses" in str(judge(changed(replace(right, attempts=twice), 1, losses=0)))


def test_two_runs_in_one_place_are_together(right):
    """The second began while the first was at work."""
    early = tuple(replace(line, at=line.at - seconds(9.5)) if line.run == id_of(1) else line for line in right.lines)
    assert kinds(replace(right, lines=early)) == {"together"}


def test_what_remains_after_everything_stopped_is_left_over(right):
    """A lock, a lease, a process: in the words of whoever looked."""
    assert kinds(replace(right, left_over=("a lock is held",))) == {"left over"}
