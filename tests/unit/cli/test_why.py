"""`automation why`: from rows of a ledger and the files to the chain of what decided."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from automation.clock import FrozenClock
from automation.dispatch.evidence import gather
from automation.dispatch.explain import explain
from automation.ledger.ids import occurrence_id
from automation.ledger.occurrences import Decided
from automation.ledger.rows import NewRun
from automation.ledger.runs import Claimant, Verdict
from automation.ledger.states import Kind, Outcome, State
from automation.project.definition import definition
from automation.project.order import run_of
from automation.services import Services, build_services

Run = Callable[..., tuple[int, str, str]]
SEVEN = datetime(2026, 3, 10, 7, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
JOBS = """
[jobs.books]
plugin = "shell"
cron = "0 7 * * *"
params.command = "true"
[jobs.two]
plugin = "shell"
params.command = "true"
schedules = [{id = "a", cron = "0 7 * * *"}, {id = "b", cron = "30 7 * * *"}]
[jobs.after]
plugin = "shell"
fixed_delay = "10m"
params.command = "true"
[jobs.hand]
plugin = "shell"
params.command = "true"
"""


@pytest.fixture
def services(project: Path, give_ledger: Callable[[Path], None]) -> Iterator[Services]:
    """The project's services with a ledger in which its jobs are active since the day before, at seven."""
    give_ledger(project)
    clock = FrozenClock(SEVEN - DAY)
    made = build_services(project, clock=clock, environ={})
    jobs = [job for job in made.project.jobs.values() if job.active]
    specs = {(job.name, schedule.id): schedule.spec for job in jobs for schedule in job.schedules}
    definitions = {job.name: definition(job) for job in jobs}
    made.ledger.occurrences.activate("d", specs, "scheduler@host", definitions=definitions)
    clock.advance(seconds=DAY.total_seconds() + 1)
    yield made
    made.close()


@pytest.fixture
def record(services: Services) -> Callable[..., NewRun]:
    """`record(job, schedule, nominal, …)`: a decision of the scheduler, made now."""

    def make(job: str, schedule: str = "main", nominal: datetime = SEVEN, **changes: Any) -> NewRun:
        run = run_of(
            services.project.job(job), kind=Kind.SCHEDULED, nominal_time=nominal, now=services.clock.now(),
            schedule=schedule, run_id=occurrence_id(job, schedule, nominal), planned_time=nominal, **changes,
        )  # fmt: skip
        services.ledger.occurrences.record([Decided(job, schedule, [run], nominal)], 1)
        return run

    return make


def steps(run: Run, *arguments: str) -> list[dict[str, Any]]:
    """What `why --json` prints."""
    found: list[dict[str, Any]] = json.loads(run("why", *arguments, "--json")[1])
    return found


def test_a_finished_run_is_told_from_the_rule_to_the_end(
    run: Run, services: Services, record: Callable[..., NewRun]
) -> None:
    """The answer first, and each line with its moment on the clocks of the schedule."""
    made = record("books")
    services.ledger.runs.claim(made.id, Claimant("w1", 42), MINUTE, lambda _: MINUTE)
    failure = Verdict(Outcome.FAILED, State.DEAD, "3 attempts spent", failure_class="transport", message="no page")
    services.ledger.runs.finish(made.id, 1, failure)
    code, out, _ = run("why", "books", "--at", "2026-03-10T07:00Z")

    assert code == 0
    assert [line[2:27].strip() for line in out.splitlines()[1:]] == [
        "2026-03-10 07:00:00+00:00", *["2026-03-10 07:00:01+00:00"] * 5
    ]  # fmt: skip
    assert out.startswith("books/main, 2026-03-10 07:00:00+00:00: it ran and is dead\n")
    assert "Attempt 1 of at most 3 was claimed by w1 (pid 42)" in out
    assert "transport: no page." in out


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (State.SKIPPED, "overlap: run abcdefghij234567abcd of this job was still open"),
        (State.SKIPPED, "blackout: not_during holidays"),
        (State.SKIPPED, "merged: the fire of tomorrow is deferred to the same instant, and runs for both"),
        (State.SKIPPED, "queue full: 10 runs waited, and max_queued is 10"),
        (State.SKIPPED, "united: schedule 'a' fires at the same instant, and runs for both"),
        (State.SKIPPED, "superseded: a newer one of this job waits"),
        (State.MISSED, "missed: 3d late, more than the catch-up window of 1d"),
        (State.EXPIRED, "expired: it had not begun 1m after its planned time"),
    ],
)
def test_what_did_not_run_is_told_with_its_reason(
    services: Services, record: Callable[..., NewRun], state: State, reason: str
) -> None:
    """As it is recorded, and with the rule behind it; a run that was tidied away is named all the same."""
    record("books", state=state, reason=reason)
    facts, (fire,) = gather(services.ledger, services.project, "books", SEVEN + DAY, SEVEN, None)
    answer, _, decision, rule, *_ = explain(facts, fire)

    assert answer.text.endswith(f"it did not run ({state})")
    assert reason in decision.text
    assert rule.fact == reason.partition(":")[0]


def test_a_pause_is_found_in_the_ledger(run: Run, services: Services, record: Callable[..., NewRun]) -> None:
    """By whom and why, though it has ended since."""
    services.ledger.pauses.pause("job", "books", "the site moves", "ada")
    record("books", nominal=SEVEN + DAY, state=State.SKIPPED, reason="paused: job 'books' was paused by ada")
    services.clock.sleep(2 * DAY.total_seconds())
    services.ledger.pauses.end("job", "books", "eve")
    found = steps(run, "books", "--at", "2026-03-11T07:00Z")

    (pause,) = (step for step in found if step["fact"] == "pause")
    assert "by ada: the site moves; eve ended that at 2026-03-12 07:00:01+00:00." in pause["text"]
    assert pause["at"] == "2026-03-10T07:00:01Z"


def test_the_run_in_the_way_is_looked_up(run: Run, services: Services, record: Callable[..., NewRun]) -> None:
    """Its state then and its state now."""
    first = record("books")
    services.clock.sleep(DAY.total_seconds())
    record(
        "books", nominal=SEVEN + DAY, state=State.SKIPPED, reason=f"overlap: run {first.id} of this job was still open"
    )
    services.ledger.runs.request_cancel(first.id)
    (other,) = (step for step in steps(run, "books", "--at", "2026-03-11T07:00Z") if step["fact"] == "other run")

    assert other["run"] == first.id
    assert "had waited since 2026-03-10 07:00:01+00:00 when this was decided; it ended as cancelled" in other["text"]


def test_without_a_moment_it_is_the_last_fire_and_the_next(run: Run, record: Callable[..., NewRun]) -> None:
    """The last one that was decided; the next one with what stands before it."""
    record("books")
    record("books", nominal=SEVEN + DAY)
    found = steps(run, "books")
    answers = [step for step in found if step["fact"] == "answer"]

    assert [step["nominal_time"][:10] for step in answers] == ["2026-03-11", answers[1]["nominal_time"][:10]]
    assert {"files", "configuration", "scheduler", "workers"} <= {step["fact"] for step in found}


def test_a_fire_that_is_decided_while_it_is_asked_for_is_told_once(
    services: Services, record: Callable[..., NewRun]
) -> None:
    """It was still to come when the command looked at the clock, and has its run when the command reads the ledger."""
    record("books")
    _, fires = gather(services.ledger, services.project, "books", SEVEN - MINUTE, None, None)

    assert [(fire.nominal_time, fire.run is not None) for fire in fires] == [(SEVEN, True), (SEVEN + DAY, False)]


def test_a_moment_between_two_fires_is_told_as_such(run: Run, record: Callable[..., NewRun]) -> None:
    """Those before and after it; the nearer one is explained."""
    record("books")
    found = steps(run, "books", "--at", "2026-03-10T12:00Z")

    assert found[0]["nominal_time"] == "2026-03-10T07:00:00Z"
    assert "does not fire at 2026-03-10 12:00:00+00:00" in found[1]["text"]


def test_of_several_schedules_the_one_that_fires_then_is_meant(run: Run, record: Callable[..., NewRun]) -> None:
    """And at a moment of none of them, each one's nearest; or that of the one that was named."""
    exact = steps(run, "two", "--at", "2026-03-10T07:30Z")
    none = steps(run, "two", "--at", "2026-03-10T07:10Z")
    named = steps(run, "two", "--at", "2026-03-10T07:10Z", "--schedule", "b")

    assert {step["schedule"] for step in exact} == {"b"}
    assert {step["schedule"] for step in none} == {"a", "b"}
    assert {step["schedule"] for step in named} == {"b"}


def test_a_fire_of_a_fixed_delay_is_found_in_the_ledger(run: Run, record: Callable[..., NewRun]) -> None:
    """Its rule alone does not tell when it was."""
    record("after", nominal=SEVEN + MINUTE)

    assert steps(run, "after", "--at", "2026-03-10T07:05Z")[0]["nominal_time"] == "2026-03-10T07:01:00Z"


def test_a_backfill_is_told_with_the_fire_that_it_runs_again(
    run: Run, services: Services, record: Callable[..., NewRun]
) -> None:
    """It waits for a place of its own batch; and it is not the job's latest fire."""
    record("books", state=State.MISSED, reason="missed: 3d late")
    record("books", nominal=SEVEN + DAY)
    again = run_of(
        services.project.job("books"), kind=Kind.BACKFILL, nominal_time=SEVEN, now=services.clock.now() + DAY,
        schedule="main", overlap_key="backfill/b1", batch="b1",
    )  # fmt: skip
    services.ledger.runs.add(again)
    (step,) = (step for step in steps(run, "books", "--at", "2026-03-10T07:00Z") if step["fact"] == "backfill")

    assert step["text"] == f"The backfill b1 runs it again: run {again.id} is queued."
    assert steps(run, "books")[0]["nominal_time"] == "2026-03-11T07:00:00Z"


def test_changed_files_are_held_against_what_is_active(run: Run, services: Services, project: Path) -> None:
    """The keys that differ, and that the schedule is active as it was before."""
    (project / "schedules" / "a.toml").write_text(JOBS.replace("[jobs.books]", "[jobs.books]\npriority = 9"))
    found = {step["fact"]: step["text"] for step in steps(run, "books", "--at", "2100-01-01T07:00Z")}

    assert "revision 1 since 2026-03-09 07:00:00+00:00" in found["configuration"]
    assert found["difference"].startswith("The files differ from the active configuration in priority; ")


def test_a_job_that_was_removed_is_still_explained(
    run: Run, services: Services, record: Callable[..., NewRun], project: Path
) -> None:
    """The ledger remembers it; the files are said to have no such schedule."""
    record("books")
    (project / "schedules" / "a.toml").write_text(JOBS.replace("books", "novels"))
    found = steps(run, "books")

    assert found[0]["text"] == "books/main, 2026-03-10 07:00:00+00:00: it waits to begin"
    assert "no longer have the schedule 'main'" in found[1]["text"]


def test_a_file_that_cannot_be_read_is_not_said_to_lack_the_job(
    run: Run, services: Services, record: Callable[..., NewRun], project: Path
) -> None:
    """A quote too few is no removal: the file is named."""
    record("books")
    (project / "schedules" / "a.toml").write_text('[jobs.books]\nplugin = "shell')
    found = steps(run, "books")

    assert "schedules/a.toml cannot be read, and may have the schedule 'main'" in found[1]["text"]
    assert "no longer" not in str(found)


def test_a_job_without_a_schedule_explains_its_last_run(run: Run, services: Services) -> None:
    """One by hand; before that there is nothing to explain, which is said."""
    assert "has no schedule and has not run yet" in run("why", "hand")[2]

    services.ledger.runs.add(run_of(services.project.job("hand"), kind=Kind.MANUAL, nominal_time=SEVEN, now=SEVEN))

    assert "It was asked for by hand" in run("why", "hand")[1]


def test_without_a_ledger_the_next_fire_is_explained(run: Run, project: Path) -> None:
    """No scheduler has run; nothing is made by asking."""
    code, out, _ = run("why", "books")

    assert code == 0
    assert "There is no ledger yet" in out
    assert not (project / ".automation").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("boks",), "There is no job 'boks'; did you mean 'books'?"),
        (("books", "--schedule", "x"), "There is no schedule 'books/x'. Schedules of job 'books': main."),
        (("books", "--at", "noon"), "'noon' is no moment; write 2026-03-29"),
    ],
)
def test_what_is_not_there_is_wrong_input(run: Run, project: Path, arguments: tuple[str, ...], said: str) -> None:
    """Exit 2 with the nearest name, or what to write."""
    code, _, err = run("why", *arguments)

    assert code == 2
    assert said in err
