"""The same faults on stock Celery with RedBeat, beside which ours are to be read.

    python -m tests.faults.stock [FAULT …]        FAULT: kill, flush, full, malformed, killed-child; default: all

Ten entries fire each second on a Redis that keeps nothing; a worker with two processes writes a line for each run. The
fault lasts some seconds; afterwards there is time to catch up. What is told: fires that fell due, runs that were done,
runs that were done again, and whether beat still lives.

Owns: stock processes, and what is done to them.
Never: imports the product.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
from redis import Redis

ENTRIES, SECONDS = 10, 5
APP = """
import os, sys, time
from celery import Celery
from celery.schedules import schedule

app = Celery("tasks", broker=os.environ["BROKER"])
app.conf.update(
    timezone="UTC", redbeat_redis_url=os.environ["BROKER"], redbeat_lock_timeout=10, beat_max_loop_interval=1,
    task_ignore_result=True, task_acks_late=True, task_reject_on_worker_lost=True, broker_connection_retry_on_startup=True,
    beat_schedule={f"e{n}": {"task": "tasks.work", "schedule": schedule(1.0)} for n in range(%d)},
)

@app.task(bind=True)
def work(self):
    with open("done.log", "a") as file:
        file.write(f"{self.request.id} {os.getpid()}\\n")
    time.sleep(0.05)
"""


class Stock:
    """Redis, beat and a worker in a folder of their own."""

    def __init__(self, port: int) -> None:
        self.root, self.port = Path(tempfile.mkdtemp(prefix="stock-")), port
        (self.root / "tasks.py").write_text(APP % ENTRIES)
        self.server = self.start_redis()
        time.sleep(0.5)
        self.beat = self._celery("beat", "-S", "redbeat.RedBeatScheduler")
        self.worker = self._celery("worker", "-c", "2", "--without-mingle", "--without-gossip")

    def start_redis(self) -> subprocess.Popen[bytes]:
        """A Redis that keeps nothing."""
        words = (
            f"redis-server --port {self.port} --bind 127.0.0.1 --appendonly no --dir {self.root} --logfile redis.log"
        )
        self.server = subprocess.Popen([*words.split(), "--save", ""])
        return self.server

    def redis(self) -> Redis:
        """A client."""
        return Redis(port=self.port)

    def done(self) -> list[str]:
        """The id of each run that was done."""
        path = self.root / "done.log"
        return [line.split()[0] for line in path.read_text().splitlines()] if path.exists() else []

    def close(self) -> None:
        """End everything."""
        for process in (self.beat, self.worker, self.server):
            with suppress(psutil.NoSuchProcess):
                for child in psutil.Process(process.pid).children(recursive=True):
                    child.kill()
            process.kill()
            process.wait()
        shutil.rmtree(self.root)

    def _celery(self, *words: str) -> subprocess.Popen[bytes]:
        with (self.root / f"{words[0]}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "celery", "-A", "tasks", *words, "-l", "WARNING"],
                cwd=self.root,
                env={**os.environ, "BROKER": f"redis://127.0.0.1:{self.port}/0"},
                stdout=log,
                stderr=subprocess.STDOUT,
            )


def kill(stock: Stock) -> None:
    """F17: the Redis is killed, and comes back empty."""
    stock.server.kill()
    stock.server.wait()
    time.sleep(SECONDS)
    stock.start_redis()


def flush(stock: Stock) -> None:
    """F18: FLUSHALL."""
    stock.redis().flushall()


def full(stock: Stock) -> None:
    """F19: out of memory, and no key may go."""
    stock.redis().config_set("maxmemory", 1)
    time.sleep(SECONDS)
    stock.redis().config_set("maxmemory", 0)


def malformed(stock: Stock) -> None:
    """F24: one entry is half a JSON."""
    stock.redis().hset("redbeat:e3", "definition", '{"name": "e3", "ta')


def killed_child(stock: Stock) -> None:
    """F07: the processes of the worker's pool are killed, one by one."""
    for _ in range(SECONDS):
        for child in psutil.Process(stock.worker.pid).children():
            child.send_signal(signal.SIGKILL)
        time.sleep(1)


FAULTS: dict[str, Callable[[Stock], None]] = {
    "kill": kill,
    "flush": flush,
    "full": full,
    "malformed": malformed,
    "killed-child": killed_child,
}


def suffer(name: str, port: int) -> str:
    """Do one fault to a fresh stock; the line that tells of it."""
    stock = Stock(port)
    try:
        until = time.monotonic() + 60
        while len(stock.done()) < ENTRIES and time.monotonic() < until:
            time.sleep(0.1)
        began, before = time.monotonic(), len(stock.done())
        time.sleep(2)
        FAULTS[name](stock)
        time.sleep(3 * SECONDS)
        due = int(time.monotonic() - began) * ENTRIES
        beat = "lives" if stock.beat.poll() is None else f"ended with {stock.beat.poll()}"
        stock.beat.terminate()
        time.sleep(SECONDS)  # what was sent in the last second is done too
        done = stock.done()[before:]
        again = len(done) - len(set(done))
        return f"{name}: due {due} · done {len(set(done))} · lost {max(due - len(set(done)), 0)} · again {again} · beat {beat}"
    finally:
        stock.close()


def main() -> None:
    """The command."""
    for number, name in enumerate(sys.argv[1:] or FAULTS):
        print(suffer(name, 21_700 + number), flush=True)


if __name__ == "__main__":
    main()
