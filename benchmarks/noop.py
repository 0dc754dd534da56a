"""Runs per second of a plugin that does nothing, beside a bare Celery task that does nothing, with two processes each.

All find a full queue on the same embedded broker, in turns; counted is from the first end to the last. Ours are rows of
the ledger, claimed, done and given a verdict, on SQLite with every verdict on disk. Celery's is measured without results,
and with a result for each task in the same Redis, which is the nearest that it has to a ledger.

Owns: the workers of one measurement.
Never: touches another broker than its own.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable

import psutil
from celery import Celery
from ground import DEADLINE, Figures, Ground, ground, load, medians, process, processor

from automation.queue.door import Door
from automation.queue.enqueue import Request, record, ring

QUEUE = "bare"
TASK = """
import sys
from celery import Celery
url, results, processes = sys.argv[1:]
app = Celery("bare", broker=url, backend=results if results != "none" else None)
app.conf.update(task_ignore_result=results == "none", task_default_queue="bare", worker_hijack_root_logger=False)

@app.task(name="noop")
def noop() -> None:
    "Do nothing."

app.worker_main(["worker", "-c", processes, "-l", "error", "--without-gossip", "--without-mingle"])
"""


def done_by(pid: int, done: Callable[[], int], total: int) -> Figures:
    """How many a second, from the first end to the last, and the processor time of the worker for each."""
    deadline = time.perf_counter() + DEADLINE
    first: tuple[float, int, float] | None = None
    while (count := done()) < total:
        now = time.perf_counter()
        if now > deadline or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            raise SystemExit(f"{count} of {total} were done, and no more")
        if count and first is None:
            first = (now, count, processor(pid))
        time.sleep(0.02)
    if first is None:
        raise SystemExit("too few to measure; raise --runs")
    began, before, used = first
    left = total - before
    return {
        "done per second": left / (time.perf_counter() - began),
        "worker's processor per run, µs": (processor(pid) - used) / left * 1e6,
    }


def ours(at: Ground, runs: int, processes: int) -> Figures:
    """Asking for runs a second, and doing them."""
    services, door = at.services, Door.of(at.services.settings)
    before = succeeded(at)
    started = time.perf_counter()
    for _ in range(runs):
        ring(services, door, record(services, Request("noop", {}))[0])
    asking = runs / (time.perf_counter() - started)
    door.close()
    with process([*at.command, "worker", "-c", str(processes)], at.project) as pid:
        return {"asked for per second": asking, **done_by(pid, lambda: succeeded(at) - before, runs)}


def succeeded(at: Ground) -> int:
    """How many runs did."""
    return dict(at.services.ledger.queries.counts()).get("succeeded", 0)


def bare(at: Ground, runs: int, processes: int, results: str) -> Figures:
    """The same for a task of Celery's own."""
    url, client = at.where.celery_url, at.redis
    app = Celery("bare", broker=url)
    started = time.perf_counter()
    with app.producer_pool.acquire(block=True) as producer:
        for _ in range(runs):
            app.send_task("noop", queue=QUEUE, producer=producer, ignore_result=results == "none")
    asking = runs / (time.perf_counter() - started)

    def taken() -> int:
        return int(runs - client.llen(QUEUE) - client.hlen("unacked"))

    at.project.joinpath("bare.py").write_text(TASK)
    with process([sys.executable, "bare.py", url, results, str(processes)], at.project) as pid:
        found = {"asked for per second": asking, **done_by(pid, taken, runs)}
    for key in client.scan_iter("celery-task-meta-*", count=1000):
        client.delete(key)
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--times", type=int, default=1)
    wanted = parser.parse_args()
    found: dict[str, list[Figures]] = {
        "automation": [],
        "Celery with results in Redis": [],
        "Celery without results": [],
    }
    with ground('[jobs.noop]\nplugin = "noop"\n') as at:
        for _ in range(wanted.times):
            peers = {"Celery with results in Redis": at.where.celery_url, "Celery without results": "none"}
            for name, results in peers.items():
                found[name].append(bare(at, wanted.runs, wanted.processes, results))
            found["automation"].append(ours(at, wanted.runs, wanted.processes))
    figures = {name: medians(some) for name, some in found.items()}
    own = figures["automation"]["done per second"]
    ratios = {
        f"ratio to {name}": round(own / figures[name]["done per second"], 2) for name in found if name != "automation"
    }
    shape = {"runs": wanted.runs, "processes": wanted.processes, "times": wanted.times}
    print(json.dumps({**shape, **figures, **ratios, "load": load()}, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
