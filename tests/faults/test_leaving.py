"""Processes that are told to leave: they hand back what they cannot finish, in time, and leave nothing behind.

Each fault is done twice: to the product as it is, and with the protection taken out that makes it harmless.
"""

from __future__ import annotations

import signal
import sqlite3
from contextlib import closing

import pytest

from tests.faults.scene import eventually

pytestmark = pytest.mark.slow


def told_to_leave(scene, grace: str, without: tuple[str, ...] = ()):
    """A worker with three runs, one done before and one after it is told to leave, one never; and another worker."""
    stage = scene(AUTOMATION_GRACE=grace)
    first = stage.begin("worker-1", "-c", "2", without=without)
    stage.ended(quick := stage.ask_for())
    runs = [quick, stage.ask_for(until="soon"), stage.ask_for(until="never")]
    for run in runs:
        stage.began(run)
    stage.begin("worker-2", "-c", "1", without=without)
    at = stage.kill(first, signal.SIGTERM)
    stage.permit("soon")
    assert first.process.wait(60) == 0
    return stage, runs, at


def test_f32_a_worker_with_short_and_long_runs_is_told_to_leave(scene, measured):
    """F32: it lets go on what ends within the grace time; the rest is interrupted, and done elsewhere at once."""
    stage, runs, at = told_to_leave(scene, "5s")
    stage.ended(*runs)
    interrupted, again = stage.attempts(runs[2])
    measured("F32, until it has handed back", (interrupted.finished_at - at).total_seconds())
    measured("F32, from there to the next attempt", (again.started_at - interrupted.finished_at).total_seconds())

    assert [stage.outcomes(run) for run in runs] == [["succeeded"], ["succeeded"], ["interrupted", "succeeded"]]
    assert (stage.run(runs[2]).spent, stage.run(runs[2]).losses) == (1, 0)
    assert stage.verdict() == []


def test_f32_bites_where_nothing_is_handed_back(scene):
    """F32 where a worker leaves without a word, and nobody looks for what it held: the long run is left behind."""
    stage, runs, _ = told_to_leave(scene, "1s", ("handing back", "rescue"))
    stage.ended(stage.ask_for())

    assert stage.outcomes(runs[2]) == [None]
    assert stage.broken() == {"lost"}


def leave_by(stage, *signals: signal.Signals) -> list[tuple[str, int]]:
    """A scheduler and a worker at work, and these signals to both; with which codes they left."""
    found = []
    members = [stage.begin("scheduler-1"), stage.begin("worker-1", "-c", "1")]
    stage.more("tick", 1)
    for member in members:
        for number in signals:
            if member.process.poll() is None:
                stage.kill(member, number)
        found.append((member.role, member.process.wait(60)))
    return found


@pytest.mark.parametrize(
    "signals",
    [(signal.SIGTERM, signal.SIGTERM), (signal.SIGINT,), (signal.SIGQUIT,), (signal.SIGHUP, signal.SIGTERM)],
    ids=["SIGTERM twice", "SIGINT", "SIGQUIT", "SIGHUP, then SIGTERM"],
)
def test_f33_signals_that_end_a_process(scene, signals):
    """F33: whichever it is, it leaves with 0, and no lock, no lease, no process and no row of one remains."""
    stage = scene("tick")

    assert leave_by(stage, *signals) == [("scheduler-1", 0), ("worker-1", 0)]
    assert stage.left_over() == []


@pytest.mark.parametrize("role", ["scheduler-1", "worker-1"])
def test_f33_a_process_that_is_told_to_leave_while_it_starts(scene, role):
    """F33: at any moment of its start it ends, and leaves nothing behind."""
    stage = scene("tick")
    for number in range(3):
        member = stage.launch(role)
        eventually(lambda here=member, rows=number: stage.has_come_to(here, rows), stage.tails)
        stage.kill(member, signal.SIGTERM)
        assert member.process.wait(60) in (0, -signal.SIGTERM)

    assert stage.left_over() == []


@pytest.mark.soak
def test_f33_a_worker_leaves_while_another_program_holds_the_ledgers_file(scene):
    """F33 and F26: it does not wait until it gets its turn to write, which may be never."""
    stage = scene()
    worker = stage.begin("worker-1", "-c", "1")
    stage.ended(stage.ask_for())
    with closing(sqlite3.connect(stage.root / "ledger.db", isolation_level=None, timeout=60)) as other:
        other.execute("BEGIN IMMEDIATE")
        stage.kill(worker, signal.SIGTERM)
        left = worker.process.wait(60)

    assert left == 0


def test_f33_bites_where_a_process_cannot_say_goodbye(scene):
    """F33 by SIGKILL: a lock, and the rows of two processes are left; so it would be seen if a signal left them."""
    stage = scene("tick")
    leave_by(stage, signal.SIGKILL)

    assert len(stage.left_over()) >= 3


def restart_in_turn(stage, roles: list[str], pause: float, without: tuple[str, ...] = ()) -> None:
    """Tell one worker after the other to leave, and start it again when it has."""
    for role in roles:
        stage.pass_time(pause)
        stage.kill(stage.members[role], signal.SIGTERM)
        assert stage.members[role].process.wait(60) == 0
        stage.begin(role, "-c", "1", without=without)


WORKERS = ["worker-1", "worker-2", "worker-3"]


def under_load(scene, roles: list[str], without: tuple[str, ...] = (), **more):
    """A scheduler and these workers, that have begun to work."""
    stage = scene("tick", "tock", **more)
    stage.launch("scheduler-1", without=without)
    for role in roles:
        stage.begin(role, "-c", "1", without=without)
    stage.more("tick", 1)
    return stage


def test_f34_workers_restarted_in_turn_under_load(scene):
    """F34: nothing is lost, nothing is done twice, and nothing counts as a loss."""
    stage = under_load(scene, WORKERS, seconds=0.5)
    restart_in_turn(stage, WORKERS, 0.5)

    assert stage.verdict() == []
    assert {one.outcome for one in stage.seen().attempts} <= {"succeeded", "interrupted"}


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_f34_workers_restarted_in_turn_for_five_minutes(scene):
    """F34 at full length: one of three every five seconds, for five minutes."""
    stage = under_load(scene, WORKERS, seconds=0.5)
    restart_in_turn(stage, WORKERS * 20, 5.0)

    assert stage.verdict() == []
    assert {one.outcome for one in stage.seen().attempts} <= {"succeeded", "interrupted"}


def test_f34_bites_where_nothing_is_handed_back(scene):
    """F34 where workers leave without a word, and nobody looks for what they held: runs are left behind."""
    out = ("handing back", "rescue")
    stage = under_load(scene, WORKERS[:1], out, seconds=2.0, AUTOMATION_GRACE="0s")
    restart_in_turn(stage, WORKERS[:1], 0.5, out)
    [left, *_] = stage.left_behind()

    assert "lost" in stage.broken(left)
