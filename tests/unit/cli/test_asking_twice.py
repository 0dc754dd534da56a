"""`run` and `backfill` where there is a run already, or where a queue is full: what is said, and with which exit code."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from automation.ledger.runs import Claimant, Verdict
from automation.ledger.states import Outcome, State
from automation.queue.enqueue import Request, record
from automation.services import Services, build_services

Run = Callable[..., tuple[int, str, str]]
JOBS = """
[defaults]
unique_key = "{{ params.command }}"
[jobs.books]
plugin = "shell"
cron = "0 7 * * *"
params.command = "true"
[jobs.orders]
plugin = "shell"
on_conflict = "reject"
unique_for = "1h"
params.command = "false"
"""


@pytest.fixture
def services(
    tmp_path: Path, give_ledger: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Services]:
    """Stand in a project with a ledger; its services."""
    (tmp_path / "schedules").mkdir()
    (tmp_path / "schedules" / "a.toml").write_text(JOBS)
    (tmp_path / "automation.toml").write_text("[queues.default]\nmax_waiting = 3\n")
    monkeypatch.chdir(tmp_path)
    give_ledger(tmp_path)
    made = build_services(tmp_path)
    yield made
    made.close()


def ended(services: Services, job: str, state: State) -> str:
    """A run of this job that has ended so."""
    run, _ = record(services, Request(job, {}))
    services.ledger.runs.claim(run.id, Claimant("w", 1), timedelta(1), lambda _: timedelta(1))
    services.ledger.runs.finish(run.id, 1, Verdict(Outcome.FAILED, state))
    return run.id


def test_run_shows_the_run_that_is_there(run: Run, services: Services) -> None:
    """Though the job does not overlap; other parameters are another run."""
    first, _ = record(services, Request("books", {}))
    code, out, err = run("run", "books", "--json")

    assert (code, json.loads(out)["id"]) == (0, first.id)
    assert f"Run {first.id} with the same unique_key is queued; nothing new is started" in err
    assert run("run", "books", "--here", "-p", "command=exit 0", "--overlap", "allow")[0] == 0


def test_run_is_rejected_while_the_key_is_held(run: Run, services: Services) -> None:
    """By a run that has ended, too, for as long as unique_for says; the message names it."""
    first = ended(services, "orders", State.DEAD)
    code, out, err = run("run", "orders", "--here")

    assert (code, out) == (3, "")
    assert f"run {first} with the same unique_key is dead, and holds the key until" in err


def test_run_ends_as_the_run_that_it_finds(run: Run, services: Services) -> None:
    """Here one that died, and is held by its key."""
    schedules = services.settings.project / "schedules" / "a.toml"
    schedules.write_text(JOBS.replace('on_conflict = "reject"\n', ""))
    first = ended(services, "orders", State.DEAD)
    code, out, _ = run("run", "orders", "--wait", "--json")

    assert (code, json.loads(out)["id"]) == (1, first)


def test_full_queue_takes_no_backfill(run: Run, services: Services) -> None:
    """That would be more than it may hold; one that fits is recorded whole, and its runs hold no key."""
    code, out, err = run("backfill", "books", "--from", "2026-03-01", "--to", "2026-03-05", "--json")
    assert (code, out) == (3, "")
    assert "Queue 'default' has 0 waiting runs, and max_waiting = 3: no room for 4 more" in err
    assert services.ledger.queries.runs() == []

    assert run("backfill", "books", "--from", "2026-03-01", "--to", "2026-03-04")[0] == 0
    assert services.ledger.admission.waiting("default") == 3
    assert run("run", "books")[0] == 3
