"""The one door to the queue: publishing runs' messages, and how deep a queue is.

Owns: publish, depth, what a broker's silence means.
Never: decides what is due.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property
from typing import Any, TypeVar

from celery import Celery
from kombu.exceptions import KombuError
from kombu.exceptions import OperationalError as BrokerError

from automation.broker.endpoints import Endpoints, endpoints
from automation.broker.key import secret_key
from automation.errors import BrokerUnavailable
from automation.ledger.leases import interval
from automation.ledger.ledger import Ledger
from automation.ledger.rows import Waiting
from automation.queue.app import (
    ANSWER_SECONDS,
    DELIVER_TASK,
    RUN_TASK,
    STAND_IN_TASK,
    broker_priority,
    make_app,
    queue_name,
)
from automation.queue.envelope import Envelope
from automation.queue.keepsake import Keepsake
from automation.queue.message import message_id, signature
from automation.secrets import mask_urls
from automation.settings import Settings
from automation.text import count

_log = logging.getLogger(__name__)
#: How long a message may live; a run that is still waiting then is rung again.
REPEAT = timedelta(seconds=30)
#: What AMQP says of a queue that is not there, and kombu in its place.
_NO_SUCH_QUEUE = "404"
_FIRST = 9
Answer = TypeVar("Answer")


class Door:
    """Publishes for one process.

    Parameters
    ----------
    app: the Celery app; its connection pool is used.

    `is_asking` is true while the broker is waited for.
    """

    def __init__(self, app: Celery, where: Endpoints, settings: Settings, key: str) -> None:
        self.app = app
        self.is_asking = False
        self._endpoints, self._prefix, self._key = where, settings.key_prefix, key
        self._keepsake = Keepsake(settings.key_prefix)

    @classmethod
    def of(cls, settings: Settings) -> Door:
        """A door for a process that only publishes."""
        where = endpoints(settings)
        return cls(make_app(settings, where), where, settings, secret_key(settings))

    def publish(self, waiting: Sequence[Waiting]) -> None:
        """Ring for these runs. Raises BrokerUnavailable; the runs stay in the ledger, to be rung later."""
        pool: Any = self.app.producer_pool
        # A batch is a few round trips to Redis in place of one a message; RabbitMQ confirms each as before.
        with self._asking(), pool.acquire(block=True, timeout=5) as producer, producer.batch():
            self._publish(producer, waiting)

    def _publish(self, producer: Any, waiting: Sequence[Waiting]) -> None:
        envelopes: dict[int, Envelope] = {}
        declared: set[str] = set()
        for run in waiting:
            if run.rings not in envelopes:
                lives = interval(REPEAT, run.rings + 1).total_seconds()
                envelopes[run.rings] = Envelope(self.app, RUN_TASK, lives)
            envelope, queue = envelopes[run.rings], queue_name(self._prefix, run.queue)
            if queue not in declared:
                producer.maybe_declare(envelope.queue(queue))
                declared.add(queue)
            priority = broker_priority(self._endpoints.celery_url, run.priority)
            envelope.publish(producer, queue, priority, message_id(run.id), [run.id, signature(self._key, run.id)])

    def ring(self, ledger: Ledger, waiting: Sequence[Waiting]) -> int:
        """Publish and note it; a broker that does not answer is a warning. Returns how many went out."""
        if not waiting:
            return 0
        try:
            self.publish(waiting)
        except BrokerUnavailable as error:
            _log.warning("%s", error)
            return 0
        ledger.runs.mark_published(waiting)
        return len(waiting)

    def ring_silent(self, ledger: Ledger) -> None:
        """Ring again for messages that must be gone: all, where the broker has lost what it had; else those that went out
        long ago, unless the queue still holds as many as are out."""
        if self._has_forgotten(ledger):
            self.ring(ledger, ledger.leases.unpublished())
        silent = ledger.leases.silent(REPEAT)
        for queue in {run.queue for run in silent}:
            try:
                gone = ledger.leases.published(queue) - self.depth(queue)
                self.ring(ledger, [run for run in silent if run.queue == queue][: max(gone, 0)])
            except BrokerUnavailable as error:
                _log.warning("%s", error)

    def _has_forgotten(self, ledger: Ledger) -> bool:
        """Whether the broker came to be empty since somebody looked; then every message is to go out again.

        The ledger is told before the mark is left: who dies in between leaves it to the next to look.
        """
        try:
            if not self._ask(self._keepsake.is_gone):
                return False
            gone = ledger.runs.unpublish_all()
            self._ask(self._keepsake.leave)
        except BrokerUnavailable as error:
            _log.warning("%s", error)
            return False
        if gone:
            _log.info("The broker came up empty; %s rung for", count(gone, "run"))
        return bool(gone)

    def _ask(self, question: Callable[[Any], Answer]) -> Answer:
        """Of a producer. Raises BrokerUnavailable."""
        pool: Any = self.app.producer_pool
        with self._asking(), pool.acquire(block=True, timeout=5) as producer:
            return question(producer)

    def deliver(self, queue: str) -> None:
        """Ask a worker of this queue to send the outbox's due mails. Raises BrokerUnavailable."""
        self._ask_for(DELIVER_TASK, queue, 10)

    def stand_in(self, queue: str) -> None:
        """Ask a worker of this queue to fire what is due, before any run that waits there. Raises BrokerUnavailable."""
        self._ask_for(STAND_IN_TASK, queue, 5, broker_priority(self._endpoints.celery_url, _FIRST))

    def _ask_for(self, task: str, queue: str, lives: float, priority: int | None = None) -> None:
        options: dict[str, Any] = {"expires": lives, "ignore_result": True, "retry": False, "priority": priority}
        with self._asking():
            name = queue_name(self._prefix, queue)
            self.app.send_task(task, args=[], queue=name, confirm_timeout=ANSWER_SECONDS, **options)

    def depth(self, queue: str) -> int:
        """Messages waiting in a queue. Raises BrokerUnavailable."""
        name = queue_name(self._prefix, queue)
        with self._asking(), self.app.connection_for_read() as connection:
            try:
                channel: Any = connection.default_channel
                return int(channel.queue_declare(name, passive=True).message_count)
            except connection.channel_errors as error:
                if str(getattr(error, "reply_code", "")) == _NO_SUCH_QUEUE:
                    return 0
                raise

    def close(self) -> None:
        """Give back every connection."""
        self.app.close()

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """Around all that waits for the broker. Raises BrokerUnavailable."""
        self.is_asking = True
        try:
            yield
        except self._away as error:
            raise self._unavailable(error) from error
        finally:
            self.is_asking = False

    @cached_property
    def _away(self) -> tuple[type[BaseException], ...]:
        """What is raised when the broker does not answer, or takes nothing: out of memory, read-only, loading.

        kombu leaves some of its transport's errors as they are.
        """
        connection = self.app.connection_for_write()
        return (BrokerError, KombuError, OSError, *connection.connection_errors, *connection.channel_errors)

    def _unavailable(self, error: BaseException) -> BrokerUnavailable:
        if self._endpoints.is_down:
            return BrokerUnavailable("The embedded broker is not running; start it with: automation up")
        cause = str(error).strip() or type(error).__name__
        return BrokerUnavailable(
            f"The broker {mask_urls(self._endpoints.celery_url)} cannot be reached: {mask_urls(cause)}; "
            "is `automation up` running, or is AUTOMATION_BROKER_URL right?"
        )
