"""No scheduler is left: workers fire what is due, and give way to one that comes back."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import Any

import pytest

from tests.integration.running.conftest import ROOT
from tests.integration.running.test_scheduler import assert_complete, await_more

pytestmark = pytest.mark.slow
JOBS = '[jobs.act]\nplugin = "act"\nevery = "1s"\noverlap = "allow"\n'


@pytest.fixture
def deserted(stack) -> Any:
    """Two workers over a job that fires each second, whose two schedulers were killed at the same moment."""
    stack.environ["AUTOMATION_STAND_IN"] = "7s"
    stack.declare(JOBS)
    stack.broker()
    schedulers = [stack.scheduler(), stack.scheduler()]
    stack.worker(AUTOMATION_WORKERS="2")
    stack.worker(AUTOMATION_WORKERS="2")
    await_more(stack)
    for one in schedulers:
        os.killpg(one.pid, signal.SIGKILL)
        one.wait()
    return stack


def doctor(stack) -> str:
    command = [sys.executable, "-m", "automation", "doctor", "--json"]
    environ = {**os.environ, "PYTHONPATH": str(ROOT), **stack.environ}
    told = subprocess.run(command, cwd=stack.root, env=environ, capture_output=True, check=False).stdout
    return next(check["message"] for check in json.loads(told) if check["name"] == "scheduler")


def test_due_times_are_fired_by_workers_and_then_by_the_scheduler_that_comes_back(deserted) -> None:
    """Each due time once: before, while nobody schedules, and after."""
    deserted.eventually(lambda: "this worker fires what is due" in deserted.log.read_text())
    await_more(deserted, 12)
    assert "workers fire what is due" in doctor(deserted)
    assert_complete(deserted)

    deserted.scheduler()
    deserted.eventually(lambda: "this worker fires nothing any more" in deserted.log.read_text())
    await_more(deserted, 3)
    assert_complete(deserted)


def test_workers_fire_nothing_of_files_that_are_not_the_active_configuration(deserted) -> None:
    """Which of two versions counts is a scheduler's to say: another machine may have other files."""
    deserted.declare(JOBS.replace("1s", "2s"))

    assert deserted.eventually(lambda: "The files are not the active configuration" in deserted.log.read_text())
