"""What the measurements of running processes stand on: a project, a broker of its own, processes and their costs.

Owns: making these for one measurement, and removing them.
Never: touches another broker than its own; measures.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import psutil
from redis import Redis

from automation.broker.endpoints import Endpoints, endpoints, wait_ready
from automation.clock import SystemClock
from automation.services import Services, build_services

AUTOMATION = [sys.executable, "-m", "automation"]
DEADLINE = 600.0
NOOP = """
from automation import Context, plugin

@plugin("noop")
def noop(ctx: Context) -> None:
    "Do nothing."
"""
Figures = dict[str, float]


@dataclass(frozen=True)
class Ground:
    """One measurement's project, with its broker at work.

    Parameters
    ----------
    command: `automation -C PROJECT`.
    """

    project: Path
    services: Services
    where: Endpoints

    @property
    def command(self) -> list[str]:
        return [*AUTOMATION, "-C", str(self.project)]

    @property
    def redis(self) -> Redis:
        """A client of the measurement's own broker."""
        return Redis.from_url(self.where.redis_url)

    @property
    def prefix(self) -> str:
        """What the names of our keys begin with."""
        return self.services.settings.key_prefix


@contextmanager
def ground(schedules: str, plugin: str = NOOP) -> Iterator[Ground]:
    """A project with these schedules and this plugin, a ledger, and a broker, for the time of the block."""
    with tempfile.TemporaryDirectory(prefix="automation-bench-") as folder:
        project = Path(folder)
        for name, text in {"jobs/own.py": plugin, "schedules/own.toml": schedules}.items():
            Path(project, name).parent.mkdir()
            Path(project, name).write_text(text)
        services = build_services(project)
        services.upgraded_ledger()
        made = Ground(project, services, endpoints(services.settings))
        with process([*made.command, "broker"], project):
            wait_ready(made.where, SystemClock(), timedelta(seconds=30))
            yield made
        services.close()


@contextmanager
def process(command: Sequence[str], cwd: Path) -> Iterator[int]:
    """A process for the time of the block, and its pid; its words go to a file beside it."""
    with Path(cwd, "output.txt").open("ab") as output:
        running = subprocess.Popen(command, cwd=cwd, stdout=output, stderr=output)
        try:
            yield running.pid
        finally:
            running.terminate()
            running.wait(timeout=60)


def processor(pid: int) -> float:
    """Seconds of processor time that a process and its children have used."""
    found = psutil.Process(pid)
    times = [one.cpu_times() for one in [found, *found.children(recursive=True)]]
    return float(sum(one.user + one.system for one in times))


def until(done: Callable[[], bool], step: float = 0.01) -> float:
    """Seconds until something is so."""
    started = time.monotonic()
    while not done():
        if time.monotonic() > started + DEADLINE:
            raise SystemExit(f"Nothing came of it in {DEADLINE:.0f} seconds")
        time.sleep(step)
    return time.monotonic() - started


def medians(found: Sequence[Mapping[str, float]]) -> Figures:
    """The middle of each figure."""
    return {name: round(statistics.median(one[name] for one in found), 3) for name in found[0]}


def load() -> float:
    """How many processes have wanted a processor in the last minute."""
    return round(os.getloadavg()[0], 1)
