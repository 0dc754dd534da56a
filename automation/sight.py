"""A process as others see it: its name, where it runs, since when; and whether another one of this host still does.

Owns: identity of processes.
Never: judges what follows from a process that is gone.
"""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Iterable, Mapping
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


def mark_of_this_process() -> str:
    """Words that tell this process from any other one, for what it holds by itself; asked anew after a fork."""
    pid = os.getpid()
    return f"{_host()} {pid} {_since_boot(pid):.1f}"


def is_gone(mark: str) -> bool:
    """Whether the process of this mark is known to be dead: it was on this host, and is no more."""
    host, _, rest = mark.rpartition(" ")[0].rpartition(" ")
    pid, _, started = mark[len(host) + 1 :].partition(" ")
    if host != _host() or not rest or not pid.isdigit():
        return False
    try:
        if psutil.Process(int(pid)).status() == psutil.STATUS_ZOMBIE:
            return True
        return abs(_since_boot(int(pid)) - float(started)) >= _SAME_START_SECONDS
    except psutil.NoSuchProcess:
        return True


def running(processes: Iterable[ProcessRow]) -> list[ProcessRow]:
    """Those that are there, as far as this host can tell: one of it that was killed has a sign of life for a while yet."""
    here = _host()
    return [process for process in processes if process.host != here or Sight.is_alive(process)]


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
