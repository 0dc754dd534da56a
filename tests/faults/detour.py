"""A way to a server that can be made a bad one, in a process of its own.

    python -m tests.faults.detour PORT HOST HOST_PORT

It takes orders on standard input, one a line, and answers each with a line:

    pass                 everything goes through
    delay SECONDS        each answer of the server comes so much later
    swallow              nothing goes through, and nobody is told; what was cut off so never comes to life again
    refuse               open connections end, and so does each new one
    cut                  open connections end; new ones go through
    say LINE             each command in Redis' protocol is answered with this line, and reaches no server
    lose WORD N          the Nth message with this word from now on ends its connection and does not reach the server
    lose-answer WORD N   the Nth reaches the server, and its connection ends before the answer
    met                  how often `lose` and `lose-answer` have met their word

Owns: passing bytes on, both ways, as it was told, until it is killed.
"""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

_BULK = re.compile(rb"\*(\d+)\r\n")


class Way:
    """How things go through, now."""

    def __init__(self) -> None:
        self.mode, self.argument = "pass", ""
        self.met = self.left = 0
        self.writers: set[asyncio.StreamWriter] = set()

    def told(self, order: str) -> str:
        """Do as an order says; returns the answer."""
        mode, _, argument = order.strip().partition(" ")
        if mode == "met":
            return str(self.met)
        if mode in ("cut", "refuse"):
            for writer in self.writers:
                writer.transport.abort()
        self.mode, self.argument = ("pass" if mode == "cut" else mode), argument
        if mode.startswith("lose"):
            self.argument, _, often = argument.partition(" ")
            self.left, self.met = int(often), 0
        return "done"

    def meets(self, data: bytes) -> bool:
        """Whether these bytes are what was waited for; it is met once."""
        if not self.mode.startswith("lose") or self.argument.encode() not in data:
            return False
        self.left -= 1
        self.met += self.left == 0
        return self.left == 0


class Line:
    """One connection through the way."""

    def __init__(self, way: Way, writer: asyncio.StreamWriter, there: asyncio.StreamWriter) -> None:
        self._way, self._writer, self._there = way, writer, there
        self._dead = False

    async def forth(self, data: bytes) -> None:
        """Bytes of the client."""
        way = self._way
        self._dead = self._dead or way.mode == "swallow"
        if self._dead:
            return
        if way.mode == "say":
            self._writer.write(f"{way.argument}\r\n".encode() * commands_in(data))
        elif way.meets(data):
            mode, way.mode = way.mode, "pass"
            if mode == "lose-answer":
                self._dead = True
                self._there.write(data)
                await self._there.drain()
                await asyncio.sleep(0.2)  # the server has done it before it sees that nobody is there
            self._writer.transport.abort()
            self._there.transport.abort()
        else:
            self._there.write(data)

    async def back(self, data: bytes) -> None:
        """Bytes of the server."""
        self._dead = self._dead or self._way.mode == "swallow"
        if self._way.mode == "delay":
            await asyncio.sleep(float(self._way.argument))
        if not self._dead:
            self._writer.write(data)


def commands_in(data: bytes) -> int:
    """How many commands in Redis' protocol begin here; an argument of theirs that looks like one is not meant to be."""
    return len(_BULK.findall(data))


async def main(port: int, host: str, host_port: int) -> None:
    """Listen on this port of the loopback and pass everything on."""
    way = Way()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if way.mode == "refuse":
            writer.transport.abort()
            return
        try:
            there_reader, there = await asyncio.open_connection(host, host_port)
        except OSError:
            writer.transport.abort()
            return
        line = Line(way, writer, there)
        way.writers |= {writer, there}
        await asyncio.gather(_pass(reader, line.forth, there), _pass(there_reader, line.back, writer))
        way.writers -= {writer, there}

    server = await asyncio.start_server(serve, "127.0.0.1", port)
    asyncio.get_running_loop().add_reader(sys.stdin, _take_order, way)
    print("ready", flush=True)
    async with server:
        await server.serve_forever()


def _take_order(way: Way) -> None:
    order = sys.stdin.readline()
    if not order:
        sys.exit()
    print(way.told(order), flush=True)


async def _pass(reader: asyncio.StreamReader, on, to: asyncio.StreamWriter) -> None:  # type: ignore[no-untyped-def]
    with suppress(ConnectionError):
        while data := await reader.read(65536):
            await on(data)
            await to.drain()
    to.close()


class Detour:
    """A way in a process of its own, that is told what to do.

    Parameters
    ----------
    port: where it listens on the loopback.
    to: host and port of the server.
    """

    def __init__(self, port: int, to: tuple[str, int]) -> None:
        self.port = port
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.detour", str(port), to[0], str(to[1])],
            cwd=Path(__file__).resolve().parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._answer()

    def tell(self, order: str) -> str:
        """Give an order; it is done when this returns."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{order}\n")
        self._process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        answer = self._process.stdout.readline().strip()
        assert answer, "the way has died"
        return answer


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
