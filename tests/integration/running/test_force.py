"""What a worker ends by force: it ends for certain, with all that it started, and is told in one line."""

from __future__ import annotations

import os
import signal

import psutil
import pytest

pytestmark = pytest.mark.slow


def cancel(stack, run_id: str) -> None:
    services = stack.services
    stack.eventually(lambda: services.ledger.queries.run(run_id).state == "running")
    services.ledger.runs.request_cancel(run_id)
    services.close()


def is_gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_a_cancel_by_force_is_one_line_in_the_log(shared):
    """It was wanted: no error, no traceback of a lost process; and the worker goes on."""
    before = len(shared.log.read_text())
    run_id = shared.run("stubborn", "-p", "what=hang")["id"]
    cancel(shared, run_id)
    run = shared.ended(run_id)
    assert shared.ended(shared.run("act")["id"]).state == "succeeded"
    said = [line for line in shared.log.read_text()[before:].splitlines() if '"level": "info"' not in line]

    assert (run.state, shared.outcomes(run_id)) == ("cancelled", ["cancelled"])
    assert [run_id in line and "after it was asked to stop" in line for line in said] == [True], said


def test_what_holds_the_interpreter_is_ended_at_its_limit(shared):
    """No signal reaches a loop inside of C; the kill comes from another process."""
    run = shared.ended(shared.run("short", "-p", "what=locked")["id"])

    assert (run.state, shared.outcomes(run.id)) == ("dead", ["timed_out"])


def test_what_a_run_has_started_is_ended_with_it(shared):
    """A fork of its own, a command in another session, and what that has started."""
    shared.ended(shared.run("short", "-p", "what=family")["id"])
    forked, spawned = map(int, (shared.root / "family").read_text().split())

    assert shared.eventually(lambda: is_gone(forked) and not living_in_session(spawned))


def living_in_session(session: int) -> list[int]:
    found = []
    for pid in psutil.pids():
        try:
            found += [pid] if os.getsid(pid) == session and not is_gone(pid) else []
        except (ProcessLookupError, psutil.NoSuchProcess):
            continue
    return found


def test_a_killed_worker_leaves_no_process_at_work(stack):
    """kill -9 of the main process alone: a child that went on would work beside whoever is given its run."""
    stack.broker()
    worker = stack.worker()
    run_id = stack.run("act", "-p", "seconds=600")["id"]
    child = int(stack.eventually(stack.effects)[0][2])
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()

    stack.eventually(lambda: is_gone(child), within=10)
    services = stack.services
    assert services.ledger.queries.run(run_id).attempt == 1


def test_a_command_is_asked_before_it_is_killed(shared):
    """What a worker's process does not heed reaches the commands that it starts."""
    run_id = shared.run("trap")["id"]
    shared.eventually((shared.root / "ready").exists)
    cancel(shared, run_id)

    assert shared.ended(run_id).state == "cancelled"
    assert (shared.root / "asked").exists()


@pytest.mark.parametrize("number", [signal.SIGQUIT, signal.SIGHUP])
def test_other_signals_that_end_a_worker_are_no_crash(stack, number: signal.Signals):
    """A closed terminal, Ctrl-backslash: its run is handed back, it says goodbye, and the exit code is 0."""
    stack.broker()
    worker = stack.worker()
    run_id = stack.run("act", "-p", "seconds=600")["id"]
    stack.eventually(stack.effects)
    os.killpg(worker.pid, number)

    assert worker.wait(60) == 0
    assert stack.outcomes(run_id) == ["interrupted"]
    assert stack.services.ledger.processes.alive("worker") == []


def test_a_run_that_holds_too_much_memory_is_ended(shared):
    """A failure of its own class, tried again as its policy says; the worker goes on."""
    run = shared.ended(shared.run("hungry", "-p", "what=grow")["id"])
    services = shared.services
    first, second = services.ledger.queries.attempts(run.id)

    assert (run.state, first.outcome, second.outcome) == ("dead", "failed", "failed")
    assert (first.failure_class, second.failure_class) == ("memory", "memory")
    assert "max_memory = 400.0 MB" in run.reason
    assert shared.ended(shared.run("hungry")["id"]).state == "succeeded"


@pytest.mark.parametrize("setting", ["AUTOMATION_RUNS_PER_CHILD=1", "AUTOMATION_MEMORY_PER_CHILD=1MB"])
def test_children_make_way_for_new_ones(stack, setting: str):
    """After each run here; none is lost on the way."""
    name, _, value = setting.partition("=")
    stack.broker()
    stack.worker(**{name: value})
    runs = [stack.run("act")["id"] for _ in range(4)]

    assert [stack.ended(run_id).state for run_id in runs] == ["succeeded"] * 4
    assert len({line[2] for line in stack.effects()}) == 4
    assert [stack.outcomes(run_id) for run_id in runs] == [["succeeded"]] * 4
