"""A broker that came back empty is rung again at once, however often it had been rung for a run before."""

from __future__ import annotations

from automation.ledger.rows import Waiting
from automation.queue.door import Door
from automation.queue.enqueue import Request, record


def test_messages_lost_with_everything_in_redis_go_out_again_at_the_next_look(stack):
    """A run whose message has often gone out would wait for minutes until it is taken for lost; another one not at all."""
    stack.declare('[jobs.act]\nplugin = "act"\noverlap = "allow"\n')
    stack.broker()
    services = stack.services
    ledger, door = services.ledger, Door.of(services.settings)
    try:
        door.ring_silent(ledger)
        runs = [record(services, Request("act", {}))[0] for _ in range(3)]
        for rings in range(6):
            ledger.runs.mark_published([Waiting(run.id, run.queue, run.priority, rings=rings) for run in runs])
        door.ring_silent(ledger)
        assert door.depth("default") == 0

        with door.app.connection_for_write() as connection:
            connection.default_channel.client.flushall()
        door.ring_silent(ledger)
        assert door.depth("default") == 3
        door.ring_silent(ledger)
        assert door.depth("default") == 3
    finally:
        door.close()
        services.close()
