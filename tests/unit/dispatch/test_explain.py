"""Explanations: for each thing that can become of a fire, the sentences that tell it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from automation.dispatch.explain import explain
from automation.dispatch.facts import FireFacts, JobFacts, Step
from automation.dispatch.reasons import RULES, runs_in, word_of
from automation.ledger.rows import AttemptRow, OpenRun, PauseRow, ProcessRow, RunRow
from automation.ledger.standing import Recorded, ScheduleState
from automation.ledger.states import Kind, Outcome, State
from automation.project.model import Job, Overlap, Schedule
from automation.retry import RetryPolicy
from automation.triggers.parse import parse_trigger

DUE = datetime(2026, 3, 10, 7, tzinfo=UTC)
NOW = DUE + timedelta(hours=5)
SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)
OTHER = "abcdefghij234567abcd"
SPEC = {"cron": "0 7 * * *", "timezone": "UTC"}
MAIN = Schedule("main", parse_trigger(SPEC), "UTC", dict(SPEC))
JOB = Job(
    name="books", plugin="scrape", params={}, schedules=(MAIN,), enabled=True, run_on_start=False, queue="web",
    priority=5, timeout=timedelta(minutes=1), kill_after=timedelta(seconds=30), retry=RetryPolicy(), tags=("shop",),
    description="", path=Path("a.toml"), line=1,
)  # fmt: skip
FACTS = JobFacts(
    now=NOW, name="books", job=JOB, ledger=True, revision=3, activated_at=DUE - DAY, declared=True,
    states={"main": ScheduleState("books", "main", SPEC, DUE, active=True)},
)  # fmt: skip


def process(kind: str, started: datetime = DUE - DAY, **info: Any) -> ProcessRow:
    """A process that has just reported."""
    return ProcessRow(f"{kind}@host", kind, "host", 7, started, NOW, None, info)


READY = replace(FACTS, processes=(process("scheduler", leader=True, revision=3), process("worker", queues=["web"], concurrency=2)))  # fmt: skip


def run(state: State, reason: str | None = None, **changes: Any) -> RunRow:
    """The run of the fire that was due."""
    values: dict[str, Any] = {
        "id": "r" * 20, "job": "books", "plugin": "scrape", "schedule": "main", "kind": Kind.SCHEDULED,
        "nominal_time": DUE, "window_start": DUE, "queued_at": DUE + SECOND, "due_at": DUE, "started_at": None,
        "finished_at": None, "state": state, "attempt": 0, "spent": 0, "losses": 0, "max_attempts": 3,
        "reason": reason, "queue": "web", "priority": 5, "spec": {}, "result": None, "planned_time": DUE,
    }  # fmt: skip
    values["started_at"] = DUE + MINUTE if changes.get("attempt") else None
    return RunRow(**{**values, **changes})


def attempt(number: int, outcome: Outcome | None, **changes: Any) -> AttemptRow:
    """An attempt of three seconds."""
    start = DUE + number * MINUTE
    values: dict[str, Any] = {
        "run_id": "r" * 20, "attempt": number, "worker": "w1", "pid": 42, "started_at": start,
        "finished_at": start + 3 * SECOND if outcome else None, "outcome": outcome, "failure_class": None, "code": None,
        "message": None, "traceback": None,
    }  # fmt: skip
    return AttemptRow(**{**values, **changes})


def fire(one: RunRow | None = None, decision: State | None = None, reason: str | None = None, **more: Any) -> FireFacts:
    """The fire that was due, decided a second later."""
    decided = Recorded(DUE, decision, reason, DUE + SECOND, "r" * 20) if decision else None
    return FireFacts(DUE, "main", MAIN, recorded=decided, run=one, **more)


def coming(job: JobFacts = READY, schedule: Schedule = MAIN) -> list[Step]:
    """The explanation of the next fire."""
    return explain(job, FireFacts(DUE + DAY, "main", schedule))


def told(steps: list[Step]) -> str:
    """All sentences."""
    return "\n".join(step.text for step in steps)


@pytest.mark.parametrize(
    ("reason", "state", "said"),
    [
        (f"overlap: run {OTHER} of this job was still open", State.SKIPPED, 'overlap = "skip"'),
        ("paused: job 'books' was paused by ada", State.SKIPPED, "is recorded as skipped, and is not run later"),
        ("blackout: not_during holidays", State.SKIPPED, "only_during, not_during"),
        ("merged: the fire of … runs for both", State.SKIPPED, "deferred to one instant"),
        ("superseded: a newer one of this job waits", State.SKIPPED, "takes the place of one that still waits"),
        ("queue full: 10 runs waited", State.SKIPPED, "max_queued"),
        (f"unique: run {OTHER} with the same unique_key is running", State.SKIPPED, "unique_for"),
        ("united: schedule 'a' fires at the same instant", State.SKIPPED, "unite = true"),
        ("missed: 3d late", State.MISSED, "catchup_window"),
        ("expired: it had not begun", State.EXPIRED, "start_deadline"),
        ("waits: limit shop, 30/m; its turn is at 2026-03-10T07:00:10Z", State.CANCELLED, "max_running of a limit"),
        (f"upstream: run {OTHER} of job 'shop' is dead", State.SKIPPED, "If a dead run before it is brought back"),
        ("removed: the job was taken out of the files", State.SKIPPED, "has no schedule any more"),
        ("disabled: the job says enabled = false", State.SKIPPED, "does not follow others"),
    ],
)
def test_every_reason_has_its_rule(reason: str, state: State, said: str) -> None:
    """The reason as it was recorded, and behind it what it means and which option changes that."""
    decided = state in (State.EXPIRED, State.CANCELLED) or reason.startswith("superseded")
    decision = State.QUEUED if decided else state
    one = run(state, reason, finished_at=DUE + SECOND)
    steps = explain(FACTS, fire(one, decision, None if decision is State.QUEUED else reason))
    rule = next(step for step in steps if step.fact == word_of(reason))

    assert said in rule.text
    assert reason in told(steps)
    assert steps[0].text == f"books/main, 2026-03-10 07:00:00+00:00: it did not run ({state})"


def test_no_word_is_without_a_case() -> None:
    """The table above has each word that there is."""
    (marks,) = (mark for mark in test_every_reason_has_its_rule.pytestmark if mark.name == "parametrize")  # type: ignore[attr-defined]

    assert {word_of(case[0]) for case in marks.args[1]} == set(RULES)


def test_a_run_that_stood_in_the_way_is_told_as_it_was_and_is() -> None:
    """Overlap names a run: it was open then, and has ended since."""
    reason = f"overlap: run {OTHER} of this job was still open"
    other = run(State.DEAD, id=OTHER, started_at=DUE - MINUTE, finished_at=DUE + MINUTE)
    steps = explain(FACTS, fire(run(State.SKIPPED, reason), State.SKIPPED, reason, others=(other,)))

    assert runs_in(reason) == [OTHER]
    assert (
        f"Run {OTHER} of job 'books' had begun at 2026-03-10 06:59:00+00:00 and was open when this was decided; "
        "it ended as dead at 2026-03-10 07:01:00+00:00."
    ) in told(steps)


def test_a_pause_is_told_with_author_reason_and_end() -> None:
    """Of several pauses the one that held then; here that of a tag of the job, which somebody ended."""
    over = PauseRow(1, "job", "books", "old", "bob", DUE - 2 * DAY, DUE - DAY, None, None)
    held = PauseRow(2, "tag", "shop", "the shop moves", "ada", DUE - DAY, None, DUE + DAY, "eve")
    steps = explain(
        replace(FACTS, pauses=(over, held)), fire(run(State.SKIPPED), State.SKIPPED, "paused: tag 'shop' …")
    )

    assert [step.text for step in steps if step.fact == "pause"] == [
        "The tag 'shop' was paused at 2026-03-09 07:00:00+00:00 by ada: the shop moves; "
        "eve ended that at 2026-03-11 07:00:00+00:00."
    ]


@pytest.mark.parametrize(
    ("level", "target", "words"),
    [
        ("job", "books", "books"),
        ("tag", "shop", "--tag shop"),
        ("all", "", "--all"),
        ("schedule", "books/main", "books/main"),
    ],
)
def test_a_pause_without_an_end_names_the_command_that_ends_it(level: str, target: str, words: str) -> None:
    """As it is typed."""
    pause = PauseRow(1, level, target, "we move", "ada", DUE - DAY, None, None, None)

    assert f"until somebody ends it (automation resume {words})." in told(coming(replace(READY, pauses=(pause,))))


def test_before_the_first_scheduler_no_configuration_is_active() -> None:
    """Which is no fault of the files."""
    steps = coming(replace(READY, states={}, revision=0, activated_at=None))

    assert "No configuration has been active yet; a scheduler takes the files when it starts: automation up" in told(
        steps
    )


def test_a_missed_fire_names_the_outage_and_the_policy() -> None:
    """From when it was due to when it was decided; a scheduler that began in between; catch-up as it is declared."""
    decided = Recorded(DUE, State.MISSED, "missed: 30h late", DUE + 30 * timedelta(hours=1), "r" * 20)
    facts = replace(FACTS, now=DUE + 2 * DAY, processes=(process("scheduler", DUE + DAY),))
    text = told(explain(facts, FireFacts(DUE, "main", MAIN, recorded=decided, run=run(State.MISSED, decided.reason))))

    assert "From 2026-03-10 07:00:00+00:00 to 2026-03-11 13:00:00+00:00 no scheduler decided it." in text
    assert "Scheduler scheduler@host began at 2026-03-11 07:00:00+00:00." in text
    assert 'catchup = "latest", catchup_window = 1d, catchup_max = 10, misfire_grace = 1m' in text


@pytest.mark.parametrize(
    ("state", "words"), [(State.SKIPPED, "it ran and was skipped"), (State.DEAD, "it ran and is dead")]
)
def test_the_answer_says_how_a_run_that_began_has_ended(state: State, words: str) -> None:
    """In words, also where it is the run itself that found nothing to do."""
    ended = run(state, "nothing is new", attempt=1, finished_at=NOW)
    assert explain(FACTS, fire(ended, State.QUEUED, attempts=(attempt(1, None),)))[0].text.endswith(words)


def test_a_run_is_told_from_queue_to_end() -> None:
    """Queued, each attempt with who claimed it and how it ended, and the end with its reason."""
    attempts = (
        attempt(1, Outcome.FAILED, failure_class="transport", code="http:503", message="busy"),
        attempt(2, Outcome.LOST, failure_class="lost", message="its worker w1 is gone"),
        attempt(3, Outcome.SUCCEEDED),
    )
    steps = explain(FACTS, fire(run(State.SUCCEEDED, attempt=3, finished_at=NOW), State.QUEUED, attempts=attempts))

    assert [step.fact for step in steps] == ["answer", "rule", "decision", "queued"] + ["attempt", "outcome"] * 3 + [
        "end"
    ]
    assert "it ran and succeeded" in steps[0].text
    assert "Attempt 1 of at most 3 was claimed by w1 (pid 42), 59s after it was queued." in told(steps)
    assert "Attempt 1 failed after 3s: transport http:503: busy." in told(steps)
    assert "Attempt 2 was lost with its worker after 3s" in told(steps)


def test_a_run_that_was_brought_back_tells_both_its_lives() -> None:
    """The attempts before, when it came back, and those since; when it was first queued is not known any more."""
    attempts = (attempt(1, Outcome.FAILED, message="busy"), attempt(5, Outcome.SUCCEEDED))
    came_back = {"queued_at": DUE + 4 * MINUTE, "started_at": DUE + 5 * MINUTE, "max_attempts": 4}
    one = run(State.SUCCEEDED, attempt=2, finished_at=NOW, **came_back)
    steps = explain(FACTS, fire(one, State.QUEUED, attempts=attempts))

    facts = ["queued", "attempt", "outcome", "brought back", "attempt", "outcome", "end"]
    assert [step.fact for step in steps][3:] == facts
    assert [step.at for step in steps if step.fact in ("queued", "brought back")] == [None, DUE + 4 * MINUTE]


def test_a_dead_run_says_where_to_look() -> None:
    """Its reason, and the command that shows it."""
    steps = explain(FACTS, fire(run(State.DEAD, "3 attempts spent", attempt=3, finished_at=NOW), State.QUEUED))

    assert (
        steps[-1].text
        == f"The run is dead after 3 attempts: 3 attempts spent. Look at it with: automation show {'r' * 20}."
    )


def test_a_plugin_that_skipped_is_not_taken_for_the_scheduler() -> None:
    """It ran, and found nothing to do."""
    one = run(State.SKIPPED, "nothing new", attempt=1, finished_at=NOW)
    steps = explain(FACTS, fire(one, State.QUEUED, attempts=(attempt(1, Outcome.SUCCEEDED),)))

    assert [step.text for step in steps[-2:]] == [
        "Attempt 1 skipped the run after 3s.",
        "The plugin skipped it: nothing new.",
    ]


def test_a_message_of_several_lines_is_told_as_one() -> None:
    """No escaped line break stands in a sentence."""
    said = "exit code 2; its last 2 lines:\ntar: no such file\ntar: failed"
    attempts = (attempt(1, Outcome.FAILED, message=said),)
    steps = explain(
        FACTS, fire(run(State.DEAD, f"spent; {said}", attempt=1, finished_at=NOW), State.QUEUED, attempts=attempts)
    )

    told = "exit code 2; its last 2 lines: tar: no such file tar: failed"
    assert all(told in step.text for step in steps[-2:])


@pytest.mark.parametrize(
    ("changes", "facts", "said"),
    [
        ({"state": State.RETRYING, "attempt": 1, "due_at": NOW + MINUTE, "reason": "again in 1m"}, {}, "no sooner than 2026-03-10 12:01"),
        ({"state": State.RUNNING, "attempt": 1, "worker": "w1", "pid": 42, "done": 3, "total": 9}, {}, "at work on w1 (pid 42), 3 of 9 done"),
        ({"state": State.RUNNING, "attempt": 1, "lease_until": NOW - MINUTE}, {}, "has not renewed its lease"),
        ({"state": State.QUEUED}, {}, "Its message has not gone out"),
        ({"state": State.QUEUED, "published_at": DUE}, {}, "Its message has gone out to the workers."),
        ({"state": State.QUEUED, "published_at": DUE}, {"processes": ()}, "No worker has reported"),
        ({"state": State.QUEUED}, {"processes": (process("worker", queues=["mail"]),)}, "No worker takes runs from queue 'web': those alive take mail"),
        ({"state": State.QUEUED, "max_running": 1, "overlap_key": "books"}, {}, f"It finds no place: run {OTHER} of job 'books' holds what 'books' has (1 place)"),
        ({"state": State.QUEUED, "expires_at": NOW + MINUTE}, {}, "It expires if it has not begun by 2026-03-10 12:01"),
        ({"state": State.RUNNING, "attempt": 1, "cancel_requested_at": NOW}, {}, "was asked to stop"),
    ],
)  # fmt: skip
def test_an_open_run_says_what_it_waits_for(changes: dict[str, Any], facts: dict[str, Any], said: str) -> None:
    """Its time, a place, its message, a worker; or that it is at work."""
    one = replace(run(State.QUEUED), **changes)
    rivals = (OpenRun(OTHER, "books", State.RUNNING, 1, DUE),)
    steps = explain(replace(READY, **facts), fire(one, State.QUEUED, rivals=rivals))

    assert said in told(steps)


def test_a_catch_up_run_says_how_late_it_was_decided() -> None:
    """The decision carries the delay, and the kind of run."""
    decided = Recorded(DUE, State.QUEUED, None, DUE + 3 * timedelta(hours=1), "r" * 20)
    one = run(State.QUEUED, kind=Kind.CATCHUP)

    assert "3h after it was due, the scheduler decided to run it as a catch-up run." in told(
        explain(FACTS, FireFacts(DUE, "main", MAIN, recorded=decided, run=one))
    )


def test_a_moment_without_a_fire_names_those_beside_it() -> None:
    """Which fire is told instead, too."""
    asked = DUE + MINUTE
    steps = explain(FACTS, FireFacts(DUE, "main", MAIN, asked, DUE, DUE + DAY, run=run(State.QUEUED)))

    assert steps[1].text == (
        "Schedule 'main' does not fire at 2026-03-10 07:01:00+00:00; its last fire before that is at "
        "2026-03-10 07:00:00+00:00, the next one is at 2026-03-11 07:00:00+00:00. "
        "This is about 2026-03-10 07:00:00+00:00."
    )


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (Kind.MANUAL, "It was asked for by hand"),
        (Kind.API, "A program asked for it"),
        (Kind.BACKFILL, "It belongs to the backfill b1"),
        (Kind.FLOW, "Another job asked for it"),
    ],
)
def test_a_run_without_an_occurrence_says_who_asked(kind: Kind, said: str) -> None:
    """No schedule decided it."""
    one = run(State.QUEUED, kind=kind, schedule=None, batch="b1")

    assert said in told(explain(FACTS, FireFacts(DUE, run=one)))


def test_what_was_decided_under_an_earlier_rule_says_so() -> None:
    """The files of today have no fire at that time."""
    spec = {"cron": "0 8 * * *", "timezone": "UTC"}
    later = Schedule("main", parse_trigger(spec), "UTC", dict(spec))
    decided = Recorded(DUE, State.QUEUED, None, DUE, "r" * 20)
    text = told(explain(FACTS, FireFacts(DUE, "main", later, recorded=decided, run=run(State.QUEUED))))

    assert "has no such fire; it was decided under an earlier one" in text


def test_a_fire_to_come_goes_from_files_to_workers() -> None:
    """With nothing in its way it is to run, and every part that has a say was asked."""
    steps = coming()

    assert steps[0].text == "books/main, 2026-03-11 07:00:00+00:00: it is to run at 2026-03-11 07:00:00+00:00"
    assert [step.fact for step in steps[1:]] == ["rule", "files", "configuration", "overlap", "scheduler", "workers"]
    assert not any(step.stops for step in steps)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"job": None}, "The files declare no job 'books'."),
        ({"job": replace(JOB, enabled=False)}, "disabled (enabled = false)"),
        ({"job": replace(JOB, problem="a.toml:1:1: no such plugin")}, "a.toml:1:1: no such plugin"),
        ({"ledger": False}, "There is no ledger yet"),
        ({"states": {}}, "has no such schedule"),
        ({"pauses": (PauseRow(1, "all", "", "we move", "ada", DUE, None, None, None),)}, "Everything was paused"),
    ],
)
def test_a_fire_to_come_that_will_not_run_says_why(changes: dict[str, Any], said: str) -> None:
    """The answer says no, and the step that stops it is marked for programs."""
    steps = coming(replace(READY, **changes))

    assert "it will not run, as things are" in steps[0].text
    assert said in next(step.text for step in steps if step.stops)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"differs": ("cron", "timeout")}, "The files differ from the active configuration in cron, timeout"),
        ({"pauses": (PauseRow(1, "job", "books", "x", "ada", DUE, NOW + MINUTE, None, None),)}, "That is over by then."),
        ({"open_runs": (OpenRun(OTHER, "books", State.RUNNING, 1, DUE),)}, 'is at work; with overlap = "skip", if it is still open then, the fire is skipped'),
        ({"processes": ()}, "No scheduler has reported within the last seconds"),
        ({"processes": (process("scheduler", leader=False),)}, "none leads at the moment"),
        ({"processes": (process("scheduler", leader=True, revision=2),)}, "leads, with revision 2 and not the active one"),
        ({"processes": (process("scheduler", leader=True, config_problems=2),)}, "2 problems in the new ones"),
    ],
)  # fmt: skip
def test_a_fire_to_come_tells_what_may_get_in_its_way(changes: dict[str, Any], said: str) -> None:
    """What may change until then does not say that it will not run."""
    steps = coming(replace(READY, **changes))

    assert said in told(steps)
    assert "it is to run at" in steps[0].text


@pytest.mark.parametrize("mode", ["skip", "queue_one", "queue_all", "cancel_running", "allow"])
def test_every_overlap_mode_has_a_sentence(mode: str) -> None:
    """An open run is told with what the mode makes of it."""
    job = replace(JOB, overlap=Overlap(mode=mode))

    assert f'with overlap = "{mode}", ' in told(coming(replace(READY, job=job, open_runs=(OpenRun(OTHER, "books", State.RETRYING, 1, DUE),))))  # fmt: skip


def test_a_schedule_that_has_had_all_its_runs_stops() -> None:
    """`max_fires` counts what was to run."""
    steps = coming(replace(READY, fires={"main": 2}), replace(MAIN, max_fires=2))

    assert [step.text for step in steps if step.stops] == ["It has had 2 of its 2 runs (max_fires)."]


def test_what_is_due_and_not_decided_says_how_far_the_scheduler_is() -> None:
    """The cursor stands before it, and no scheduler is alive."""
    state = replace(FACTS.states["main"], cursor=DUE - DAY)
    steps = explain(replace(FACTS, states={"main": state}), FireFacts(DUE, "main", MAIN))

    assert steps[0].text.endswith("it has not been decided")
    assert "the scheduler has decided up to 2026-03-09 07:00:00+00:00" in told(steps)
    assert "No scheduler has reported" in told(steps)


def test_a_fire_from_before_the_deploy_was_never_decided() -> None:
    """The cursor has passed it and nothing is recorded."""
    steps = explain(FACTS, FireFacts(DUE - DAY, "main", MAIN))

    assert steps[0].text.endswith("it did not run")
    assert "counts from its deploy on" in told(steps)


def test_a_fire_that_retention_took_away_says_so() -> None:
    """It is not said that it did not run, nor that it was never decided."""
    steps = explain(replace(FACTS, forgotten={"main": DUE - DAY}), FireFacts(DUE - DAY, "main", MAIN))
    assert steps[0].text.endswith("what became of it is no longer kept")
    assert "is kept no longer than [retention] says" in told(steps)

    newer = explain(replace(FACTS, forgotten={"main": DUE - 2 * DAY}), FireFacts(DUE - DAY, "main", MAIN))
    assert newer[0].text.endswith("it did not run")


def test_nothing_is_decided_after_the_last_of_max_fires() -> None:
    """The cursor goes on without a row, which is no matter of a deploy."""
    facts = replace(FACTS, fires={"main": 2})
    steps = explain(facts, FireFacts(DUE - DAY, "main", replace(MAIN, max_fires=2)))

    assert "It has had 2 of its 2 runs (max_fires)." in told(steps)
    assert "deploy" not in told(steps)


def test_a_backfill_of_a_missed_fire_is_told_behind_it() -> None:
    """The fire itself stays missed."""
    later = run(State.SUCCEEDED, id=OTHER, kind=Kind.BACKFILL, batch="b1", finished_at=NOW)
    steps = explain(FACTS, fire(run(State.MISSED, "missed: 3d late"), State.MISSED, "missed: 3d late", again=(later,)))

    assert "it did not run (missed)" in steps[0].text
    assert steps[-1].text == f"The backfill b1 runs it again: run {OTHER} ended as succeeded."


def test_what_people_wrote_cannot_move_the_cursor() -> None:
    """Control characters of a reason and an author are spelled."""
    held = PauseRow(1, "job", "books", "a\x1b[2J", "b\x1b[2J", DUE - DAY, None, None, None)
    reason = "paused: job 'books' was paused by b\x1b[2J: a\x1b[2J"
    steps = explain(replace(FACTS, pauses=(held,)), fire(run(State.SKIPPED, reason), State.SKIPPED, reason))

    assert "\x1b" not in told(steps)
