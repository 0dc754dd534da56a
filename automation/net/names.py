"""Names of hosts → addresses.

Owns: asking the system's resolver, from a thread or from an event loop.
Never: judges an address (the guard does); keeps one.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from typing import Any

from automation.errors import FailureClass, JobFailed

#: So many names whose server is silent hold up no other.
_THREADS = 64


def name_threads() -> ThreadPoolExecutor:
    """Threads that look names up; whoever makes them shuts them down."""
    return ThreadPoolExecutor(_THREADS, "names")


def look_up(host: str, port: int) -> list[str]:
    """The addresses of a name, each once, in the resolver's order. Raises JobFailed (TRANSPORT, `dns`)."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise _unknown(host, error) from error
    return _addresses(found)


async def resolve(host: str, port: int, threads: Executor | None = None) -> list[str]:
    """The same within an event loop, which goes on meanwhile.

    Parameters
    ----------
    threads: look names up there; the loop's own are few, and a name whose server is silent keeps one for long.
    """
    ask = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    try:
        found = await asyncio.get_running_loop().run_in_executor(threads, ask)
    except (OSError, UnicodeError) as error:
        raise _unknown(host, error) from error
    return _addresses(found)


def _addresses(found: Iterable[Any]) -> list[str]:
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _unknown(host: str, error: Exception) -> JobFailed:
    return JobFailed(f"The name {host} cannot be resolved: {error}", FailureClass.TRANSPORT, code="dns")
