"""A worker for each queue: one that is slow leaves the others their processes."""

from __future__ import annotations

import signal

import pytest

JOBS = """
[jobs.slow]
plugin  = "act"
overlap = "allow"
queue   = "slow"
params  = { what = "hang" }

[jobs.quick]
plugin  = "act"
overlap = "allow"
"""


@pytest.mark.slow
def test_a_slow_queue_does_not_take_the_processes_of_the_others(stack):
    """Both workers live under one process, which ends both in order, and hands back what was not done."""
    (stack.root / "automation.toml").write_text("[queues.slow]\nworkers = 1\n")
    stack.declare(JOBS)
    stack.broker()
    process = stack.start("worker", "-c", "1")
    services = stack.services

    def workers():
        return sorted(
            (one.info["queues"], one.info["concurrency"]) for one in services.ledger.processes.alive("worker")
        )

    stack.eventually(lambda: workers() == [(["default"], 1), (["slow"], 1)])
    slow = [stack.run("slow")["id"] for _ in range(3)]
    stack.eventually(lambda: services.ledger.queries.counts().get("running") == 1)
    assert stack.ended(stack.run("quick")["id"]).state == "succeeded"
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    assert workers() == []
    assert {services.ledger.queries.run(run_id).state for run_id in slow} == {"queued"}
    services.close()


@pytest.mark.slow
def test_up_gives_a_queue_the_workers_that_it_asks_for(stack):
    """One command, and a run of the other queue does not wait for those that hold this one."""
    (stack.root / "automation.toml").write_text("[queues.slow]\nworkers = 2\n")
    stack.declare(JOBS)
    (stack.root / "Procfile").write_text("release: automation db upgrade\nworker: automation worker\n")
    up = stack.start("up", AUTOMATION_WORKERS="1")
    services = stack.services
    stack.eventually(lambda: "is ready" in stack.log.read_text())
    slow = [stack.run("slow")["id"] for _ in range(3)]
    stack.eventually(lambda: services.ledger.queries.counts().get("running") == 2)
    assert stack.ended(stack.run("quick")["id"]).state == "succeeded"
    found = [one.info for one in services.ledger.processes.alive("worker")]
    assert sorted((one["queues"], one["concurrency"]) for one in found) == [(["default"], 1), (["slow"], 2)]
    assert {services.ledger.queries.run(run_id).state for run_id in slow} == {"running", "queued"}
    up.send_signal(signal.SIGTERM)
    assert up.wait(60) == 0
    services.close()
