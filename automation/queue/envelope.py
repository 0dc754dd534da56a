"""The envelope of a message: what Celery's protocol puts around a run's id and signature.

Owns: making the parts that all messages of a batch share once, and the others for each.
Never: invents a field: the shared ones are what Celery itself wrote.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from celery import Celery
from kombu import Queue

from automation.queue.app import ANSWER_SECONDS


class Envelope:
    """Messages of one task that expire together; a worker cannot tell them from those of `send_task`.

    Parameters
    ----------
    expires: seconds from now.
    """

    def __init__(self, app: Celery, task: str, expires: float) -> None:
        amqp: Any = app.amqp
        oid: str = app.thread_oid
        message = amqp.as_task_v2("", task, (), {}, expires=expires, reply_to=oid, ignore_result=True)
        self._queues: Any = amqp.queues
        self._headers: dict[str, Any] = message.headers
        self._properties = {
            **message.properties,
            "content_type": "application/json",
            "content_encoding": "utf-8",
            "delivery_mode": app.conf.task_default_delivery_mode,
            "expiration": expires,
        }
        _args, kwargs, embedded = message.body
        self._tail = f", {json.dumps(kwargs)}, {json.dumps(embedded)}]"

    def queue(self, name: str) -> Queue:
        """The queue of this name, to be declared before the first message for it."""
        queue: Queue = self._queues[name]
        return queue

    def publish(self, producer: Any, queue: str, priority: int, message_id: str, args: Sequence[str]) -> None:
        """Publish a message to a queue that is declared."""
        listed = list(args)
        headers = {**self._headers, "id": message_id, "root_id": message_id, "argsrepr": repr(listed)}
        producer.publish(
            f"[{json.dumps(listed)}{self._tail}",
            exchange="",
            routing_key=queue,
            priority=priority,
            headers=headers,
            confirm_timeout=ANSWER_SECONDS,
            **{**self._properties, "correlation_id": message_id},
        )
