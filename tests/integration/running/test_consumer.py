"""A connection that breaks in the moment after a worker has given a message up: it goes on over another one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from automation.queue.app import RUN_TASK, queue_name
from automation.queue.door import Door
from tests.faults.relay import Relay
from tests.integration.running.conftest import Stack
from tests.integration.running.servers import Server

pytestmark = pytest.mark.slow


@pytest.fixture
def relayed(tmp_path: Path) -> Iterator[tuple[Stack, Relay]]:
    """A worker of one child whose way to a Redis of its own can be cut; others have a way of their own."""
    root = tmp_path / "project"
    root.mkdir()
    with Server(tmp_path) as server, Relay("127.0.0.1", server.port) as relay:
        stack = Stack(root, AUTOMATION_BROKER_URL=server.url, AUTOMATION_SECRET_KEY="a key for this test only")
        stack.declare('[jobs.act]\nplugin = "act"\noverlap = "allow"\n')
        stack.services.upgraded_ledger().close()
        stack.worker(AUTOMATION_BROKER_URL=f"redis://127.0.0.1:{relay.port}/0")
        yield stack, relay
        stack.stop()


def test_a_worker_that_is_cut_off_with_a_message_in_hand_goes_on(relayed: tuple[Stack, Relay]) -> None:
    """It keeps what it has taken, and asks for the next one over a connection of its own."""
    stack, relay = relayed
    assert stack.ended(stack.run("act")["id"]).state == "succeeded"
    relay.cut_at = b"BRPOP"
    cut_off = stack.run("act")["id"]
    stack.eventually(lambda: relay.cuts)
    relay.cut_at = None

    assert stack.ended(stack.run("act")["id"]).state == "succeeded"
    assert stack.ended(cut_off).state == "succeeded"


def test_a_worker_that_is_cut_off_after_a_foreign_message_goes_on(relayed: tuple[Stack, Relay]) -> None:
    """The same for what is thrown away: anybody may have put it into the queue."""
    stack, relay = relayed
    door = Door.of(stack.services.settings)
    for foreign in (
        {"body": "[[], {}, {}]", "headers": {"id": "1", "task": "nobody.knows"}},
        {"body": "[[], {}, {}]", "headers": {}},
        {"body": b"\x80\x04N.", "content_type": "application/x-python-serialize", "content_encoding": "binary"},
    ):
        before, relay.cut_at = relay.cuts, b"BRPOP"
        with door.app.producer_pool.acquire() as producer:
            producer.publish(
                routing_key=queue_name("automation", "default"),
                **{"headers": {"id": "1", "task": RUN_TASK}, "content_type": "application/json", **foreign},
            )
        stack.eventually(lambda before=before: relay.cuts > before)
        relay.cut_at = None

        assert stack.ended(stack.run("act")["id"]).state == "succeeded"
