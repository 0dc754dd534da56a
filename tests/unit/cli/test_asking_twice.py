"""`run` and `backfill` where there is a run already, or where a queue is full: what is said, and with which exit code."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

from automation.ledger.runs import Claimant, Verdict
from automation.ledger.states import Outcome, State
from automation.queue.enqueue import Request, record
from automation.services import Services

Run = Callable[..., tuple[int, str, str]]
PROJECT = "[queues.default]\nmax_waiting = 3\n"
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
    """That would be more than it may hold; one that fits is recorded whole."""
    code, out, err = run("backfill", "books", "--from", "2026-03-01", "--to", "2026-03-05", "--json")
    assert (code, out) == (3, "")
    assert "Queue 'default' has 0 waiting runs, and max_waiting = 3: no room for 4 more" in err
    assert services.ledger.queries.runs() == []

    assert run("backfill", "books", "--from", "2026-03-01", "--to", "2026-03-04")[0] == 0
    assert services.ledger.admission.waiting("default") == 3
    assert run("run", "books", "-p", "command=other")[0] == 3


def test_a_backfill_holds_the_key_until_its_last_run(run: Run, services: Services) -> None:
    """One that finds the key held is refused whole, with the run that holds it; so is one that would do several at once."""
    span = ("backfill", "books", "--from", "2026-03-01", "--to", "2026-03-03", "--json")
    code, _, err = run(*span, "--max-parallel", "2")
    assert (code, "done one at a time; leave out --max-parallel" in err) == (3, True)

    code, out, _ = run(*span)
    last = json.loads(out)[-1]["run"]
    assert code == 0
    code, _, err = run("backfill", "books", "--from", "2026-03-03", "--to", "2026-03-04")
    assert (code, f"run {last} with the same unique_key is queued; wait for it" in err) == (3, True)
    assert json.loads(run("run", "books", "--json")[1])["id"] == last


def test_a_dead_run_comes_back_only_while_nobody_does_its_work(run: Run, services: Services) -> None:
    """It says who does, and exits with 3; of two that died one comes back."""
    first = ended(services, "books", State.DEAD)
    second = ended(services, "books", State.DEAD)
    other, _ = record(services, Request("books", {}))
    code, out, err = run("retry", first)
    assert (code, out) == (3, "")
    assert f"Run {first} stays dead: run {other.id} with the same unique_key is queued" in err

    services.ledger.runs.request_cancel(other.id)
    code, out, err = run("dead", "retry", first, second)
    assert code == 0
    assert f"Run {first} of books is queued again" in out
    assert f"Run {second} stays dead: run {first} with the same unique_key is queued" in err


def test_a_dead_run_that_holds_its_own_key_comes_back(run: Run, services: Services) -> None:
    """The time for which it holds the key keeps others out, and not itself."""
    first = ended(services, "orders", State.DEAD)
    assert run("retry", first)[0] == 0


def test_a_full_queue_takes_back_no_dead_run(run: Run, services: Services) -> None:
    """None of those that are meant; fewer may find room."""
    dead = [ended(services, "books", State.DEAD)]
    for command in ("a", "b"):
        record(services, Request("books", {"command": command}))
    dead.append(ended(services, "orders", State.DEAD))
    code, _, err = run("dead", "retry", "--all")
    assert (code, "has 2 waiting runs, and max_waiting = 3: no room for 2 more" in err) == (3, True)
    assert {services.ledger.queries.run(one).state for one in dead} == {State.DEAD}
    assert run("dead", "retry", "--all", "--max", "1")[0] == 0
