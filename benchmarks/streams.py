"""What it costs to have many who listen to server-sent events for long: processor, memory, how late an event comes, and the pages beside.

python benchmarks/streams.py [--streams N] [--minutes M] [--rows N]

Each second one run is recorded; each listener is to hear of it once.

Owns: the listeners, and the table.
Never: shares its ledger, or its web server, with anything else.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import time
from datetime import UTC, datetime

import psutil
from history import ledger_of
from web import served

from automation.ledger.ids import new_id
from automation.ledger.ledger import Ledger
from automation.ledger.rows import NewRun
from automation.ledger.states import Kind

PATHS = {"API": "/api/v1/events", "pages": "/events"}


def main() -> None:
    """Measure and print."""
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--streams", type=int, default=200)
    given.add_argument("--minutes", type=float, default=10)
    given.add_argument("--rows", type=int, default=100_000)
    options = given.parse_args()
    for name, path in PATHS.items():
        with ledger_of(None, options.rows) as ledger, served(ledger) as (port, process):
            asyncio.run(measure(name, path, ledger, port, process, options.streams, options.minutes * 60))


async def measure(
    name: str, path: str, ledger: Ledger, port: int, process: psutil.Process, streams: int, seconds: float
) -> None:
    """Listen, record, and print what it came to."""
    at: dict[str, float] = {}
    late: list[float] = []
    pages: list[float] = []
    heard = [0] * streams
    listeners = [asyncio.create_task(_listen(port, path, number, heard, at, late)) for number in range(streams)]
    await asyncio.sleep(5)
    held, used, began = process.memory_info().rss, sum(process.cpu_times()[:2]), time.monotonic()
    while time.monotonic() < began + seconds:
        run_id = new_id()
        at["last"] = at[run_id] = time.monotonic()
        await asyncio.to_thread(ledger.runs.add, _new(run_id))
        pages.append(await _page(port))
        await asyncio.sleep(max(at["last"] + 1 - time.monotonic(), 0))
    spent, grown = sum(process.cpu_times()[:2]) - used, process.memory_info().rss - held
    lives = sum(not one.done() for one in listeners)
    for one in listeners:
        one.cancel()
    ended = await asyncio.gather(*listeners, return_exceptions=True)
    figures = {
        "streams": name, "open at the end": f"{lives} of {streams}", "minutes": round(seconds / 60, 1),
        "runs recorded": len(at) - 1, "events heard, fewest and most": [min(heard), max(heard)],
        "ms late, median and 99 %": _two(late), "overview beside, ms, median and 99 %": _two(pages),
        "processor, %": round(100 * spent / seconds, 1), "memory, MB, and grown by": [held // 10**6, round(grown / 10**6, 1)],
        "ended by": sorted({type(one).__name__ for one in ended}), "load": round(os.getloadavg()[0], 1),
    }  # fmt: skip
    print(json.dumps(figures), flush=True)


def _two(values: list[float]) -> list[float]:
    values.sort()
    return [round(one, 1) for one in (statistics.median(values), values[int(len(values) * 0.99)])] if values else []


async def _listen(port: int, path: str, number: int, heard: list[int], at: dict[str, float], late: list[float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: text/event-stream\r\n\r\n".encode())
    try:
        while line := await reader.readline():
            if not line.startswith(b"data: "):
                continue
            told = json.loads(line[6:])
            run_id = told["id"] if isinstance(told, dict) else "last"
            if run_id in at:
                heard[number] += 1
                late.append((time.monotonic() - at[run_id]) * 1000)
    finally:
        writer.close()


async def _page(port: int) -> float:
    began = time.monotonic()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode())
    await reader.read()
    writer.close()
    return (time.monotonic() - began) * 1000


def _new(run_id: str) -> NewRun:
    now = datetime.now(UTC)
    return NewRun(
        id=run_id, job="job1", plugin="shell", kind=Kind.MANUAL, nominal_time=now, window_start=now, queued_at=now,
        due_at=now, max_attempts=1, queue="default", priority=5, spec={"params": {}},
    )  # fmt: skip


if __name__ == "__main__":
    main()
