"""The Celery app of a process.

Owns: Celery's and RedBeat's settings, all of them explicit.
Never: defines a task; the worker does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from celery import Celery

from automation.broker.endpoints import Endpoints
from automation.settings import Settings

RUN_TASK = "automation.run"
DELIVER_TASK = "automation.deliver"
STAND_IN_TASK = "automation.stand-in"
LOCK_SECONDS = 5.0
LOOP_SECONDS = 1.0
#: How long a broker that has taken a connection may take to answer; one that is frozen takes connections.
ANSWER_SECONDS = 5.0


class App(Celery):
    """Celery's app, with room for what a worker's parts need of each other.

    Parameters
    ----------
    make_keeper: makes the keeper once Celery's worker is there; set in a worker only.
    keeper: looks after the worker's runs.
    farewell: hears that the worker is to leave, also before there is a keeper.
    """

    make_keeper: Callable[[Any], Any]
    keeper: Any = None
    farewell: Any = None


def make_app(settings: Settings, endpoints: Endpoints) -> App:
    """An app for this broker; a queue is declared by whoever uses it first, the same by all.

    Whoever can write to the broker chooses nothing: JSON only, no result backend, remote control off unless asked for.
    """
    app = App("automation", set_as_current=False)
    prefix = settings.key_prefix
    app.conf.update(
        broker_url=endpoints.celery_url,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_channel_error_retry=True,  # a Redis that is read-only for a moment ends no worker
        broker_transport_options=transport_options(endpoints.celery_url),
        timezone="UTC",
        enable_utc=True,
        task_serializer="json",
        result_serializer="json",
        event_serializer="json",
        accept_content=["json"],
        result_accept_content=["json"],
        task_ignore_result=True,
        task_store_errors_even_if_ignored=False,
        task_publish_retry=False,
        task_acks_late=False,
        task_default_queue=queue_name(prefix, "default"),
        task_queue_max_priority=9 if endpoints.celery_url.startswith("amqp") else None,
        worker_prefetch_multiplier=1,
        worker_enable_remote_control=settings.remote_control,
        worker_send_task_events=settings.task_events,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_proc_alive_timeout=30.0,
        beat_max_loop_interval=LOOP_SECONDS,
        redbeat_redis_url=endpoints.redis_url,
        redbeat_redis_options={"socket_timeout": 5.0, "socket_connect_timeout": 2.0, "health_check_interval": 25},
        redbeat_key_prefix=f"{prefix}:redbeat:",
        redbeat_lock_timeout=LOCK_SECONDS,
    )
    return app


def queue_name(prefix: str, queue: str) -> str:
    """The broker's name of a queue."""
    return f"{prefix}.{queue}"


def broker_priority(celery_url: str, priority: int) -> int:
    """Our priority (9 first) as the broker counts: Redis takes 0 first, RabbitMQ 9."""
    return priority if celery_url.startswith("amqp") else 9 - priority


def transport_options(celery_url: str) -> dict[str, Any]:
    """What kombu's transport is told."""
    # Asked once: whoever publishes has leases to renew, and tries again by itself; kombu would wait six seconds.
    once = {"max_retries": 0}
    if celery_url.startswith("amqp"):
        return {**once, "confirm_publish": True, "connect_timeout": 2.0}
    return {
        **once,
        "socket_timeout": ANSWER_SECONDS,
        "socket_connect_timeout": 2.0,
        "socket_keepalive": not celery_url.startswith("redis+socket"),
        "health_check_interval": 25,
        "priority_steps": list(range(10)),
        "queue_order_strategy": "priority",
        # A copy of each message that is out would cost as much as the message, and come back an hour after its worker
        # has died; the ledger rings again long before.
        "ack_emulation": False,
    }
