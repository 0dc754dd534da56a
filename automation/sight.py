"""A process as others see it: its name, where it runs, since when; and whether another one of this host still does.

Owns: identity of processes.
Never: judges what follows from a process that is gone.
"""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from automation.ledger.processes import Processes
from automation.ledger.rows import ProcessRow

_SAME_START_SECONDS = 1.0


class Sight:
    """This process, as it reports itself to the ledger.

    Parameters
    ----------
    kind: scheduler, worker or web.
    info: what is shown beside it, such as its queues.
    """

    def __init__(self, kind: str, info: Mapping[str, Any] | None = None) -> None:
        self.kind, self.info = kind, dict(info or {})
        self.host = _host()
        self.pid = os.getpid()
        self.started_at = datetime.fromtimestamp(psutil.Process(self.pid).create_time(), UTC)
        self.since_boot = _since_boot(self.pid)
        # Host and pid alone come back after a restart of the machine.
        self.name = f"{kind}@{socket.gethostname()}-{self.pid}-{secrets.token_hex(3)}"[-120:]

    def report(self, processes: Processes) -> None:
        """Write a sign of life."""
        info = {**self.info, "since_boot": self.since_boot}
        processes.report(self.name, self.kind, self.host, self.pid, self.started_at, info)

    @staticmethod
    def is_alive(process: ProcessRow) -> bool:
        """Whether a process of this host still runs: the same pid, started at the same moment."""
        try:
            if psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE:
                return False
            started = _since_boot(process.pid)
        except psutil.NoSuchProcess:
            return False
        told = process.info.get("since_boot", process.started_at.timestamp() - psutil.boot_time())
        return bool(abs(started - told) < _SAME_START_SECONDS)


def _since_boot(pid: int) -> float:
    """When a process started, in seconds from the boot: a clock that is set moves the moment, and not this."""
    return float(psutil.Process(pid).create_time() - psutil.boot_time())


def _host() -> str:
    """Where a pid means the same process: the host's name does not tell containers that share it, nor twins, apart."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        space = Path("/proc/self/ns/pid").stat().st_ino
    except OSError:
        return socket.gethostname()
    return f"{socket.gethostname()[:200]} {boot[:18]} {space}"
