"""The way to a server that cannot be killed because others use it: kill the way instead, or cut it at a given word.

    python -m tests.faults.relay PORT HOST HOST_PORT

Owns: passing bytes on, both ways, until it is killed, or for as long as nobody says a word that it was told to cut at.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from contextlib import suppress


class Relay:
    """A way that can be cut; `with` opens it in a thread of its own.

    Parameters
    ----------
    cut_at: what a client must not say while this is set: all connections end before the server hears of it.
    """

    def __init__(self, host: str, host_port: int, port: int = 0, cut_at: bytes | None = None) -> None:
        self.host, self.host_port, self.port, self.cut_at = host, host_port, port, cut_at
        self.cuts = 0
        self._writers: set[asyncio.StreamWriter] = set()
        self._open = threading.Event()
        self._loop = asyncio.new_event_loop()

    def __enter__(self) -> Relay:
        threading.Thread(target=self._loop.run_until_complete, args=(self.serve(),), daemon=True).start()
        assert self._open.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self.cut)

    async def serve(self) -> None:
        """Listen on the port of the loopback and pass everything on."""
        server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
        self.port = server.sockets[0].getsockname()[1]
        self._open.set()
        async with server:
            await server.serve_forever()

    def cut(self) -> None:
        """End all connections, as a server does that goes away."""
        self.cuts += 1
        for writer in self._writers:
            writer.transport.abort()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection(self.host, self.host_port)
        self._writers |= {writer, there_writer}
        await asyncio.gather(self._pass(reader, there_writer, listen=True), self._pass(there_reader, writer))
        self._writers -= {writer, there_writer}

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, listen: bool = False) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                if listen and self.cut_at is not None and self.cut_at in data:
                    self.cut()
                    break
                writer.write(data)
                await writer.drain()
        writer.close()


if __name__ == "__main__":
    asyncio.run(Relay(sys.argv[2], int(sys.argv[3]), int(sys.argv[1])).serve())
