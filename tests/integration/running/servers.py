"""A Redis of a test's own, over TCP: what happens to it happens to nobody else."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from pathlib import Path

from automation.broker.server import locate_server
from automation.supervise.tether import die_with_parent
from tests.integration.running.conftest import Stack


class Server:
    """A server that keeps nothing; `with` starts it and ends it."""

    def __init__(self, folder: Path, host: str = "127.0.0.1") -> None:
        self.host, self.port = host, _free_port()
        self._folder = folder

    @property
    def url(self) -> str:
        return f"redis://{self.host}:{self.port}/0"

    def __enter__(self) -> Server:
        words = f"--port {self.port} --bind {self.host} --appendonly no --dir {self._folder} --logfile server.log"
        self.process = subprocess.Popen(
            [str(locate_server().program), *words.split(), "--save", ""],
            preexec_fn=die_with_parent(),  # noqa: PLW1509 (tests start processes from their one thread)
        )
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                socket.create_connection((self.host, self.port)).close()
            except OSError:
                time.sleep(0.05)
            else:
                return self
        raise RuntimeError("the server does not answer")

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def freeze(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def wake(self) -> None:
        self.process.send_signal(signal.SIGCONT)


def stack_on_servers(root: Path, server: Server, database_url: str) -> Stack:
    """A project with nothing embedded: this Redis, and this ledger."""
    root.mkdir()
    return Stack(
        root,
        AUTOMATION_BROKER_URL=server.url,
        AUTOMATION_SECRET_KEY="a key for this test only",
        AUTOMATION_DATABASE_URL=database_url,
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
