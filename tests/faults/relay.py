"""The way to a server that cannot be killed because others use it: kill the way instead.

    python -m tests.faults.relay PORT HOST HOST_PORT

Owns: passing bytes on, both ways, until it is killed.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress


async def main(port: int, host: str, host_port: int) -> None:
    """Listen on this port of the loopback and pass everything on."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection(host, host_port)
        await asyncio.gather(_pass(reader, there_writer), _pass(there_reader, writer))

    server = await asyncio.start_server(serve, "127.0.0.1", port)
    async with server:
        await server.serve_forever()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
