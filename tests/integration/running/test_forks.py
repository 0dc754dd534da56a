"""What a worker's children do not share with their main process, nor with each other."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from automation.queue.enqueue import Request, record
from tests.integration.running.servers import Server, stack_on_servers

pytestmark = pytest.mark.slow


def sockets(pid: int) -> set[str]:
    """The sockets that a process has open, by the kernel's numbers."""
    found = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = str(entry.readlink())
        except OSError:
            continue
        found |= {target} if target.startswith("socket:") else set()
    return found


def connected(pid: int, port: int) -> bool:
    return any(one.raddr and one.raddr.port == port for one in psutil.Process(pid).net_connections("tcp"))


def test_no_child_has_a_socket_of_another_process(tmp_path: Path, fresh_database) -> None:
    """Connections to broker and database are opened after the fork, and the main process has no thread to fork beside."""
    with Server(tmp_path) as server:
        stack = stack_on_servers(tmp_path / "project", server, fresh_database("postgresql"))
        try:
            stack.declare('[jobs.act]\nplugin = "act"\noverlap = "allow"\n')
            stack.services.upgraded_ledger().close()
            worker = stack.worker(AUTOMATION_WORKERS="8")
            services = stack.services
            for _ in range(8):
                record(services, Request("act", {"seconds": 600}))  # the worker rings for what nobody has rung for
            services.close()
            stack.eventually(lambda: len(stack.effects()) == 8)
            children = [int(line[2]) for line in stack.effects()]
            open_by = {pid: sockets(pid) for pid in [worker.pid, *children]}
            shared = [
                (one, other) for one in open_by for other in open_by if one < other and open_by[one] & open_by[other]
            ]

            assert len(set(children)) == 8
            assert shared == []
            assert all(connected(pid, 5432) for pid in children)
            assert connected(worker.pid, server.port)
            stack.eventually(lambda: connected(worker.pid, 5432))
            assert psutil.Process(worker.pid).num_threads() == 1
        finally:
            stack.stop()
