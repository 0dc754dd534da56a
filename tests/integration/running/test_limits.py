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
