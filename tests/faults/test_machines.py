"""Two machines on one Redis and one PostgreSQL, and the end of one of them at once."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from automation.supervise.tether import die_with_parent
from tests.integration.running.conftest import ROOT, Stack
from tests.integration.running.servers import Server, stack_on_servers
from tests.integration.running.test_scheduler import await_more, recorded

pytestmark = pytest.mark.slow
#: A host name and process ids of its own; when this is killed, the kernel ends all that runs in it.
UNSHARE = ["unshare", "--pid", "--uts", "--fork", "--kill-child", "--mount-proc"]
PROCESSES = "hostname machine-b; {0} scheduler & {0} worker -c 2 & {0} worker -c 2 & wait"
JOBS = """
[defaults]
overlap = "allow"
[jobs.act]
plugin = "act"
every  = "1s"
[jobs.long]
plugin = "act"
params = { what = "stay" }
"""


@pytest.fixture
def may_unshare() -> None:
    if subprocess.run([*UNSHARE, "hostname", "machine-b"], check=False, capture_output=True).returncode:
        pytest.skip("this user may not make namespaces of process ids and host names, so there is one machine only")


def second_machine(stack: Stack) -> subprocess.Popen[bytes]:
    """The same project in another folder, with another data folder, under another host name."""
    there = stack.root.parent / "machine-b"
    for folder in ("schedules", "jobs"):
        shutil.copytree(stack.root / folder, there / folder)
    with stack.log.open("ab") as log:
        return subprocess.Popen(
            [*UNSHARE, "sh", "-c", PROCESSES.format(f"{sys.executable} -m automation")],
            cwd=there,
            env={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "PYTHONPATH": str(ROOT), **stack.environ},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=die_with_parent(),  # noqa: PLW1509 (tests start processes from their one thread)
        )


def workers_of_b(services: Any) -> list[str]:
    return [one.id for one in services.ledger.processes.alive("worker") if one.host.startswith("machine-b")]


@pytest.mark.usefixtures("may_unshare")
def test_the_runs_of_a_machine_that_is_gone_are_done_by_the_other(tmp_path: Path, fresh_database) -> None:
    """When their leases have run out; nothing that was due is missing, and no attempt is made twice."""
    with Server(tmp_path) as server:
        stack = stack_on_servers(tmp_path / "machine-a", server, fresh_database("postgresql"))
        stack.declare(JOBS)
        services = stack.services
        services.upgraded_ledger()
        other = second_machine(stack)
        try:
            stack.scheduler()
            stack.worker(AUTOMATION_WORKERS="2")
            stack.eventually(lambda: len(workers_of_b(services)) == 2)
            stay = tmp_path / "stay"
            stay.touch()
            runs = {stack.run("long")["id"] for _ in range(6)}
            of_b = workers_of_b(services)
            held = stack.eventually(lambda: {one.id for one in services.ledger.leases.held_by(of_b)} & runs)
            other.kill()
            other.wait()
            stay.unlink()
            done = [stack.ended(run_id) for run_id in sorted(runs)]
            await_more(stack, 3)
        finally:
            other.kill()
            other.wait()
            stack.stop()

    lost = [one.id for one in done if "lost" in stack.outcomes(one.id)]
    ticks = [run.nominal_time for run in recorded(stack) if run.schedule == "main"]
    lines = [path.read_text().split("\n") for path in tmp_path.glob("machine-*/effects.log")]
    attempts = Counter(tuple(line.split(" ", 2)[:2]) for file in lines for line in file if line)

    assert {one.state for one in done} == {"succeeded"}
    assert lost, held
    assert all(services.ledger.queries.attempts(one)[0].worker in of_b for one in lost)
    assert ticks == [ticks[0] + timedelta(seconds=n) for n in range(len(ticks))]
    assert max(attempts.values()) == 1
    services.close()
