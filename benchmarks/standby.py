"""A scheduler with N schedules: until its entries are there, what it costs while nothing is due, and who follows it.

The leader is killed by SIGKILL; counted is until a second scheduler, which was waiting, has the lock.

Owns: the project, the broker and the two schedulers of one measurement.
Never: touches another broker than its own.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

from redis import Redis

from automation.broker.endpoints import endpoints, wait_ready
from automation.clock import SystemClock
from automation.services import build_services

AUTOMATION = [sys.executable, "-m", "automation"]
DEADLINE = 900.0
TICKS = os.sysconf("SC_CLK_TCK")
PLUGIN = """
from automation import Context, plugin

@plugin("noop")
def noop(ctx: Context) -> None:
    "Do nothing."
"""


@contextmanager
def process(command: list[str], cwd: Path) -> Iterator[int]:
    """A process for the time of the block, and its pid; its words go to a file beside it."""
    with Path(cwd, "output.txt").open("ab") as output:
        running = subprocess.Popen(command, cwd=cwd, stdout=output, stderr=output)
        try:
            yield running.pid
        finally:
            running.terminate()
            running.wait(timeout=60)


def processor(pid: int) -> float:
    """Seconds of processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def until(done: Callable[[], bool]) -> float:
    """Seconds until something is so."""
    started = time.monotonic()
    while not done():
        if time.monotonic() > started + DEADLINE:
            raise SystemExit(f"Nothing came of it in {DEADLINE:.0f} seconds")
        time.sleep(0.01)
    return time.monotonic() - started


def measured(number: int, quiet: float) -> dict[str, float]:
    """One scheduler's life, and the beginning of the next."""
    with tempfile.TemporaryDirectory(prefix="automation-bench-") as folder, ExitStack() as stack:
        project = Path(folder)
        jobs = (f'[jobs.job-{job:06}]\nplugin = "noop"\nevery = "30d"\n' for job in range(number))
        for name, text in {"jobs/noop.py": PLUGIN, "schedules/many.toml": "".join(jobs)}.items():
            Path(project, name).parent.mkdir()
            Path(project, name).write_text(text)
        services = build_services(project)
        services.upgraded_ledger()
        where, prefix = endpoints(services.settings), services.settings.key_prefix
        services.close()
        command = [*AUTOMATION, "-C", str(project)]
        stack.enter_context(process([*command, "broker"], project))
        wait_ready(where, SystemClock(), timedelta(seconds=30))
        redis = Redis.from_url(where.redis_url)
        leader = stack.enter_context(process([*command, "scheduler"], project))
        ready = until(lambda: redis.zcard(f"{prefix}:redbeat::schedule") == number)
        time.sleep(2)
        before = processor(leader)
        time.sleep(quiet)
        idle = (processor(leader) - before) / quiet
        stack.enter_context(process([*command, "scheduler"], project))
        time.sleep(4 + number / 500)
        lock = redis.get(f"{prefix}:redbeat::lock")
        os.kill(leader, signal.SIGKILL)
        follows = until(lambda: redis.get(f"{prefix}:redbeat::lock") not in (None, lock))
    return {
        "s from start to entries": ready,
        "ms of processor a second while idle": idle * 1000,
        "s to take over": follows,
    }


def main() -> None:
    """Measure and print medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--schedules", type=int, default=1000)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--quiet", type=float, default=20, help="seconds for which nothing is due")
    wanted = parser.parse_args()
    found = [measured(wanted.schedules, wanted.quiet) for _ in range(wanted.times)]
    middle = {name: round(statistics.median(one[name] for one in found), 2) for name in found[0]}
    print(json.dumps({"schedules": wanted.schedules, "times": wanted.times, **middle}, indent=2))


if __name__ == "__main__":
    main()
