"""Runs per second of a plugin that does nothing, beside a bare Celery task that does nothing, with two processes each.

Both find a full queue on the same embedded broker, one after the other; counted is from the first end to the last.
Ours are rows of the ledger, claimed, done and given a verdict, on SQLite with every commit on disk.

Owns: the project, the broker and the two workers of one measurement.
Never: touches another broker than its own.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from celery import Celery
from redis import Redis

from automation.broker.endpoints import endpoints, wait_ready
from automation.clock import SystemClock
from automation.queue.door import Door
from automation.queue.enqueue import Request, record, ring
from automation.services import Services, build_services

AUTOMATION = [sys.executable, "-m", "automation"]
QUEUE = "bare"
DEADLINE = 600.0
PLUGIN = """
from automation import Context, plugin

@plugin("noop")
def noop(ctx: Context) -> None:
    "Do nothing."
"""
TASK = """
import sys
from celery import Celery
app = Celery("bare", broker=sys.argv.pop(1) if len(sys.argv) > 1 and "://" in sys.argv[1] else None)
app.conf.update(task_ignore_result=True, task_default_queue="bare", worker_hijack_root_logger=False)

@app.task(name="noop")
def noop() -> None:
    "Do nothing."

if __name__ == "__main__":
    app.worker_main(["worker", "-c", sys.argv[1], "-l", "error", "--without-gossip", "--without-mingle"])
"""


@contextmanager
def process(command: list[str], cwd: Path) -> Iterator[None]:
    """A process for the time of the block; its words go to a file beside it."""
    with Path(cwd, "output.txt").open("ab") as output:
        running = subprocess.Popen(command, cwd=cwd, stdout=output, stderr=output)
        try:
            yield
        finally:
            running.terminate()
            running.wait(timeout=60)


def rate(done: Callable[[], int], total: int) -> float:
    """How many a second, from the first end to the last."""
    deadline = time.perf_counter() + DEADLINE
    first: tuple[float, int] | None = None
    while (count := done()) < total:
        now = time.perf_counter()
        if now > deadline:
            raise SystemExit(f"{count} of {total} were done after {DEADLINE:.0f} seconds")
        if count and first is None:
            first = (now, count)
        time.sleep(0.02)
    if first is None:
        raise SystemExit("too few to measure; raise --runs")
    return (total - first[1]) / (time.perf_counter() - first[0])


def ours(services: Services, project: Path, runs: int, processes: int) -> tuple[float, float]:
    """Asking for runs a second, and doing them."""
    door = Door.of(services.settings)
    started = time.perf_counter()
    for _ in range(runs):
        ring(services, door, record(services, Request("noop", {}))[0])
    asking = runs / (time.perf_counter() - started)
    door.close()

    def succeeded() -> int:
        return dict(services.ledger.queries.counts()).get("succeeded", 0)

    with process([*AUTOMATION, "-C", str(project), "worker", "-c", str(processes)], project):
        return asking, rate(succeeded, runs)


def bare(url: str, project: Path, runs: int, processes: int) -> tuple[float, float]:
    """The same for a task of Celery's own."""
    Path(project, "bare.py").write_text(TASK)
    app = Celery("bare", broker=url)
    started = time.perf_counter()
    with app.producer_pool.acquire(block=True) as producer:
        for _ in range(runs):
            app.send_task("noop", queue=QUEUE, producer=producer, ignore_result=True)
    asking = runs / (time.perf_counter() - started)
    client = Redis.from_url(url.replace("redis+socket://", "unix://").partition("?")[0])

    def taken() -> int:
        return int(runs - client.llen(QUEUE) - client.hlen("unacked"))

    with process([sys.executable, "bare.py", url, str(processes)], project):
        return asking, rate(taken, runs)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--processes", type=int, default=2)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="automation-bench-") as folder:
        project = Path(folder)
        for name, text in {"jobs/noop.py": PLUGIN, "schedules/noop.toml": '[jobs.noop]\nplugin = "noop"\n'}.items():
            Path(project, name).parent.mkdir()
            Path(project, name).write_text(text)
        services = build_services(project)
        services.upgraded_ledger()
        where = endpoints(services.settings)
        with process([*AUTOMATION, "-C", str(project), "broker"], project):
            wait_ready(where, SystemClock(), timedelta(seconds=30))
            peer_asking, peer = bare(where.celery_url, project, wanted.runs, wanted.processes)
            asking, own = ours(services, project, wanted.runs, wanted.processes)
        services.close()
    figures = {
        "runs": wanted.runs,
        "processes": wanted.processes,
        "automation: asked for per second": round(asking),
        "automation: done per second": round(own, 1),
        "bare Celery: sent per second": round(peer_asking),
        "bare Celery: done per second": round(peer, 1),
        "ratio": round(own / peer, 3),
    }
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
