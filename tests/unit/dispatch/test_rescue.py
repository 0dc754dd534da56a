"""Runs whose worker went away: who is freed, and what becomes of them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from automation.clock import FrozenClock
from automation.dispatch.rescue import hand_back, lose, loss_verdict, rescue
from automation.ledger.ids import new_id
from automation.ledger.ledger import Ledger
from automation.ledger.rows import NewRun, RunRow
from automation.ledger.runs import Claimant
from automation.ledger.schema import open_engine
from automation.ledger.states import Kind
from automation.project.order import RunSpec
from automation.retry import RetryPolicy
from automation.runner.verdict import success

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LEASE = timedelta(seconds=20)


class Shop:
    """A ledger with a run, and workers that come and go."""

    def __init__(self, file: Path) -> None:
        self.clock = FrozenClock(NOON)
        self.ledger = Ledger(open_engine(f"sqlite:///{file}"), self.clock)

    def queued(self, max_lost: int = 3, **more: Any) -> str:
        spec = RunSpec({}, timedelta(minutes=1), timedelta(seconds=30), RetryPolicy(max_lost=max_lost))
        values: dict[str, Any] = {"max_attempts": 3, "queue": "default", "priority": 5, "spec": spec.to_json(), **more}
        run = NewRun(new_id(), "books", "scrape", Kind.MANUAL, NOON, NOON, NOON, NOON, **values)
        assert self.ledger.runs.add(run)
        return run.id

    def claim(self, run_id: str, worker: str = "w1", host: str = "here") -> RunRow:
        self.ledger.processes.report(worker, "worker", host, 42, NOON, {})
        run = self.ledger.runs.claim(run_id, Claimant(worker, 42), LEASE, lambda _run: timedelta(minutes=5))
        assert run is not None
        return run

    def rescue(self, *, alive: bool) -> int:
        return rescue(self.ledger, "here", lambda _process: alive, self.clock.now())

    def run(self, run_id: str) -> RunRow:
        return self.ledger.queries.run(run_id)


@pytest.fixture
def shop(tmp_path: Path, empty_ledger: Path) -> Iterator[Shop]:
    made = Shop(shutil.copyfile(empty_ledger, tmp_path / "ledger.db"))
    yield made
    made.ledger.close()


def test_run_of_a_dead_process_is_freed_at_once(shop: Shop) -> None:
    """Without waiting for its lease; no attempt is spent, and the reason names the worker."""
    run = shop.claim(shop.queued())

    assert (shop.rescue(alive=False), shop.rescue(alive=False)) == (1, 0)
    found = shop.run(run.id)
    assert (found.state, found.spent, found.losses, found.due_at) == ("queued", 0, 1, NOON)
    assert found.reason == "lost: its worker w1 is gone"
    assert shop.ledger.queries.attempts(run.id)[0].outcome == "lost"


def test_what_a_dead_worker_may_have_taken_along_is_rung_for_again(shop: Shop) -> None:
    """The messages that it took from the queue and that nobody claimed: at most two for each of its places, oldest first."""
    runs = [shop.queued() for _ in range(4)]
    elsewhere = shop.queued(queue="other")
    for run_id in [*runs, elsewhere]:
        shop.ledger.runs.mark_published([one for one in shop.ledger.leases.unpublished() if one.id == run_id])
        shop.clock.advance(seconds=1)
    shop.ledger.processes.report("w1", "worker", "here", 42, NOON, {"queues": ["default"], "concurrency": 1})

    assert (shop.rescue(alive=True), shop.ledger.leases.unpublished()) == (0, [])
    assert (shop.rescue(alive=False), shop.rescue(alive=False)) == (2, 0)
    assert {one.id for one in shop.ledger.leases.unpublished()} == set(runs[:2])


def test_run_of_a_living_process_is_left_alone(shop: Shop) -> None:
    """While its lease holds; once that ran out, the process hangs, and its run is lost."""
    run = shop.claim(shop.queued())
    shop.clock.advance(seconds=20)
    assert shop.rescue(alive=True) == 0
    shop.clock.advance(seconds=1)

    assert shop.rescue(alive=True) == 1
    assert shop.run(run.id).reason == "lost: its worker w1 stopped renewing its lease"


def test_processes_of_other_hosts_are_judged_by_their_lease(shop: Shop) -> None:
    """Nobody here can know whether they are alive."""
    shop.claim(shop.queued(), host="elsewhere")
    assert shop.rescue(alive=False) == 0
    shop.ledger.runs.renew("w1", timedelta(hours=1))
    shop.clock.advance(minutes=30)
    assert shop.rescue(alive=False) == 0
    shop.clock.advance(hours=1)

    assert shop.rescue(alive=False) == 1


def test_job_that_kills_its_workers_becomes_a_dead_letter(shop: Shop) -> None:
    """After as many losses as its policy allows."""
    run_id = shop.queued(max_lost=2)
    for number in range(2):
        shop.claim(run_id, f"w{number}")
        assert shop.rescue(alive=False) == 1
    found = shop.run(run_id)

    assert (found.state, found.losses) == ("dead", 2)
    assert found.reason == "2 attempts lost with their worker; last: its worker w1 is gone"


def test_a_run_that_shared_its_worker_is_not_blamed_for_the_first_death(shop: Shop) -> None:
    """Which of them killed it nobody knows; who is there each time is dead in the end."""
    killer, other = shop.queued(max_lost=2), shop.queued(max_lost=2)
    for worker in ("w0", "w1", "w2"):
        shop.claim(killer, worker)
        if worker == "w0":
            shop.claim(other, worker)
        assert shop.rescue(alive=False) == (2 if worker == "w0" else 1)
        losses = shop.run(killer).losses
        assert losses == int(worker[1])

    assert (shop.run(killer).state, shop.run(other).state, shop.run(other).losses) == ("dead", "queued", 0)


def test_of_deaths_that_a_run_shared_only_the_first_is_forgiven(shop: Shop) -> None:
    """So that two that always run together, one of which kills, are no loop."""
    killer, other = shop.queued(max_lost=2), shop.queued(max_lost=2)
    for number in range(3):
        for run_id in (killer, other):
            shop.claim(run_id, f"w{number}")
        shop.clock.advance(seconds=21)  # the lease of both runs out, as with a worker on another machine
        assert shop.rescue(alive=True) == 2

    assert [(shop.run(one).state, shop.run(one).losses) for one in (killer, other)] == [("dead", 2)] * 2


def test_a_lost_run_is_not_begun_again_after_its_deadline(shop: Shop) -> None:
    """Its `total_deadline` counts for attempts that were lost as for those that failed."""
    policy = RetryPolicy(total_deadline=timedelta(minutes=10))
    spec = RunSpec({}, timedelta(minutes=1), timedelta(seconds=30), policy).to_json()
    early, late = (shop.claim(shop.queued(spec=spec)), shop.claim(shop.queued(spec=spec)))
    assert lose(shop.ledger, early, "killed", NOON + timedelta(minutes=9))
    assert lose(shop.ledger, late, "killed", NOON + timedelta(minutes=10))

    assert (shop.run(early.id).state, shop.run(late.id).state) == ("queued", "dead")
    assert shop.run(late.id).reason == "no attempt can begin within its total_deadline of 10m; last: killed"


def test_run_that_ended_meanwhile_is_not_lost(shop: Shop) -> None:
    """The verdict of its worker came first, and stands."""
    run = shop.claim(shop.queued())
    shop.ledger.runs.finish(run.id, 1, success({"n": 1}))

    assert shop.rescue(alive=False) == 0
    assert shop.run(run.id).state == "succeeded"
    assert not shop.ledger.runs.finish(run.id, 1, loss_verdict(run, "late", NOON))


def test_worker_that_was_freed_can_write_nothing(shop: Shop) -> None:
    """Its attempt is no longer the newest; the next one has a number of its own."""
    run = shop.claim(shop.queued())
    shop.rescue(alive=False)
    assert shop.claim(run.id, "w2").attempt == 2

    assert not shop.ledger.runs.finish(run.id, 1, success({"late": True}))
    assert shop.run(run.id).state == "running"


def test_run_that_nobody_began_in_time_expires(shop: Shop) -> None:
    """Whoever rescues ends it, unless this host's clock was set a moment ago."""
    run_id = shop.queued(expires_at=NOON + timedelta(minutes=5))
    shop.clock.advance(minutes=6)
    rescue(shop.ledger, "here", lambda _process: True, shop.clock.now(), judge_leases=False)
    assert shop.run(run_id).state == "queued"

    assert shop.rescue(alive=True) == 0
    assert shop.run(run_id).reason == "expired: it had not begun 5m after its planned time 2026-03-01T12:00:00Z"


def test_stopping_worker_hands_back_what_it_has(shop: Shop) -> None:
    """At once, without spending or losing an attempt; what ended meanwhile stays ended."""
    first, second = shop.claim(shop.queued()), shop.claim(shop.queued())
    shop.ledger.runs.finish(second.id, 1, success(None))

    assert hand_back(shop.ledger, [first, second], NOON) == [first.id]
    found = shop.run(first.id)
    assert (found.state, found.spent, found.losses) == ("queued", 0, 0)
    assert found.reason == "interrupted: its worker stopped"


def test_run_that_was_cancelled_is_not_begun_again(shop: Shop) -> None:
    """Whether its worker died or stopped before the run took notice."""
    lost, back = shop.claim(shop.queued()), shop.claim(shop.queued())
    for run in (lost, back):
        assert shop.ledger.runs.request_cancel(run.id)
    found = [shop.ledger.queries.run(run.id) for run in (lost, back)]

    assert lose(shop.ledger, found[0], "its process 42 died", shop.clock.now())
    assert hand_back(shop.ledger, found[1:], shop.clock.now()) == []
    assert [shop.ledger.queries.run(run.id).state for run in (lost, back)] == ["cancelled", "cancelled"]
