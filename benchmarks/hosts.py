"""A crawl of many hosts on loopback that keeps its delay at each: seconds beside what the delay itself takes, with and without dead hosts.

Owns: the measurement; a server that answers on every address of loopback, and not at all for those that are dead.
Never: judges: it prints.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

PAGE = b"<html><body><article><b>book</b></article></body></html>"
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n%b" % (len(PAGE), PAGE)
_NO_ROBOTS = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


@contextmanager
def everywhere(dead: int) -> Iterator[tuple[int, list[tuple[str, float]]]]:
    """A port of all of 127.0.0.0/8, where 127.0.0.1 to `dead` never answer; and who was asked for a page, when."""
    asked: list[tuple[str, float]] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        address = writer.get_extra_info("sockname")[0]
        silent = int(address.rpartition(".")[2]) <= dead and address.startswith("127.0.0.")
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                robots = b" /robots.txt " in head
                if silent:
                    await asyncio.sleep(3600)
                if not robots:
                    asked.append((address, time.monotonic()))
                writer.write(_NO_ROBOTS if robots else _ANSWER)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    loop, ready = asyncio.new_event_loop(), threading.Event()
    ports: list[int] = []

    async def serve() -> None:
        server = await asyncio.start_server(answer, "0.0.0.0", 0, backlog=1024)
        ports.append(server.sockets[0].getsockname()[1])
        ready.set()

    loop.create_task(serve())
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    ready.wait()
    try:
        yield ports[0], asked
    finally:

        async def end() -> None:
            left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def crawl(hosts: int, pages: int, delay: float, dead: int) -> dict[str, Any]:
    """What a crawl of so many pages of each host comes to."""
    from surroundings import surroundings

    from automation.errors import JobFailed
    from automation.scraping.engine import scrape
    from automation.scraping.params import ScrapeParams

    with everywhere(dead) as (port, asked), tempfile.TemporaryDirectory() as folder:
        names = [f"127.0.{number // 250}.{1 + number % 250}" for number in range(hosts)]
        params = ScrapeParams.model_validate(
            {
                "start": [f"http://{name}:{port}/{page}" for name in names for page in range(pages)],
                "items": "article", "fields": {"title": "b"}, "table": "books", "delay": f"{delay * 1000:.0f}ms",
                "max_pages": hosts * pages, "allow_networks": "127.0.0.0/8", "throttle": False, "deadline": "20s",
            }
        )  # fmt: skip
        around = surroundings(folder)
        began, worked = time.monotonic(), time.process_time()
        try:
            asyncio.run(scrape(params, around))
        except JobFailed as error:
            print(error, file=sys.stderr)
        whole, worked = time.monotonic() - began, time.process_time() - worked
    by_host: dict[str, list[float]] = {}
    for host, moment in asked:
        by_host.setdefault(host, []).append(moment)
    gaps = [later - earlier for moments in by_host.values() for earlier, later in itertools.pairwise(moments)]
    last = max(moment for _, moment in asked) - began
    return {
        "pages": len(asked), "until the last page": round(last, 2), "whole": round(whole, 2), "processor": round(worked, 2),
        "smallest gap": round(min(gaps), 3) if gaps else None,
    }  # fmt: skip


def main() -> None:
    """One line of JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--hosts", type=int, default=200)
    parser.add_argument("--pages", type=int, default=3)
    parser.add_argument("--delay", type=float, default=1.0)
    parser.add_argument("--dead", type=int, default=0)
    asked = parser.parse_args()
    print(json.dumps(crawl(asked.hosts, asked.pages, asked.delay, asked.dead)))


if __name__ == "__main__":
    main()
