"""Celery's settings: nothing is chosen by whoever can write to the broker."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from celery import Celery

from automation.broker.endpoints import Endpoints
from automation.queue.app import broker_priority, make_app, queue_name, transport_options
from automation.settings import read_settings

REDIS, RABBIT = "redis://localhost/0", "amqp://localhost//"


@pytest.fixture
def app() -> Callable[..., Celery]:
    """`app(url, NAME=value)`: the app for this broker in this environment."""

    def make(url: str = REDIS, **environ: str) -> Celery:
        settings = read_settings(Path("/srv/shop"), {f"AUTOMATION_{name}": value for name, value in environ.items()})
        return make_app(settings, Endpoints(url, "redis://localhost/1"))

    return make


@pytest.mark.parametrize("url", [REDIS, RABBIT])
def test_json_alone_is_spoken(app: Callable[..., Celery], url: str) -> None:
    """Nothing that a message could run."""
    conf = app(url).conf

    assert (conf.accept_content, conf.result_accept_content) == (["json"], ["json"])
    assert (conf.task_serializer, conf.event_serializer, conf.result_serializer) == ("json",) * 3


def test_results_are_the_ledgers(app: Callable[..., Celery]) -> None:
    """Celery keeps none, not even of errors."""
    conf = app().conf

    assert conf.result_backend is None
    assert (conf.task_ignore_result, conf.task_store_errors_even_if_ignored) == (True, False)
    assert type(app().backend).__name__ == "DisabledBackend"


def test_remote_control_is_off_unless_asked_for(app: Callable[..., Celery]) -> None:
    """And so are the events of single tasks; monitors see workers by their heartbeats."""
    assert not app().conf.worker_enable_remote_control
    assert app(REMOTE_CONTROL="1").conf.worker_enable_remote_control
    assert not app().conf.worker_send_task_events
    assert app(TASK_EVENTS="1").conf.worker_send_task_events


def test_message_is_taken_before_its_run() -> None:
    """So that no visibility time-out can matter; the ledger brings a lost one back."""
    settings = read_settings(Path("/srv/shop"), {})
    conf = make_app(settings, Endpoints(REDIS, REDIS)).conf

    assert (conf.task_acks_late, conf.worker_prefetch_multiplier, conf.task_publish_retry) == (False, 1, False)


def test_process_keeps_its_own_logging_and_app(app: Callable[..., Celery]) -> None:
    """A program that asks for runs may have a Celery app of its own."""
    from celery import current_app

    made = app()

    assert current_app._get_current_object() is not made
    assert not made.conf.worker_hijack_root_logger
    assert (made.conf.timezone, made.conf.enable_utc) == ("UTC", True)


@pytest.mark.parametrize(
    ("url", "first", "last"),
    [(REDIS, 0, 9), ("redis+socket:///run/x.sock", 0, 9), (RABBIT, 9, 0), ("amqps://h//", 9, 0)],
)
def test_nine_comes_first_on_every_broker(url: str, first: int, last: int) -> None:
    """Redis counts from the other end."""
    assert (broker_priority(url, 9), broker_priority(url, 0)) == (first, last)
    order = sorted(range(10), key=lambda priority: broker_priority(url, priority), reverse=url.startswith("amqp"))
    assert order == [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]


def test_broker_keeps_ten_priorities_apart(app: Callable[..., Celery]) -> None:
    """RabbitMQ by its queue, Redis by steps."""
    assert (app(RABBIT).conf.task_queue_max_priority, app().conf.task_queue_max_priority) == (9, None)
    assert transport_options(REDIS)["priority_steps"] == list(range(10))
    assert transport_options(RABBIT)["confirm_publish"]


@pytest.mark.parametrize("url", [REDIS, RABBIT])
def test_a_broker_that_is_away_is_asked_once(url):
    """Who publishes has leases to renew meanwhile, and tries again by itself."""
    assert transport_options(url)["max_retries"] == 0


def test_prefix_stands_before_every_name(app: Callable[..., Celery]) -> None:
    """Two projects can share a broker."""
    conf = app(KEY_PREFIX="shop").conf

    assert (queue_name("shop", "slow"), conf.task_default_queue) == ("shop.slow", "shop.default")
    assert conf.redbeat_key_prefix == "shop:redbeat:"
