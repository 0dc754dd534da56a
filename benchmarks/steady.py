"""Steady load: R schedules due in each second, evenly, and how late their messages are, beside stock celery-redbeat.

Ours is `automation scheduler` with its ledger on SQLite, every decision on disk; the peer is `celery beat` with RedBeat's
scheduler. The n-th message is late by the time from the n-th due moment to when so many are in the queue. One that does
not keep up is stopped after three times the span, with how many came.

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

from burst import LONG, PEER
from celery import Celery
from celery.schedules import schedule
from ground import Figures, Ground, ground, load, process, processor, until
from redbeat.decoder import RedBeatJSONEncoder
from redbeat.schedulers import RedBeatSchedulerEntry

from automation.queue.app import queue_name


def lateness(waiting: Callable[[], int], start: float, rate: int, span: int, pid: int) -> Figures:
    """Of each message that fell due within the span, in milliseconds."""
    due = [start + number / rate for number in range(rate * span)]
    time.sleep(max(start - time.time(), 0))
    first, before, late = waiting(), processor(pid), []
    while len(late) < len(due) and time.time() < start + 3 * span:
        came, now = waiting() - first, time.time()
        late += [(now - moment) * 1000 for moment in due[len(late) : max(came, len(late))]]
        time.sleep(0.002)
    used = processor(pid) - before
    late.sort()
    figures = {"came, %": round(100 * len(late) / len(due), 1), "processor, %": round(100 * used / span, 1)}
    if late:
        figures |= {"ms late, median": late[len(late) // 2], "ms late, 99 %": late[int(len(late) * 0.99)]}
    return {name: round(value, 1) for name, value in figures.items()}


def begin(number: int) -> float:
    """When the first of so many falls due: once a scheduler has had its time to take them in."""
    return time.time() // 1 + 15 + number // 500


def ours(rate: int, span: int) -> Figures:
    """Jobs that fire once, each at a moment of its own."""
    number = rate * span
    start = begin(number)
    first, step = datetime.fromtimestamp(start, UTC), timedelta(seconds=1) / rate
    texts = (
        f'[jobs.job-{one:06}]\nplugin = "noop"\nevery = "1d"\nanchor = {(first + one * step).isoformat()}\n'
        for one in range(number)
    )
    with ground("".join(texts)) as at:
        redis, name = at.redis, f"{queue_name(at.prefix, 'default')}\x06\x164"
        with process([*at.command, "scheduler"], at.project) as pid:
            until(lambda: redis.zcard(f"{at.prefix}:redbeat::schedule") == number)
            in_time(start)
            return lateness(lambda: int(redis.llen(name)), start, rate, span, pid)


def peer(rate: int, span: int) -> Figures:
    """The same of stock RedBeat."""
    with ground("") as at:
        redis, text = at.redis, PEER.format(broker=at.where.celery_url, redis=at.where.redis_url)
        at.project.joinpath("peer.py").write_text(text)
        names: dict[str, Celery] = {}
        exec(compile(text, "peer.py", "exec"), names)
        command = [sys.executable, "-m", "celery", "-A", "peer", "beat", "-S", "redbeat.RedBeatScheduler"]
        with process(command, at.project) as pid:
            until(lambda: redis.exists("peer::lock"))
            start = begin(rate * span)
            _save(at, names["app"], start, rate, span)
            in_time(start)
            return lateness(lambda: int(redis.llen("peer")), start, rate, span, pid)


def in_time(start: float) -> None:
    """Whether all is set up a moment before the first falls due."""
    if time.time() > start - 1:
        raise SystemExit("The entries were not there in time; run this on a machine that does less")


def _save(at: Ground, app: Celery, start: float, rate: int, span: int) -> None:
    """Entries of RedBeat's: one that it saves itself, and copies of it, each with a last run of its own."""
    first = RedBeatSchedulerEntry("entry-first", "noop", schedule(LONG), app=app)
    first.save()
    redis = at.redis
    definition = redis.hget(first.key, "definition")
    first.delete()
    with redis.pipeline(transaction=False) as pipe:
        for number in range(rate * span):
            due, name = start + number / rate, f"entry-{number:06}"
            last = {"last_run_at": datetime.fromtimestamp(due, UTC) - LONG}
            own = definition.replace(b"entry-first", name.encode())
            pipe.hset(f"peer:{name}", mapping={"definition": own, "meta": json.dumps(last, cls=RedBeatJSONEncoder)})
            pipe.zadd("peer::schedule", {f"peer:{name}": due})
        pipe.execute()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rates", type=int, nargs="+", default=[300, 1000, 3000])
    parser.add_argument("--span", type=int, default=10, help="seconds")
    wanted = parser.parse_args()
    for rate in wanted.rates:
        both = {"automation": ours(rate, wanted.span), "celery-redbeat": peer(rate, wanted.span)}
        print(json.dumps({"a second": rate, **both, "load": load()}, indent=2), flush=True)


if __name__ == "__main__":
    main()
