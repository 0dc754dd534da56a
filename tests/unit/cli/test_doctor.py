"""`automation doctor`: what it says of the project's files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

JOBS = """
[jobs.seldom]
plugin = "shell"
cron = "0 0 29 2 *"
params.command = "true"
[jobs.wrong]
plugin = "shell"
cron = "0 0 * * ?"
params.command = "true"
"""


def test_as_many_errors_and_warnings_are_told_as_by_check(
    run: Callable[..., tuple[int, str, str]], project: Path
) -> None:
    """What only a look at the coming fires shows, too: a rule that fires every four years."""
    found = json.loads(run("check", "--json")[1])
    checks = {check["name"]: check for check in json.loads(run("doctor", "--json")[1])}

    assert sorted(problem["severity"] for problem in found) == ["error", "warning"]
    assert checks["configuration"]["message"].startswith("1 error, 1 warning: schedules/a.toml:8:8: jobs.wrong.cron")
