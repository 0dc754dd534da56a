"""A flow whose worker is killed again and again: every run is done, and the join runs once, behind all of them."""

from __future__ import annotations

import os
import signal
from random import Random

import pytest

pytestmark = pytest.mark.slow
ELEMENTS, KILLS = 8, 4
JOBS = f"""
[defaults]
retry = {{ max_lost = 100 }}
[jobs.list]
plugin = "python"
params = {{ call = "json:loads", kwargs = {{ s = '{{"n": {[*range(ELEMENTS)]}}}' }} }}
[jobs.each]
plugin = "act"
after = ["list"]
for_each = "{{{{ upstream.list.result.n }}}}"
max_running = 2
params = {{ note = "each-{{{{ item }}}}", seconds = 0.2 }}
[jobs.join]
plugin = "act"
after = ["each"]
params = {{ note = "join" }}
"""


def test_a_flow_survives_its_worker(stack):
    """Killed as soon as so many runs, drawn by lot, have had their effect; what was lost is done again, and what follows is neither
    lost nor doubled."""
    chance = Random(7)
    stack.declare(JOBS)
    stack.broker()
    flow = stack.run("list")["flow"]
    services = stack.services
    for _ in range(KILLS):
        worker = stack.worker()
        wanted = len(stack.effects()) + chance.randint(1, 2)
        stack.eventually(lambda wanted=wanted: len(stack.effects()) >= wanted)
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()
    stack.worker()
    stack.eventually(lambda: services.ledger.queries.runs(flow=flow, job="join", state="succeeded"))

    rows = services.ledger.queries.runs(flow=flow)
    each = [row for row in rows if row.job == "each"]
    [join] = [row for row in rows if row.job == "join"]
    assert len(rows) == 1 + ELEMENTS + 1
    assert {row.state for row in rows} == {"succeeded"}
    assert sorted(row.flow_index for row in each) == [*range(ELEMENTS)]
    assert {note for *_, note in stack.effects()} == {"join", *(f"each-{number}" for number in range(ELEMENTS))}
    assert join.queued_at >= max(row.finished_at for row in each)
    notes = [note for *_, note in stack.effects()]
    assert notes.index("join") > max(notes.index(f"each-{number}") for number in range(ELEMENTS))
    services.close()
