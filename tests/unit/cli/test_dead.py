"""`dead list|show|retry|discard` and `retry`: which runs they mean, what they say and what they refuse."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from automation.ledger.ids import new_id
from automation.ledger.rows import NewRun, RunRow
from automation.ledger.runs import Claimant, Verdict
from automation.ledger.states import Kind, Outcome, State
from automation.services import build_services

Run = Callable[..., tuple[int, str, str]]
Kill = Callable[..., str]
JOBS = """
[jobs.books]
plugin = "shell"
cron = "0 7 * * *"
tags = ["shop"]
retry.max_attempts = 4
params.command = "true"
"""
SPEC = {"params": {"command": "true"}, "tags": ["shop"], "retry": {"max_attempts": 4}}


@pytest.fixture
def project(project: Path, give_ledger: Callable[[Path], None]) -> Path:
    """The same with a ledger."""
    give_ledger(project)
    return project


@pytest.fixture
def kill(project: Path) -> Kill:
    """`kill(job=…)`: the id of a run that has died."""

    def make(failure_class: str = "blocked", reason: str = "4 attempts spent; last: no", **values: Any) -> str:
        services = build_services(project, environ={})
        now = services.clock.now()
        common: dict[str, Any] = {
            "id": new_id(), "job": "books", "plugin": "shell", "kind": Kind.MANUAL, "nominal_time": now,
            "window_start": now, "queued_at": now, "due_at": now, "max_attempts": 4, "queue": "default", "priority": 5,
            "spec": SPEC,
        }  # fmt: skip
        new = NewRun(**{**common, **values})
        runs = services.ledger.runs
        assert runs.add(new)
        assert runs.claim(new.id, Claimant("w1", 42), timedelta(minutes=1), lambda _run: timedelta(hours=1))
        died = Verdict(Outcome.FAILED, State.DEAD, reason, failure_class=failure_class, message="no", traceback="Trace")
        assert runs.finish(new.id, 1, died)
        services.close()
        return new.id

    return make


def row(project: Path, run_id: str) -> RunRow:
    services = build_services(project, environ={})
    found = services.ledger.queries.run(run_id)
    services.close()
    return found


def listed(run: Run, *options: str) -> list[str]:
    return [one["id"] for one in json.loads(run("dead", "list", "--json", *options)[1])]


def test_nothing_is_dead_at_first(run: Run, project: Path) -> None:
    """Which is a sentence for people and an empty list for programs."""
    assert run("dead", "list") == (0, "", "No dead letters\n")
    assert run("dead", "list", "--tag", "shop") == (0, "", "No dead letters like that\n")
    assert listed(run) == []


def test_the_list_says_how_each_run_failed(run: Run, kill: Kill) -> None:
    """In a table, and with stable names as JSON."""
    run_id = kill("throttled")
    assert "throttled" in run("dead", "list")[1].splitlines()[1]
    (one,) = json.loads(run("dead", "list", "--json")[1])

    assert (one["id"], one["failure_class"], one["code"], one["message"]) == (run_id, "throttled", None, "no")


def test_filters_choose(run: Run, kill: Kill) -> None:
    """By job, tag, class and time; of several the newest when there is a limit."""
    first, second = kill(), kill("timeout", job="prices", spec={**SPEC, "tags": []})

    assert listed(run, "--job", "books") == listed(run, "--tag", "shop") == listed(run, "--class", "blocked") == [first]
    assert listed(run, "--limit", "1") == [second]
    assert listed(run, "--since", "1h") == [second, first]
    assert listed(run, "--since", "2099-01-01") == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["list", "--job", "boks"], "There is no job 'boks'; did you mean 'books'?"),
        (["list", "--class", "throtled"], "did you mean 'throttled'?"),
        (["retry"], "Say which: RUN…, or any of --job, --tag, --class and --since, or --all"),
        (["retry", "abc", "--all"], "Say which"),
        (["retry", "--job", "boks"], "did you mean 'books'?"),
        (
            ["retry", "--all", "--rate", "fast"],
            "--rate: 'fast' is not a rate from 1 to 100,000; write how many in which span: 30/m",
        ),
        (["retry", "--all", "--rate", "0/s"], "--rate: '0/s' is not a rate"),
        (["discard", "--all"], 'automation dead discard … --reason "…"'),
        (["discard", "--all", "--reason", " "], "Say why"),
        (["retry", "nobody"], "There is no run 'nobody'"),
    ],
)
def test_what_cannot_be_meant_is_said(run: Run, project: Path, arguments: list[str], said: str) -> None:
    """With exit code 2, and nothing done."""
    code, _, err = run("dead", *arguments)

    assert code == 2
    assert said in err


def test_a_dead_run_comes_back_with_a_new_count(run: Run, kill: Kill, project: Path) -> None:
    """It says which attempt is next; with nobody there to take it, it says that too."""
    run_id = kill()
    code, out, err = run("dead", "retry", run_id[:8], "--by", "ana")

    assert (code, out) == (0, f"Run {run_id} of books is queued again: attempt 2 of 5\n")
    assert "What is recorded goes out when the broker answers" in err
    assert (row(project, run_id).state, row(project, run_id).reason) == ("queued", "brought back by ana")
    assert "brought back from the dead letters by ana; it was dead: 4 attempts" in run("logs", run_id)[1]


def test_bringing_back_twice_says_so(run: Run, kill: Kill) -> None:
    """The second time nothing is done, and the exit code tells; `retry` is a short word for the same."""
    run_id = kill()
    assert run("retry", run_id)[0] == 0
    code, out, err = run("retry", run_id)

    assert (code, out) == (3, "")
    assert f"Run {run_id} of books is queued, and no dead letter" in err
    assert "Nothing was brought back" in err


def test_many_come_back_at_a_rate(run: Run, kill: Kill, project: Path) -> None:
    """One after the other, the earliest first, and no more than were wanted."""
    noon = datetime.fromisoformat("2026-03-01T12:00Z")
    ids = [kill(nominal_time=noon + timedelta(minutes=at)) for at in range(13)]
    code, out, _ = run("dead", "retry", "--class", "blocked", "--rate", "30/m", "--max", "12")
    runs = [row(project, one) for one in ids]

    assert (code, out) == (0, "12 runs are queued again, one every 2s, 22s in all\n")
    assert [one.state for one in runs] == ["queued"] * 12 + ["dead"]
    assert [one.due_at - runs[0].due_at for one in runs[:12]] == [timedelta(seconds=2 * at) for at in range(12)]


def test_what_is_laid_aside_is_listed_no_more(run: Run, kill: Kill, project: Path) -> None:
    """It stays dead with who and why, comes back by its id, and is laid aside once."""
    run_id, other = kill(), kill("timeout")
    code, out, _ = run("dead", "discard", "--class", "blocked", "--reason", "the shop is closed", "--by", "ana")

    assert (code, out.partition(";")[0]) == (0, "1 dead letter laid aside")
    assert listed(run) == [other]
    assert (
        row(project, run_id).reason == "discarded: by ana: the shop is closed; it was dead: 4 attempts spent; last: no"
    )
    again, _, err = run("dead", "discard", run_id, "--reason", "no")
    assert (again, err.splitlines()[0]) == (3, f"Run {run_id} of books is laid aside already")
    assert run("dead", "retry", run_id)[0] == 0


def test_too_many_to_be_meant_by_chance_are_refused(run: Run, kill: Kill, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until somebody says so, or says how many."""
    monkeypatch.setattr("automation.acts.dead.MANY", 1)
    for _ in range(3):
        kill()
    discard = ("dead", "discard", "--all", "--reason", "old")
    code, _, err = run(*discard)

    assert (code, len(listed(run))) == (3, 3)
    assert err == "3 dead letters are meant; say --yes for all of them, or take some: --max 1\n"
    assert (run(*discard, "--max", "1")[0], len(listed(run))) == (0, 2)
    assert (run(*discard, "--yes")[0], listed(run)) == (0, [])


def test_a_dead_letter_is_shown_with_what_would_follow(run: Run, kill: Kill) -> None:
    """Its attempts with their tracebacks, and the next attempt."""
    run_id = kill(nominal_time=datetime.fromisoformat("2026-03-01T12:00Z"))
    code, out, _ = run("dead", "show", run_id[:6])

    assert (code, "Trace" in out) == (0, True)
    would = "would make attempt 2 of 5, for 2026-03-01T12:00:00Z, with the params that it was recorded with"
    assert out.splitlines()[-1] == f"automation dead retry {run_id} {would}"
    shown = json.loads(run("dead", "show", run_id, "--json")[1])
    assert shown["attempts"][0]["traceback"] == "Trace"
    expected = {"command": f"automation dead retry {run_id}", "attempt": 2, "max_attempts": 5, "notes": []}
    assert shown["replay"] == expected


def test_a_run_that_lives_is_no_dead_letter(run: Run, kill: Kill) -> None:
    """It is shown by `show`, as the refusal says."""
    run_id = kill()
    run("retry", run_id)
    code, _, err = run("dead", "show", run_id)

    assert (code, err) == (3, f"Run {run_id} of books is queued, and no dead letter; see: automation show {run_id}\n")
