"""Jobs that do to their process, or to their worker, what no job should: each is ended, and the others are done.

Each fault is done twice: to the product as it is, and with the protection taken out that makes it harmless.
"""

from __future__ import annotations

import resource

import psutil
import pytest

from tests.faults.scene import eventually

pytestmark = pytest.mark.slow

#: What a job does → the job, how its attempts end, and a word of the reason.
DEEDS = {
    "kill": ("deed", ["lost"] * 3, "died"),
    "segfault": ("deed", ["lost"] * 3, "died"),
    "exit": ("deed", ["lost"] * 3, "died"),
    "memory": ("deed", ["failed"] * 3, "MemoryError"),
    "recursion": ("deed", ["failed"] * 3, "RecursionError"),
    "leave": ("deed", ["failed"] * 3, "SystemExit"),
    "loop": ("short", ["timed_out"], "500ms"),
    "fork": ("short", ["timed_out"], "500ms"),
}


def test_f14_jobs_that_end_their_process_or_do_not_end(scene):
    """F14: each is dead with its own cause after three attempts at most, ten others are done, the worker lives on."""
    stage = scene()
    worker = stage.begin("worker-1", "-c", "2")
    bad = {what: stage.ask_for(job, what=what) for what, (job, _, _) in DEEDS.items()}
    good = [stage.ask_for() for _ in range(10)]
    stage.ended(*bad.values(), *good)

    found = {what: (stage.outcomes(run), stage.run(run).state) for what, run in bad.items()}
    assert found == {what: (outcomes, "dead") for what, (_, outcomes, _) in DEEDS.items()}
    assert [what for what, run in bad.items() if DEEDS[what][2] not in (stage.run(run).reason or "")] == []
    assert [stage.outcomes(run) for run in good] == [["succeeded"]] * 10
    assert worker.process.poll() is None
    eventually(lambda: len(psutil.Process(worker.pid).children(recursive=True)) == 2, stage.tails)
    assert stage.verdict() == []


def test_f14_bites_where_losses_are_not_counted_and_limits_not_kept(scene):
    """F14 without the limit on losses, the catch around a job, and the hard limit: over and over, or for ever."""
    stage = scene()
    stage.begin("worker-1", "-c", "2", without=["poison", "catch", "limits"])
    kills, leaves = stage.ask_for(what="kill"), stage.ask_for(what="leave")
    eventually(lambda: min(len(stage.lines(run, "began")) for run in (kills, leaves)) > 3, stage.tails)
    loops = stage.ask_for("short", what="loop")
    stage.began(loops)
    eventually(lambda: stage.ask("SELECT MIN(deadline) FROM automation_runs") < str(stage.now()), stage.tails)

    assert stage.outcomes(loops) == [None]
    assert stage.broken(loops) == {"lost"}


def starved(scene, *without: str):
    """A worker whose child may not have more than a gigabyte, and a run that asks for two."""
    stage = scene()
    worker = stage.begin("worker-1", "-c", "1", without=without)
    for child in stage.children(worker):
        resource.prlimit(child, resource.RLIMIT_AS, (2**30, 2**30))
    run = stage.ask_for(what="eat")
    stage.began(run)
    return stage, worker, run


def test_f16_a_run_that_asks_for_more_memory_than_its_process_may_have(scene):
    """F16: each attempt failed and says of what; its process, and its worker, go on."""
    stage, worker, run = starved(scene)
    stage.ended(run, healthy := stage.ask_for())

    assert (stage.outcomes(run), stage.outcomes(healthy)) == (["failed"] * 3, ["succeeded"])
    assert "memory" in (stage.run(run).reason or "").lower()
    assert len({one.pid for one in stage.attempts(run)}) == 1
    assert worker.process.poll() is None
    assert stage.verdict() == []


def test_f16_bites_where_nobody_catches_it(scene):
    """F16 where it goes on to Celery: no verdict, and the whole worker ends of it."""
    stage, worker, run = starved(scene, "catch")
    eventually(lambda: "Unrecoverable error" in stage.said(worker), stage.tails)

    assert stage.outcomes(run) == [None]


def killed_mains(scene, executions: int, without: tuple[str, ...] = ()):
    """A run that kills its worker's main process, and a worker that somebody starts again each time."""
    stage = scene()
    run = stage.ask_for(what="main")
    for number in range(executions):
        worker = stage.launch("worker-1", "-c", "1", without=without)
        stage.began(run, number + 1)
        worker.process.wait(60)
    return stage, run


def test_f15_a_job_that_kills_its_worker_each_time(scene):
    """F15: the losses are counted in the ledger, whichever worker died of it; three, and it is dead."""
    stage, run = killed_mains(scene, 3)
    stage.begin("worker-2", "-c", "1")
    stage.ended(run)

    assert stage.run(run).state == "dead"
    assert stage.outcomes(run) == ["lost"] * 3
    assert len(stage.lines(run, "began")) == 3
    assert stage.verdict() == []


def test_f15_bites_where_losses_are_not_counted(scene):
    """F15 without the limit on losses: it kills a fourth worker."""
    stage, run = killed_mains(scene, 4, ("poison",))

    assert len(stage.lines(run, "began")) == 4
    assert stage.run(run).state != "dead"
