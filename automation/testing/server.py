"""A Redis for RedBeat's entries that is there for a simulation, and gone after it.

Owns: starting the bundled server on a socket of its own, and ending it.
Never: keeps anything on disk.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from automation.broker.endpoints import Endpoints, wait_ready
from automation.broker.server import locate_server
from automation.clock import SystemClock

_PATIENCE = timedelta(seconds=10)


@contextmanager
def throwaway_redis() -> Iterator[str]:
    """The URL of an empty server; it ends with the block. Raises BrokerUnavailable where there is no server program."""
    program = locate_server().program
    with tempfile.TemporaryDirectory(prefix="automation-") as folder:
        socket = Path(folder) / "redis.sock"
        words = ["--port", "0", "--unixsocket", str(socket), "--save", "", "--appendonly", "no", "--dir", folder]
        with subprocess.Popen([program, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:  # noqa: S603 (the bundled program, and words of ours)
            try:
                url = f"unix://{socket}?db=0"
                wait_ready(Endpoints(url, url), SystemClock(), _PATIENCE)
                yield url
            finally:
                server.terminate()
