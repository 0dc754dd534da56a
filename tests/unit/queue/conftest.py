"""A project with a plugin and jobs, and its services."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from automation.clock import FrozenClock
from automation.services import Services, build_services

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
PLUGIN = """from automation import Context, plugin
@plugin
def work(ctx: Context, days: int, token: str = "") -> dict:
    return {"days": days}
"""
JOBS = """
[jobs.nightly]
plugin = "work"
cron = "30 2 * * *"
queue = "slow"
priority = 8
params.days = 1
[jobs.hand]
plugin = "work"
params = { days = 2, token = "${env:TOKEN}" }
[jobs.broken]
plugin = "wrok"
"""


@pytest.fixture
def services(tmp_path: Path, give_ledger: Callable[[Path], None]) -> Iterator[Services]:
    for name, text in {"schedules/a.toml": JOBS, "jobs/work.py": PLUGIN}.items():
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(text)
    made = build_services(tmp_path, clock=FrozenClock(NOON), environ={"TOKEN": "hunter2hunter2"})
    give_ledger(tmp_path)
    yield made
    made.close()
