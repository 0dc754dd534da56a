"""A worker: until it is ready, from asking for a run to its start, and until a run that lost its process begins again.

Each figure is taken from the ledger's own instants, with runs that come one by one. A worker that is frozen by SIGSTOP
stands for one on another machine: nobody can see that it is gone, and its lease decides.

Owns: the workers of one measurement.
Never: touches another broker than its own.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import psutil
from ground import Figures, Ground, ground, load, medians, process, processor, until

from automation.ledger.rows import RunRow
from automation.queue.door import Door
from automation.queue.enqueue import Request, record, ring

LEASE = 5
PLUGIN = """
import time
from automation import Context, plugin

@plugin("works")
def works(ctx: Context, seconds: float = 0.0) -> None:
    "Do nothing, for a while in the first attempt."
    if ctx.attempt == 1:
        time.sleep(seconds)
"""


def ask(at: Ground, door: Door, seconds: float = 0.0) -> str:
    """A run, recorded and rung for."""
    run, _ = record(at.services, Request("works", {"seconds": seconds}))
    ring(at.services, door, run)
    return run.id


def found(at: Ground, run_id: str) -> RunRow:
    """The run as it is."""
    return at.services.ledger.queries.run(run_id)


def to_start(at: Ground, door: Door, runs: int) -> Figures:
    """From asking to the start, one run after the other."""
    waits = []
    for _ in range(runs):
        run_id = ask(at, door)
        until(lambda run_id=run_id: found(at, run_id).state == "succeeded", 0.005)
        done = found(at, run_id)
        waits.append((done.started_at - done.queued_at).total_seconds() * 1000)
        time.sleep(0.05)
    waits.sort()
    return {"ms to start, median": waits[len(waits) // 2], "ms to start, 99 %": waits[int(len(waits) * 0.99)]}


def again_after(at: Ground, door: Door, strike: signal.Signals, *, whole: bool) -> float:
    """Seconds from the strike against a run's process to its next attempt."""
    run_id = ask(at, door, 120.0)
    until(lambda: found(at, run_id).state == "running")
    child = psutil.Process(found(at, run_id).pid)
    struck = [child, child.parent()] if whole else [child]
    began = datetime.now(UTC)
    for one in reversed(struck):
        one.send_signal(strike)
    until(lambda: found(at, run_id).attempt == 2)
    attempts = at.services.ledger.queries.attempts(run_id)
    until(lambda: found(at, run_id).state == "succeeded")
    if strike is signal.SIGSTOP:
        for one in struck:
            one.kill()
    return (attempts[1].started_at - began).total_seconds()


def measured(runs: int) -> Figures:
    """One project's workers."""
    os.environ["AUTOMATION_LEASE"] = f"{LEASE}s"
    with ground('[jobs.works]\nplugin = "works"\n', PLUGIN) as at, ExitStack() as stack:
        door = Door.of(at.services.settings)
        command, said = [*at.command, "worker", "-c", "1"], Path(at.project, "output.txt")
        stack.enter_context(process([*at.command, "scheduler"], at.project))
        worker = stack.enter_context(process(command, at.project))
        figures = {"s to ready": until(lambda: b"Worker is ready" in said.read_bytes())}
        figures["s of processor to ready"] = processor(worker)
        figures |= to_start(at, door, runs)
        figures["s after kill -9 of its child"] = again_after(at, door, signal.SIGKILL, whole=False)
        stack.enter_context(process(command, at.project))
        until(lambda: said.read_bytes().count(b"Worker is ready") == 2)
        figures["s after kill -9 of its worker"] = again_after(at, door, signal.SIGKILL, whole=True)
        stack.enter_context(process(command, at.project))
        until(lambda: said.read_bytes().count(b"Worker is ready") == 3)
        figures[f"s after its worker froze, lease of {LEASE} s"] = again_after(at, door, signal.SIGSTOP, whole=True)
        door.close()
    return figures


def main() -> None:
    """Measure and print medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--times", type=int, default=3)
    wanted = parser.parse_args()
    figures = medians([measured(wanted.runs) for _ in range(wanted.times)])
    print(json.dumps({"runs": wanted.runs, "times": wanted.times, **figures, "load": load()}, indent=2))


if __name__ == "__main__":
    main()
