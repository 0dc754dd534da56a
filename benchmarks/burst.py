"""A burst: N schedules due at one second, until all their messages are in the queue, beside stock celery-redbeat.

Ours is `automation scheduler` with its ledger on SQLite, every commit on disk; the peer is `celery beat` with RedBeat's
scheduler, which records nothing. Both work through the same embedded broker, in turns, in this one run.

Owns: the schedulers of one measurement.
Never: touches another broker than its own.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa
from celery import Celery
from celery.schedules import schedule
from ground import DEADLINE, Figures, Ground, ground, load, medians, process, processor
from redbeat.schedulers import RedBeatSchedulerEntry
from redis import Redis

from automation.queue.app import queue_name

#: The peer's entries are not due again for so long.
LONG = timedelta(days=1)
PEER = """
import sys
from celery import Celery
app = Celery("bare", broker={broker!r})
app.conf.update(redbeat_redis_url={redis!r}, redbeat_key_prefix="peer:", task_default_queue="peer",
    task_ignore_result=True, timezone="UTC", beat_max_loop_interval=1, redbeat_lock_timeout=30)
"""


def burst(waiting: Callable[[], int], due: float, number: int, pid: int) -> Figures:
    """One burst: entries a second, seconds to the first message, microseconds of the scheduler's processor an entry."""
    time.sleep(max(due - time.time() - 0.2, 0))
    before, first = processor(pid), 0.0
    while (found := waiting()) < number:
        if found and not first:
            first = time.time() - due
        if time.time() > due + DEADLINE:
            raise SystemExit(f"{found} of {number} messages were there after {DEADLINE:.0f} seconds")
        time.sleep(0.005)
    took = time.time() - due
    return {
        "entries per second": number / took,
        "first message": first or took,
        "processor per entry, µs": (processor(pid) - before) / number * 1e6,
    }


def ours(at: Ground, number: int, times: int, every: int) -> list[Figures]:
    """Bursts of our scheduler; between two of them the runs are done."""
    redis = at.redis
    queue = queue_name(at.prefix, "default")
    names = [queue, *(f"{queue}\x06\x16{step}" for step in range(1, 10))]

    def waiting() -> int:
        with redis.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.llen(name)
            return sum(pipe.execute())

    entries = f"{at.prefix}:redbeat::schedule"
    found = []
    with process([*at.command, "scheduler"], at.project) as pid:
        while redis.zcard(entries) != number:
            time.sleep(0.1)
        time.sleep(1)
        for _ in range(times):
            # A burst that came while nobody was looking does not count, and its runs are in nobody's way.
            due = ((time.time() + 3) // every + 1) * every
            time.sleep(due - time.time() - 2)
            redis.delete(*names)
            with at.services.ledger.engine.begin() as connection:
                connection.execute(sa.text("UPDATE automation_runs SET state = 'succeeded', finished_at = queued_at"))
            found.append(burst(waiting, due, number, pid))
    return found


def peer(at: Ground, number: int, times: int) -> list[Figures]:
    """Bursts of stock RedBeat."""
    text = PEER.format(broker=at.where.celery_url, redis=at.where.redis_url)
    Path(at.project, "peer.py").write_text(text)
    redis = at.redis
    names: dict[str, Celery] = {}
    exec(compile(text, "peer.py", "exec"), names)
    command = [sys.executable, "-m", "celery", "-A", "peer", "beat", "-S", "redbeat.RedBeatScheduler"]
    found = []
    with process(command, at.project) as pid:
        while not redis.exists("peer::lock"):
            time.sleep(0.1)
        for _ in range(times):
            due = time.time() // 1 + 4 + number // 1000
            _save(redis, names["app"], number, datetime.fromtimestamp(due, UTC) - LONG)
            if time.time() > due - 1:
                raise SystemExit("The entries were not there in time; run this on a machine that does less")
            found.append(burst(lambda: int(redis.llen("peer")), due, number, pid))
            redis.delete("peer")
    for key in redis.scan_iter("peer:*", count=1000):
        redis.delete(key)
    return found


def _save(redis: Redis, app: Celery, number: int, last: datetime) -> None:
    """So many entries of RedBeat's, all due a day after `last`: one that it saves itself, and copies of it."""
    first = RedBeatSchedulerEntry("entry-first", "noop", schedule(LONG), app=app)
    first.last_run_at = last
    # RedBeat leaves the time of the last run as it is in an entry that is there already.
    redis.delete(first.key)
    first.save()
    definition, meta = (redis.hget(first.key, name) for name in ("definition", "meta"))
    # RedBeat's own score of an entry that was last run long ago is too early by what is left until it is due.
    score = (last + LONG).timestamp()
    redis.zadd("peer::schedule", {first.key: score})
    with redis.pipeline(transaction=False) as pipe:
        for entry in range(number - 1):
            name = f"entry-{entry:06}"
            own = definition.replace(b"entry-first", name.encode())
            pipe.hset(f"peer:{name}", mapping={"definition": own, "meta": meta})
            pipe.zadd("peer::schedule", {f"peer:{name}": score})
        pipe.execute()


def measured(number: int, times: int, every: int) -> dict[str, object]:
    """Both, with a broker of their own."""
    jobs = (f'[jobs.job-{job:06}]\nplugin = "noop"\nevery = "{every}s"\n' for job in range(number))
    with ground("".join(jobs)) as at:
        stock = peer(at, number, times)
        own = ours(at, number, times, every)
    both = {"automation": medians(own), "celery-redbeat": medians(stock)}
    ratio = {
        name: round(both["automation"][name] / value, 2) for name, value in both["celery-redbeat"].items() if value
    }
    return {"schedules": number, "times": times, **both, "ratio": ratio, "load": load()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--schedules", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--every", type=int, default=0, help="seconds between two bursts of ours; default: by number")
    wanted = parser.parse_args()
    for number in wanted.schedules:
        every = wanted.every or max(20, number // 250)
        print(json.dumps(measured(number, wanted.times, every), indent=2, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main()
