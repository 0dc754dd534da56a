"""Limits with real workers: over two of them, from the command line to the ledger."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest

JOBS = """
[jobs.few]
plugin  = "act"
overlap = "allow"
limits  = ["few"]
params  = { seconds = 0.3 }

[jobs.paced]
plugin  = "act"
overlap = "allow"
rate    = "2/s"
"""


@pytest.mark.slow
def test_two_workers_together_keep_to_the_limits(stack):
    """Without a scheduler: never more at work than `max_running`, never more beginnings in a second than the rate."""
    (stack.root / "automation.toml").write_text("[limits.few]\nmax_running = 1\n")
    stack.declare(JOBS)
    stack.broker()
    few = [stack.run("few")["id"] for _ in range(4)]
    paced = [stack.run("paced")["id"] for _ in range(6)]
    for _ in range(2):
        stack.worker()
    ended = {run_id: stack.ended(run_id) for run_id in [*few, *paced]}
    assert {(run.state, run.attempt, run.reason) for run in ended.values()} == {("succeeded", 1, None)}

    spans = sorted((ended[run_id].started_at, ended[run_id].finished_at) for run_id in few)
    assert all(before[1] <= after[0] for before, after in pairwise(spans))
    moments = sorted(ended[run_id].started_at for run_id in paced)
    assert all(last - first >= timedelta(seconds=1) for first, last in zip(moments, moments[2:], strict=False))


BREAKER = """
[jobs.away]
plugin  = "act"
overlap = "allow"
retry   = { max_attempts = 5, backoff = "constant", first = "100ms", jitter = "none" }
params  = { what = "fail once" }
[jobs.away.breaker]
failures = 2
open_for = "3s"
key      = "{{ params.note }}"
"""


@pytest.mark.slow
def test_a_breaker_opens_and_one_run_tries(stack):
    """Of one key: two failures open it, nobody begins while it is open, one probe closes it, and then all go. Another key's
    runs do not wait."""
    stack.declare(BREAKER)
    stack.broker()
    held = [stack.run("away", "-p", "note=shop")["id"] for _ in range(5)]
    other = stack.run("away", "-p", "note=elsewhere")["id"]
    stack.worker(AUTOMATION_WORKERS="2")
    ended = [stack.ended(run_id) for run_id in (*held, other)]
    services = stack.services
    attempts = {run_id: services.ledger.queries.attempts(run_id) for run_id in (*held, other)}
    assert {run.state for run in ended} == {"succeeded"}

    tries = sorted((one for run_id in held for one in attempts[run_id]), key=lambda one: one.started_at)
    opened = sorted(one.finished_at for one in tries if one.outcome == "failed")[1]
    probe = next(one for one in tries if one.started_at > opened + timedelta(seconds=2))
    assert not [one for one in tries if opened < one.started_at < opened + timedelta(seconds=2.9)]
    assert [one for one in tries if probe.started_at < one.started_at < probe.finished_at] == []
    assert attempts[other][-1].finished_at < probe.started_at
    assert "is half open" in stack.log.read_text()
    services.close()
