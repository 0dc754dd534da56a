"""`prune`: what it counts, what it takes, and when it refuses to begin."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from automation.ledger.ids import new_id
from automation.ledger.rows import NewRun
from automation.ledger.states import Kind, State
from automation.services import build_services

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, give_ledger: Callable[[Path], None]) -> Path:
    """Stand in a project whose ledger has thirty old runs of a job, one of them with a file."""
    (tmp_path / "schedules").mkdir()
    give_ledger(tmp_path)
    monkeypatch.chdir(tmp_path)
    services = build_services(tmp_path, environ={})
    then = services.clock.now() - timedelta(days=20)
    common = {"max_attempts": 1, "queue": "default", "priority": 5, "spec": {}, "state": State.MISSED}
    moments = [then + timedelta(minutes=number) for number in range(30)]
    services.ledger.runs.add_all(
        [NewRun(new_id(), "books", "shell", Kind.MANUAL, at, at, at, at, **common) for at in moments]
    )
    services.close()
    return tmp_path


def left(run: Run) -> int:
    return len(json.loads(run("runs", "--json", "--limit", "100")[1]))


def test_it_counts_first_and_then_takes_what_is_old(project: Path, run: Run) -> None:
    """The newest twenty stay, and the second time there is nothing."""
    assert run("prune", "--dry-run") == (0, "what  would go\nruns  10\n", "Nothing was deleted.\n")
    assert left(run) == 30
    code, out, _ = run("prune", "--json")
    assert (code, json.loads(out)["runs"], left(run)) == (0, 10, 20)
    assert run("prune") == (0, "", "Nothing is old enough.\n")


def test_an_age_may_be_given(project: Path, run: Run) -> None:
    """One for everything; what is no age is refused."""
    assert json.loads(run("prune", "--dry-run", "--older-than", "21d", "--json")[1])["runs"] == 0
    code, _, err = run("prune", "--older-than", "5m")
    assert (code, err) == (2, "--older-than: found '5m'; write a duration from 1d to 36500d\n")


def test_a_mistake_in_the_file_stops_it(project: Path, run: Run) -> None:
    """Nothing is deleted by an age that nobody wrote."""
    (project / "automation.toml").write_text('[retention]\nskiped = "forever"\n')
    code, _, err = run("prune")
    assert code == 2
    assert "automation.toml:2:1: retention.skiped: unknown key 'skiped'; did you mean 'skipped'?" in err
    assert left(run) == 30
