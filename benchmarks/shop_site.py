"""A shop of listing pages on loopback, for measurements: as fast as one Python process gives them out.

Owns: the pages, made anew from a seed; the answer to any path `/N`, after a delay; no robots.txt.
Never: is asked by more than one measurement.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scraping import listing


def answers(pages: int) -> list[bytes]:
    """Each page with its head."""
    chance = random.Random(1)
    bodies = [listing(number, chance).encode() for number in range(pages)]
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: %d\r\n\r\n%b"
    return [head % (len(body), body) for body in bodies]


class Shop(asyncio.Protocol):
    """Answers one request after the other on a connection that stays open."""

    def __init__(self, pages: list[bytes], delay: float) -> None:
        self._pages, self._delay, self._seen = pages, delay, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._seen += data
        while b"\r\n\r\n" in self._seen:
            head, _, self._seen = self._seen.partition(b"\r\n\r\n")
            path = head.split(b" ", 2)[1].lstrip(b"/")
            answer = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
            if path.isdigit():
                answer = self._pages[int(path) % len(self._pages)]
            if self._delay:
                asyncio.get_running_loop().call_later(self._delay, self._transport.write, answer)
            else:
                self._transport.write(answer)


@contextmanager
def shop(pages: int, delay: float) -> Iterator[str]:
    """The address of a shop in a process of its own."""
    command = [sys.executable, str(Path(__file__)), "--pages", str(pages), "--delay", str(delay)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield f"http://127.0.0.1:{server.stdout.readline().strip()}"
        finally:
            server.kill()


async def serve(pages: int, delay: float) -> None:
    """Answer until killed; the port is the first line."""
    made = answers(pages)
    server = await asyncio.get_running_loop().create_server(lambda: Shop(made, delay), "127.0.0.1", 0, backlog=1000)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=2000)
    parser.add_argument("--delay", type=float, default=0.0)
    given = parser.parse_args()
    asyncio.run(serve(given.pages, given.delay))
