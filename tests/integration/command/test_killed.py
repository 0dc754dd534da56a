"""A command whose runner is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

PROGRAM = """
import os, sys
from pathlib import Path
from automation.clock import SystemClock
from automation.command.process import run_command

run_command("echo $$; sleep 60 & echo $!; wait", env=os.environ, cwd=Path.cwd(), timeout=None, clock=SystemClock(),
            cancelled=lambda: False, receive=lambda chunk: os.write(1, chunk))
"""


def test_command_does_not_outlive_the_process_that_runs_it() -> None:
    """After kill -9 nothing of the command goes on beside the run's next attempt."""
    runner = subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, env=dict(os.environ))
    assert runner.stdout is not None
    pids = [int(runner.stdout.readline()) for _ in range(2)]

    runner.send_signal(signal.SIGKILL)
    runner.wait()
    runner.stdout.close()

    until = time.monotonic() + 20
    while time.monotonic() < until and any(map(_runs, pids)):
        os.sched_yield()
    assert not any(map(_runs, pids))


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False
