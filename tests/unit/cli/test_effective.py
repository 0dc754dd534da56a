"""`automation show JOB --effective`: what counts for a job, on a terminal and for programs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., tuple[int, str, str]]
TEXT = '[defaults]\njitter = "90s"\n[jobs.a]\nplugin = "shell"\nevery = "1h"\ntags = ["x"]\nparams.command = "true"\n'


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "schedules").mkdir()
    (tmp_path / "schedules" / "a.toml").write_text(TEXT)
    return tmp_path


def test_values_are_printed_with_their_places(run: Run, project: Path) -> None:
    """No ledger is needed."""
    code, out, _ = run("-C", str(project), "show", "a", "--effective")
    lines = {line.split()[0]: line.split()[1:] for line in out.splitlines()}

    assert code == 0
    assert lines["schedules.main.jitter"] == ["1m", "30s", "schedules/a.toml:2", "[defaults]"]
    assert lines["tags"] == ['["x"]', "schedules/a.toml:6"]
    assert lines["overlap"] == ['"skip"', "default"]


def test_programs_get_an_array(run: Run, project: Path) -> None:
    """Durations in seconds; no place for what is the default."""
    _, out, _ = run("-C", str(project), "show", "a", "--effective", "--json")
    rows = {row["key"]: row for row in json.loads(out)}

    assert rows["schedules.main.jitter"] == {
        "key": "schedules.main.jitter", "value": 90.0, "from": "schedules/a.toml:2 [defaults]",
        "path": "schedules/a.toml", "line": 2,
    }  # fmt: skip
    assert rows["timeout"] == {"key": "timeout", "value": 3600.0, "from": "default", "path": None, "line": None}


def test_problem_of_the_job_is_told(run: Run, project: Path) -> None:
    """What it would do is not what it does."""
    (project / "schedules" / "a.toml").write_text(TEXT + "[jobs.a.retry]\nfirst = 5\n")
    _, _, err = run("-C", str(project), "show", "a", "--effective")

    assert "has a problem" in err
    assert "jobs.a.retry.first: found the number 5" in err
