"""Memory of a scheduler and a worker that fire and do runs for many minutes: whether it grows.

Fires come evenly, R a second, of plugins that do nothing; a tenth of them fail once and are tried again. Read is what the
processes hold for themselves (USS), after the first fifth and at the end, so that what is loaded late does not count.

Owns: the processes of one measurement.
Never: touches another broker than its own.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time

import psutil
from ground import Figures, ground, load, process

PLUGIN = """
from automation import Context, plugin

@plugin("noop")
def noop(ctx: Context, fails: bool = False) -> None:
    "Do nothing, or fail at the first attempt."
    if fails and ctx.attempt == 1:
        raise ValueError("the first attempt fails")
"""


def own_memory(pid: int) -> float:
    """Megabytes that the process and its children share with nobody."""
    found = psutil.Process(pid)
    sizes = [one.memory_full_info().uss for one in [found, *found.children(recursive=True)]]
    return float(sum(sizes)) / 1e6


def measured(rate: int, minutes: float) -> Figures:
    """Megabytes of each process early and late, and how many runs were done."""
    jobs = (
        f'[jobs.job-{one:03}]\nplugin = "noop"\nevery = "1s"\noverlap = "allow"\nretry.first = "100ms"\n'
        f"params.fails = {str(one % 10 == 0).lower()}\n"
        for one in range(rate)
    )
    with ground("".join(jobs), PLUGIN) as at:
        commands = {"scheduler": [*at.command, "scheduler"], "worker": [*at.command, "worker", "-c", "2"]}
        with process(commands["scheduler"], at.project) as scheduler, process(commands["worker"], at.project) as worker:
            pids = {"scheduler": scheduler, "worker and children": worker}
            seen: dict[str, list[float]] = {name: [] for name in pids}
            ends = time.monotonic() + minutes * 60
            while time.monotonic() < ends:
                time.sleep(minutes * 60 / 100)
                for name, pid in pids.items():
                    seen[name].append(own_memory(pid))
        found: Figures = {"runs": float(sum(at.services.ledger.queries.counts().values()))}
    for name, sizes in seen.items():
        early, late = statistics.median(sizes[15:25]), statistics.median(sizes[-10:])
        found |= {f"{name}, MB early": early, f"{name}, MB late": late, f"{name}, growth %": 100 * (late / early - 1)}
    return {name: round(value, 1) for name, value in found.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=20, help="fires a second")
    parser.add_argument("--minutes", type=float, default=60)
    asked = parser.parse_args()
    print(
        json.dumps({**vars(asked), **measured(asked.rate, asked.minutes), "load": load()}, indent=2, ensure_ascii=False)
    )


if __name__ == "__main__":
    main()
