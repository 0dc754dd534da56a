"""Flows whose schedulers and workers are killed at chosen instructions: each flow comes to its end, each run of it once.

Done twice: to the product as it is, and with what follows a run written after its verdict instead of with it.
"""

from __future__ import annotations

from collections import defaultdict

import pytest
import sqlalchemy as sa

from tests.faults.scene import eventually

pytestmark = pytest.mark.slow
FLOW = """
[defaults]
overlap = "allow"
retry = { max_attempts = 3, first = "100ms", max_lost = 50 }
[jobs.left]
plugin = "deed"
every = "2s"
[jobs.right]
plugin = "deed"
every = "2s"
jitter = "1s"
[jobs.join]
plugin = "deed"
after = ["left", "right"]
[jobs.last]
plugin = "deed"
after = ["join"]
"""
#: Where a scheduler strikes itself, and where a worker does.
POINTS = (("recorded", "followed"), ("sent", "committed"), ("", "popped"))
STEPS = {"left", "right", "join", "last"}


def flowing(scene):
    """A project with two jobs that fire together, one behind both, and one behind that."""
    stage = scene()
    (stage.root / "schedules" / "flow.toml").write_text(FLOW)
    return stage


def rows(stage):
    """The runs of all flows."""
    query = "SELECT id, flow, job, state, started_at, finished_at FROM automation_runs WHERE flow IS NOT NULL"
    with sa.create_engine(stage.url, poolclass=sa.NullPool).connect() as connection:
        return connection.execute(sa.text(query)).all()


def test_flows_survive_the_death_of_schedulers_and_workers(scene):
    """Between rows and messages, messages and entries, verdict and what follows; after both; with a message in hand."""
    stage = flowing(scene)
    worker = None
    for number, (of_scheduler, of_worker) in enumerate(POINTS):
        marks = [stage.root / f"{kind}-{number}" for kind in ("scheduler", "worker")]
        rig = {"at": of_scheduler, "mark": str(marks[0])} if of_scheduler else {}
        scheduler = stage.begin("scheduler-1", **rig)
        if worker is not None:
            stage.kill(worker)
        worker = stage.begin("worker-1", "-c", "2", at=of_worker, mark=str(marks[1]))
        stage.struck(marks[1], worker if of_worker == "popped" else None)
        if of_scheduler:
            stage.struck(marks[0], scheduler)
    stage.begin("worker-1", "-c", "2")
    known = by_flow(stage)
    eventually(lambda: any(is_done(some) for flow, some in by_flow(stage).items() if flow not in known), stage.tails)
    known = by_flow(stage)
    eventually(lambda: all(is_done(by_flow(stage)[flow]) for flow in known), stage.tails)

    whole = [by_flow(stage)[flow] for flow in known]
    assert len(whole) > 3
    for steps in whole:
        assert [len(steps[step]) for step in sorted(STEPS)] == [1] * 4
        assert {one.state for some in steps.values() for one in some} == {"succeeded"}
        assert {len(stage.lines(some[0].id, "effect")) for some in steps.values()} == {1}
        assert steps["join"][0].started_at >= max(steps[one][0].finished_at for one in ("left", "right"))


def test_a_flow_bites_where_what_follows_is_written_later(scene):
    """A worker dies between the two: the run has succeeded, and nobody ever does what follows it."""
    stage = flowing(scene)
    stage.begin("worker-1", "-c", "1", without=["following"], at="followed", mark=str(stage.sign))
    run = stage.ask_for("left")
    stage.struck(stage.sign)
    stage.ended(run, stage.ask_for())

    assert stage.outcomes(run) == ["succeeded"]
    assert {row.job for row in rows(stage)} == {"left"}


def by_flow(stage):
    """Flow → step → its runs."""
    found = defaultdict(lambda: defaultdict(list))
    for row in rows(stage):
        found[row.flow][row.job].append(row)
    return found


def is_done(steps):
    """Whether a flow has come to its end: each of its steps has, as far as they are there."""
    return steps.keys() >= STEPS and all(row.finished_at for some in steps.values() for row in some)
