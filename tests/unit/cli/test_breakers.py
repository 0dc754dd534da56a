"""`breakers` and `breakers close`, and what other commands say of a breaker that is open."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from automation.ledger.runs import Claimant
from automation.queue.enqueue import Request, record
from automation.runner.attempt import attempt
from automation.services import build_services

Run = Callable[..., tuple[int, str, str]]
JOBS = """
[jobs.books]
plugin = "shell"
cron = "0 7 * * *"
overlap = "allow"
params.command = "false"
breaker = { failures = 2, open_for = "1h" }
retry.max_attempts = 1
[jobs.other]
plugin = "shell"
params.command = "true"
[jobs.site]
plugin = "shell"
params.command = "true"
breaker = { key = "{{ params.command }}" }
"""


@pytest.fixture
def broken(run: Run, give_ledger: Callable[[Path], None], project: Path) -> Path:
    """Two runs of books have failed."""
    give_ledger(project)
    for _ in range(2):
        assert run("run", "books", "--here")[0] == 1
    return project


def test_nothing_is_listed_where_nothing_failed(run: Run, give_ledger: Callable[[Path], None], project: Path) -> None:
    """And there is nothing to close."""
    give_ledger(project)
    assert "No breaker has seen a failure" in run("breakers")[2]
    code, _, err = run("breakers", "close", "books")
    assert code == 2
    assert "breaker" in err


def test_a_breaker_that_opened_is_told_everywhere(run: Run, broken: Path) -> None:
    """In its own list, in that of jobs, by `why` and by `doctor`."""
    [row] = json.loads(run("breakers", "--json")[1])
    assert (row["breaker"], row["state"], row["failures"], row["waiting"]) == ("breaker books", "open", 2, 0)
    assert "exit code 1" in row["reason"] or row["reason"]
    listed: dict[str, Any] = {one["job"]: one for one in json.loads(run("list", "--json")[1])}
    assert {name: one["breaker"] for name, one in listed.items()} == {"books": "open", "other": None, "site": "closed"}
    assert listed["books"]["breaker_tries_at"] == row["tries_at"]
    assert "enabled; breaker open until" in run("list")[1]
    assert "The breaker books is open" in run("why", "books")[1]
    assert "1 not closed: breaker books (open, 0 runs waiting)" in run("doctor")[1]


def test_a_run_waits_and_says_so(run: Run, broken: Path) -> None:
    """In the list of runs, on its page, and in its explanation; closing by hand lets it go."""
    services = build_services(broken, environ={})
    one, _ = record(services, Request("books", {}))
    assert attempt(services, one.id, Claimant("w", 1)) is None
    services.close()
    told = "waits: breaker books is open after 2 failures in a row; one run tries at"
    assert told in run("show", one.id)[1]
    assert "before 'breaker books', 0 before it, its turn is at" in run("show", one.id)[1]
    assert json.loads(run("runs", "--json")[1])[0]["reason"].startswith(told)
    chain = run("why", "books", "--at", one.nominal_time.isoformat())[1] + run("why", "books")[1]
    assert "The breaker books is open" in chain
    code, out, _ = run("breakers", "close", "books", "--by", "ana")
    assert (code, out) == (0, "Closed: breaker books; 1 waiting\n")
    services = build_services(broken, environ={})
    assert attempt(services, one.id, Claimant("w", 1)) is not None
    services.close()


def test_a_wrong_name_gets_the_nearest(run: Run, broken: Path) -> None:
    """And nothing is closed."""
    code, _, err = run("breakers", "close", "boks")
    assert code == 2
    assert "breaker books" in err
    assert json.loads(run("breakers", "--json")[1])[0]["state"] == "open"
