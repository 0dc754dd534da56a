"""A broker that is frozen, and not gone: it takes connections and says nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from automation.dispatch.rescue import rescue
from tests.integration.running.conftest import Stack
from tests.integration.running.servers import Server

pytestmark = pytest.mark.slow
RUNS = 'plugin = "act"\noverlap = "allow"\n'


@pytest.fixture
def frozen(tmp_path: Path) -> Iterator[tuple[Stack, Server]]:
    """A scheduler and a worker whose Redis is stopped as soon as a long run is at work."""
    root = tmp_path / "project"
    root.mkdir()
    with Server(tmp_path) as server:
        stack = Stack(root, AUTOMATION_BROKER_URL=server.url, AUTOMATION_SECRET_KEY="a key for this test only")
        stack.declare(f'[jobs.act]\n{RUNS}[jobs.tick]\nevery = "1s"\n{RUNS}')
        stack.services.upgraded_ledger().close()
        stack.scheduler()
        stack.worker(AUTOMATION_WORKERS="2")
        yield stack, server
        server.wake()
        stack.stop()


def test_a_worker_keeps_its_runs_while_the_broker_is_frozen(frozen: tuple[Stack, Server]) -> None:
    """For longer than a lease; another machine, which looks for runs whose lease ran out, finds none."""
    stack, server = frozen
    run_id = stack.run("act", "-p", "seconds=30")["id"]
    services = stack.services
    stack.eventually(lambda: services.ledger.queries.run(run_id).state == "running")
    server.freeze()
    first = services.ledger.queries.run(run_id).lease_until

    def outlasted() -> bool:
        assert not rescue(services.ledger, "another machine", lambda _: True, services.clock.now())
        return services.ledger.queries.run(run_id).lease_until > first + 5 * services.settings.lease

    stack.eventually(outlasted)
    server.wake()
    assert stack.ended(run_id).state == "succeeded"
    assert stack.outcomes(run_id) == ["succeeded"]
    done = len(services.ledger.queries.runs(job="tick", state="succeeded", limit=1000))
    stack.eventually(lambda: len(services.ledger.queries.runs(job="tick", state="succeeded", limit=1000)) > done + 2)
    effects = [line[0] for line in stack.effects()]
    assert len(effects) == len(set(effects))
