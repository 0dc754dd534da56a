"""Whatever broker is set, Celery's transport, RedBeat and a plain client work on what `endpoints` gives them."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from celery import Celery
from celery.schedules import schedule
from kombu import Connection
from redbeat import RedBeatSchedulerEntry
from redbeat.schedulers import get_redis
from redis import Redis

from automation.broker import endpoints, ping, wait_ready
from automation.broker.place import sweep
from automation.clock import SystemClock
from automation.errors import BrokerUnavailable
from automation.settings import read_settings

ROOT = Path(__file__).resolve().parents[3]


@contextmanager
def embedded(project):
    """The project's embedded broker, running."""
    (project / "schedules").mkdir(parents=True)
    command = [sys.executable, "-m", "automation", "-C", str(project), "broker"]
    server = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT)})
    try:
        found = endpoints(read_settings(project, {}))
        wait_ready(found, SystemClock())
        yield found
    finally:
        server.terminate()
        server.wait(60)
        sweep(project / ".automation")


@pytest.fixture(params=["p", "o dd/é%41?#&x", "redis", "rabbitmq"])
def where(request, tmp_path, needs):
    """The endpoints of each kind of broker, running; a path stands for the embedded one of a project there."""
    if request.param not in ("redis", "rabbitmq"):
        with embedded(tmp_path / request.param) as found:
            yield found
        return
    given = {"BROKER_URL": needs(request.param), "REDIS_URL": needs("redis"), "SECRET_KEY": "0123456789abcdef"}
    yield endpoints(read_settings(tmp_path, {f"AUTOMATION_{name}": value for name, value in given.items()}))


@pytest.fixture
def name():
    """A name that no other test uses."""
    return f"contract-{secrets.token_hex(6)}"


def answers(where):
    """Whether a ping comes back."""
    try:
        ping(where)
    except BrokerUnavailable:
        return False
    return True


def test_it_answers(where):
    """And where nothing listens, nothing does."""
    assert answers(where)
    assert not answers(replace(where, redis_url="redis://127.0.0.1:1/0"))


def test_kombu_carries_a_message(where, name):
    """What is published to a queue can be taken from it."""
    with Connection(where.celery_url, connect_timeout=30) as connection:
        queue = connection.SimpleQueue(name, queue_opts={"auto_delete": True, "durable": False, "expires": 60})
        queue.put({"run": "r1"})
        message = queue.get(timeout=60)
        message.ack()
        queue.close()

    assert message.payload == {"run": "r1"}


def test_redbeat_keeps_an_entry(where, name):
    """A schedule entry is stored and read back."""
    app = Celery(name, broker=where.celery_url, set_as_current=False)
    app.conf.redbeat_redis_url = where.redis_url
    app.conf.redbeat_key_prefix = f"{name}:"
    entry = RedBeatSchedulerEntry("books", "tasks.books", schedule(10), app=app)
    entry.save()
    try:
        assert RedBeatSchedulerEntry.from_key(entry.key, app=app).task == "tasks.books"
        assert entry.due_at is not None
    finally:
        entry.delete()
        get_redis(app).close()


def test_a_plain_client_reads_what_it_wrote(where, name):
    """redis-py understands the Redis side's URL as it is."""
    with Redis.from_url(where.redis_url, decode_responses=True) as client:
        client.set(name, "1", ex=60)

        assert client.getdel(name) == "1"
