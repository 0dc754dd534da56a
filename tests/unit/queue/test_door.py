"""The one door to the queue: what goes out for a run."""

from __future__ import annotations

from pathlib import Path

import pytest
from celery.worker.request import Request
from kombu.message import Message

from automation.broker.endpoints import Endpoints
from automation.errors import BrokerUnavailable
from automation.ledger.rows import Waiting
from automation.queue.app import make_app
from automation.queue.door import Door
from automation.settings import read_settings
from automation.worker.task import register


def test_worker_takes_the_next_message_of_a_run_whose_first_expired() -> None:
    """Celery's worker throws an expired message away, and for hours whatever has the same id."""
    settings = read_settings(Path("/srv/shop"), {})
    where = Endpoints("memory://", "redis://localhost/1")
    app = make_app(settings, where)
    task, *_ = register(app)
    door = Door(app, where, settings, "k" * 16)
    door.publish([Waiting("r1", "default", 5)])
    door.publish([Waiting("r1", "default", 5, rings=1)])

    with app.connection_for_read() as connection, connection.SimpleQueue("automation.default") as queue:
        messages: list[Message] = [queue.get(block=False) for _ in range(2)]
    messages[0].headers["expires"] = "2000-01-01T00:00:00+00:00"
    discarded = [Request(message, app=app, task=task).revoked() for message in messages]

    assert discarded == [True, False]


def test_message_is_the_one_that_celery_would_send() -> None:
    """Apart from what differs from one message to the next anyway, nothing tells them apart."""
    settings = read_settings(Path("/srv/shop"), {})
    where = Endpoints("memory://", "redis://localhost/1")
    app = make_app(settings, where)
    door = Door(app, where, settings, "k" * 16)
    door.publish([Waiting("r1", "slow", 5)])
    name = "automation.slow"
    app.send_task("automation.run", args=["r1", "s"], queue=name, priority=4, expires=30.0, ignore_result=True)

    with app.connection_for_read() as connection, connection.SimpleQueue(name) as queue:
        ours, theirs = (_plain(queue.get(block=False)) for _ in range(2))

    assert ours == theirs


def test_an_embedded_broker_that_is_not_started_is_named_as_such(tmp_path: Path) -> None:
    """A newcomer learns what to start, and nothing of sockets."""
    door = Door.of(read_settings(tmp_path, {}))

    with pytest.raises(BrokerUnavailable) as caught:
        door.depth("default")
    assert str(caught.value) == "The embedded broker is not running; start it with: automation up"


def _plain(message: Message) -> dict[str, object]:
    """The message without its ids, its signature and the instant at which it expires."""
    (_, signed), kwargs, embedded = message.payload
    headers, properties = dict(message.headers), dict(message.properties)
    own = headers.pop("id")
    assert headers.pop("root_id") == own == properties.pop("correlation_id")
    assert headers.pop("argsrepr") == repr(["r1", signed])
    assert headers.pop("expires") > "2000"
    assert properties.pop("delivery_tag")
    delivery = message.delivery_info
    return {
        "body": [kwargs, embedded],
        "headers": headers,
        "properties": properties,
        "kind": (message.content_type, message.content_encoding, delivery["exchange"], delivery["routing_key"]),
    }
