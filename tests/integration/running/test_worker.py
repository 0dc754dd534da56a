"""What a worker does with a run, and what a run cannot do to a worker."""

from __future__ import annotations

import os
import signal

import pytest

from automation.queue.door import Door


def test_a_run_is_done_once_and_its_result_kept(shared):
    """From the command line through broker and worker to the ledger."""
    run = shared.ended(shared.run("act", "-p", "note=plain")["id"])
    assert (run.state, run.result["attempt"]) == ("succeeded", 1)
    assert [line[3] for line in shared.effects() if line[0] == run.id] == ["plain"]


@pytest.mark.slow
@pytest.mark.parametrize("what", ["memory", "exit", "recursion"])
def test_what_ends_a_process_elsewhere_ends_only_the_run(shared, what: str):
    """MemoryError, SystemExit and endless recursion are failures of the job; the worker's process goes on."""
    [before] = {one.pid for one in shared.services.ledger.processes.alive("worker")}
    run = shared.ended(shared.run("act", "-p", f"what={what}")["id"])
    [after] = {one.pid for one in shared.services.ledger.processes.alive("worker")}

    assert run.state == "dead"
    assert shared.outcomes(run.id) == ["failed", "failed"]
    assert before == after


def test_a_failed_attempt_is_followed_by_the_next(shared):
    """The retry is a row with a due time; without a scheduler the worker itself rings for it."""
    run = shared.ended(shared.run("act", "-p", "what=fail once")["id"])
    assert (run.state, shared.outcomes(run.id)) == ("succeeded", ["failed", "succeeded"])


def test_a_run_past_its_timeout_is_ended_and_the_plugin_may_clean_up(shared):
    """The soft limit is an exception inside the plugin."""
    run = shared.ended(shared.run("short", "-p", "seconds=30")["id"])
    assert (run.state, shared.outcomes(run.id)) == ("dead", ["timed_out"])
    assert "300ms" in run.reason


@pytest.mark.slow
def test_a_plugin_that_swallows_its_timeout_is_killed(shared):
    """After kill_after the worker's main process ends it, and the next run finds a worker."""
    run = shared.ended(shared.run("short", "-p", "what=hang")["id"])
    assert (run.state, shared.outcomes(run.id)) == ("dead", ["timed_out"])
    assert shared.ended(shared.run("act")["id"]).state == "succeeded"


def test_a_run_whose_process_dies_is_freed_at_once(shared):
    """Long before its lease would run out, the run is back and done by another process."""
    run = shared.ended(shared.run("act", "-p", "what=die once")["id"], within=3.5)
    assert (run.state, shared.outcomes(run.id)) == ("succeeded", ["lost", "succeeded"])
    assert run.spent == 1


def test_a_run_that_always_kills_its_process_becomes_a_dead_letter(shared):
    """Three losses are the limit; other runs were done meanwhile."""
    poison = shared.run("act", "-p", "what=die")["id"]
    healthy = shared.ended(shared.run("act")["id"])
    run = shared.ended(poison)
    assert (run.state, run.losses) == ("dead", 3)
    assert shared.outcomes(poison) == ["lost"] * 3
    assert healthy.state == "succeeded"


@pytest.mark.slow
def test_processes_that_die_one_right_after_the_other_lose_no_run(shared):
    """Also one that lived and died between two looks of the worker's main process."""
    poison = [shared.run("act", "-p", "what=die")["id"] for _ in range(3)]
    ended = [shared.ended(run_id) for run_id in poison]

    assert [(run.state, run.losses) for run in ended] == [("dead", 3)] * 3


def test_a_message_that_nobody_signed_starts_nothing(shared):
    """Whoever can write to the broker cannot choose what runs."""
    services = shared.services
    door = Door.of(services.settings)
    forged = shared.ended(shared.run("act", "-p", "note=genuine")["id"])
    for arguments in ([forged.id, "0" * 64], [forged.id], [{"job": "act"}, None], [forged.id, "é"]):
        door.app.send_task("automation.run", args=arguments, queue="automation.default", ignore_result=True)
    door.app.send_task("os.system", args=["true"], queue="automation.default", ignore_result=True)
    assert shared.ended(shared.run("act")["id"]).state == "succeeded"
    assert len([line for line in shared.effects() if line[0] == forged.id]) == 1


@pytest.mark.slow
def test_a_run_can_be_asked_to_stop(shared):
    """`ctx.cancelled` turns true in a long loop."""
    run_id = shared.run("act", "-p", "what=until cancelled")["id"]
    services = shared.services

    shared.eventually(lambda: services.ledger.queries.run(run_id).state == "running")
    assert services.ledger.runs.request_cancel(run_id)
    assert shared.ended(run_id).reason.endswith("told to stop")


@pytest.mark.slow
def test_a_stopping_worker_hands_back_what_it_cannot_finish(stack):
    """SIGTERM, the grace time over: the run is interrupted, no attempt is spent, another worker does it."""

    stack.broker()
    first = stack.worker()
    run_id = stack.run("act", "-p", "seconds=5")["id"]
    services = stack.services
    stack.eventually(lambda: services.ledger.queries.run(run_id).state == "running")
    os.kill(first.pid, signal.SIGTERM)
    assert first.wait(60) == 0
    assert stack.outcomes(run_id) == ["interrupted"]

    stack.worker()
    run = stack.ended(run_id)
    assert (run.state, run.spent) == ("succeeded", 1)
    assert stack.outcomes(run_id) == ["interrupted", "succeeded"]


def test_a_killed_workers_run_is_done_by_another(stack):
    """kill -9 of the main process: on the same machine nobody waits for the lease."""
    stack.broker()
    first = stack.worker()
    (stay := stack.root.parent / "stay").touch()
    run_id = stack.run("act", "-p", "what=stay")["id"]
    services = stack.services
    stack.eventually(lambda: services.ledger.queries.run(run_id).state == "running")
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    stay.unlink()
    stack.worker()
    assert stack.ended(run_id).state == "succeeded"
    assert stack.outcomes(run_id) == ["lost", "succeeded"]


def test_a_run_asked_for_while_the_broker_is_away_is_done_later(stack):
    """The ledger has it; it goes out when there is somebody to ring."""
    run = stack.run("act")
    assert run["state"] == "queued"
    stack.broker()
    stack.worker()
    assert stack.ended(run["id"]).state == "succeeded"
