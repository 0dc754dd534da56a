"""What hits a worker from below: its broker, its children, its ledger; it goes on, and keeps what it holds."""

from __future__ import annotations

import os
import signal

import psutil
import pytest
from redis import Redis

from automation.broker import endpoints
from automation.queue.door import REPEAT, Door

pytestmark = pytest.mark.slow


def test_a_child_that_dies_while_its_worker_starts_takes_nothing_with_it(stack):
    """Between the fork of the children and the first message: another child takes its place, the worker goes on."""
    stack.broker()
    worker = stack.start("worker", "-c", "2")
    child = stack.eventually(psutil.Process(worker.pid).children)[0]
    child.kill()

    assert stack.ended(stack.run("act")["id"]).state == "succeeded"
    assert worker.poll() is None


def test_a_worker_keeps_its_runs_while_the_broker_is_away(stack):
    """Leases are renewed although Celery's loop stands still: the run is not given to another, and ends as it should."""
    broker = stack.broker()
    stack.worker()
    run_id = stack.run("act", "-p", "seconds=9")["id"]
    services = stack.services
    stack.eventually(lambda: services.ledger.queries.run(run_id).state == "running")
    os.kill(broker.pid, signal.SIGKILL)
    broker.wait()
    first = services.ledger.queries.run(run_id).lease_until

    stack.eventually(lambda: services.ledger.queries.run(run_id).lease_until > first + services.settings.lease)
    stack.broker()
    assert stack.ended(run_id).state == "succeeded"
    assert stack.outcomes(run_id) == ["succeeded"]
    assert stack.ended(stack.run("act")["id"]).state == "succeeded"


def test_a_worker_whose_broker_is_away_leaves_when_asked_to(stack):
    """SIGTERM: its run is handed back, and the exit code says that all is well."""
    broker, worker = stack.broker(), stack.worker()
    run_id = stack.run("act", "-p", "seconds=60")["id"]
    services = stack.services
    stack.eventually(lambda: services.ledger.queries.run(run_id).state == "running")
    os.kill(broker.pid, signal.SIGKILL)
    broker.wait()
    stack.eventually(lambda: "the worker waits for it" in stack.log.read_text())
    os.kill(worker.pid, signal.SIGTERM)

    assert worker.wait(60) == 0
    assert stack.outcomes(run_id) == ["interrupted"]
    assert services.ledger.queries.run(run_id).state == "queued"


def test_a_run_whose_verdict_could_not_be_written_is_done_again(stack):
    """Its process lives on and works on other runs; nobody renews the lease of a run that it has turned away from."""
    (stack.root / "jobs" / "deaf.py").write_text(DEAF)
    stack.declare('[jobs.deaf]\nplugin = "deaf"\n[jobs.act]\nplugin = "act"\n')
    stack.broker()
    stack.worker()
    run = stack.ended(stack.run("deaf")["id"])

    assert (run.state, run.spent) == ("succeeded", 1)
    assert stack.outcomes(run.id) == ["lost", "succeeded"]


DEAF = '''
from automation import Context, plugin
from automation.ledger.runs import Runs

finish = Runs.finish

def unreachable(self, run_id, attempt, verdict, *more):
    if attempt == 1: raise ConnectionError("the ledger does not answer")
    return finish(self, run_id, attempt, verdict, *more)

@plugin
def deaf(ctx: Context) -> None:
    """Cut this process from the ledger as far as the verdict on a first attempt goes."""
    Runs.finish = unreachable
'''


def test_what_a_killed_worker_had_taken_from_the_queue_is_done_at_once(stack):
    """Its message was in nobody's hands but its own, and nobody waits until that would be rung for anyway."""
    stack.broker()
    worker = stack.worker()
    stack.run("act", "-p", "seconds=600")
    stack.eventually(stack.effects)
    settings = stack.services.settings
    # The first look at a new broker rings for all that waits; here each message is to be there once.
    stack.eventually(lambda: Redis.from_url(endpoints(settings).redis_url).exists(f"{settings.key_prefix}:keepsake"))
    waiting = stack.run("act")["id"]
    door = Door.of(settings)
    stack.eventually(lambda: door.depth("default") == 0)
    os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()
    stack.start("worker", "-c", "2")

    assert stack.ended(waiting, within=REPEAT.total_seconds() - 5).state == "succeeded"
