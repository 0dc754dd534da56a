"""A scheduler with N schedules: until its entries are there, what it costs while nothing is due, and who follows it.

The leader is killed by SIGKILL; counted is until a second scheduler, which was waiting, has the lock.

Owns: the two schedulers of one measurement.
Never: touches another broker than its own.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import time
from contextlib import ExitStack

from ground import ground, load, medians, process, processor, until


def measured(number: int, quiet: float) -> dict[str, float]:
    """One scheduler's life, and the beginning of the next."""
    jobs = (f'[jobs.job-{job:06}]\nplugin = "noop"\nevery = "30d"\n' for job in range(number))
    with ground("".join(jobs)) as at, ExitStack() as stack:
        redis, entries, holder = at.redis, f"{at.prefix}:redbeat::schedule", f"{at.prefix}:redbeat::lock"
        leader = stack.enter_context(process([*at.command, "scheduler"], at.project))
        ready = until(lambda: redis.zcard(entries) == number)
        time.sleep(2)
        before = processor(leader)
        time.sleep(quiet)
        idle = (processor(leader) - before) / quiet
        stack.enter_context(process([*at.command, "scheduler"], at.project))
        time.sleep(4 + number / 500)
        lock = redis.get(holder)
        os.kill(leader, signal.SIGKILL)
        follows = until(lambda: redis.get(holder) not in (None, lock))
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
    shape = {"schedules": wanted.schedules, "times": wanted.times}
    print(json.dumps({**shape, **medians(found), "load": load()}, indent=2))


if __name__ == "__main__":
    main()
