"""What somebody should know before a dead run is brought back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from automation.clock import FrozenClock
from automation.dispatch.replay import replay_of
from automation.ledger.ids import new_id
from automation.ledger.rows import NewRun
from automation.ledger.runs import Claimant, Verdict
from automation.ledger.states import Kind, Outcome, State
from automation.services import build_services

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
JOB = '[jobs.books]\nplugin = "shell"\nparams.command = "new"\n'


@pytest.fixture
def services(tmp_path, give_ledger):
    """A project with the job books."""
    (tmp_path / "schedules").mkdir()
    (tmp_path / "schedules" / "a.toml").write_text(JOB)
    made = build_services(tmp_path, clock=FrozenClock(NOON), environ={})
    give_ledger(tmp_path)
    yield made
    made.close()


@pytest.fixture
def ended(services):
    """`ended(state, …)`: a run of books that ended so; with None one that is at work."""

    def make(state=State.DEAD, **values):
        common = {
            "id": new_id(), "job": "books", "plugin": "shell", "kind": Kind.SCHEDULED, "nominal_time": NOON,
            "window_start": NOON, "queued_at": NOON, "due_at": NOON, "max_attempts": 2, "queue": "default",
            "priority": 5, "spec": {"params": {"command": "new"}, "retry": {"max_attempts": 2}}, "schedule": "main",
        }  # fmt: skip
        run = NewRun(**{**common, **values})
        runs = services.ledger.runs
        assert runs.add(run)
        assert runs.claim(run.id, Claimant("w1", 42), timedelta(minutes=1), lambda _run: timedelta(hours=1))
        if state:
            runs.finish(run.id, 1, Verdict(Outcome.FAILED, state))
        return services.ledger.queries.run(run.id)

    return make


def test_a_plain_replay_needs_no_word(services, ended):
    """The next attempt has the next number, and the policy's attempts are all before it."""
    found = replay_of(services, ended())

    assert (found.attempt, found.max_attempts, found.notes) == (2, 3, ())


def test_files_that_changed_are_told(services, ended):
    """A plugin that is gone, a job that is gone, params that are others now."""
    gone = replay_of(services, ended(plugin="shel", job="boks")).notes
    changed = replay_of(services, ended(spec={"params": {"command": "old", "cwd": "/"}})).notes

    assert gone == (
        "This project has no plugin 'shel'; there is 'shell': the attempt would fail at once.",
        "No file declares job 'boks' any more; the run needs none.",
    )
    assert changed == ("The job's params have changed since: command, cwd. `automation run books` takes the new ones.",)


def test_params_of_a_run_by_hand_are_its_own(services, ended):
    """They differ from the job's because somebody wanted it."""
    assert replay_of(services, ended(kind=Kind.MANUAL, spec={"params": {"command": "mine"}})).notes == ()


def test_a_run_that_has_done_the_same_since_is_named(services, ended):
    """Such as one of a backfill; one that failed as well is none."""
    run = ended()
    ended(kind=Kind.BACKFILL)
    done = ended(State.SUCCEEDED, kind=Kind.BACKFILL)

    assert replay_of(services, run).notes == (f"Run {done.id} (backfill) has done the same since, for the same time.",)


def test_a_run_in_the_way_is_named(services, ended):
    """The one that comes back waits for it."""
    run = ended(overlap_key="books", max_running=1)
    other = ended(None, overlap_key="books", max_running=1, schedule=None)

    assert replay_of(services, run).notes == (
        f"It would wait for its place: run {other.id} of job 'books' is running.",
    )
