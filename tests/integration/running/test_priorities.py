"""Priorities mean the same on every broker: 9 first, whatever was asked for first."""

from __future__ import annotations

import os

import pytest

PRIORITIES = (1, 9, 5, 0, 7, 3)
RETRY = '{ max_attempts = 2, backoff = "constant", first = "2s", jitter = "none" }'
JOBS = "".join(
    f'[jobs.p{number}]\nplugin = "act"\noverlap = "allow"\npriority = {number}\nretry = {RETRY}\n'
    for number in PRIORITIES
)


@pytest.fixture(params=["redis", "rabbitmq"])
def brokered(request, stack, needs):
    """A project on the embedded Redis, or with RabbitMQ for its messages; nobody works yet."""
    stack.declare(JOBS)
    if request.param == "redis":
        stack.broker()
        yield stack
        return
    prefix = f"p{os.getpid()}x{id(stack) % 10_000}"
    stack.environ |= {
        "AUTOMATION_BROKER_URL": needs("rabbitmq"),
        "AUTOMATION_REDIS_URL": needs("redis"),
        "AUTOMATION_SECRET_KEY": "a key for this test only",
        "AUTOMATION_KEY_PREFIX": prefix,
    }
    stack.services.upgraded_ledger().close()
    yield stack
    from automation.queue.door import Door

    with Door.of(stack.services.settings).app.connection_for_write() as connection:
        connection.default_channel.queue_delete(f"{prefix}.default")
        connection.default_channel.exchange_delete(f"{prefix}.default")


def ask(stack, numbers, **params) -> list[str]:
    """A run of each priority, all rung for at once, by messages that outlive any start of a worker."""
    from automation.ledger.rows import Waiting
    from automation.queue.door import Door
    from automation.queue.enqueue import Request, record

    services = stack.services
    door = Door.of(services.settings)
    try:
        found = [record(services, Request(f"p{number}", params))[0] for number in numbers]
        door.publish([Waiting(run.id, run.queue, run.priority, rings=8) for run in found])
        services.ledger.runs.mark_published([Waiting(run.id, run.queue, run.priority) for run in found])
        return [run.id for run in found]
    finally:
        door.close()
        services.close()


def test_what_waits_goes_by_priority(brokered):
    """Asked for in mixed order, twice each, while no worker is there; one worker of one process does them in order."""
    mixed = (*PRIORITIES, *PRIORITIES)
    ids = ask(brokered, mixed)
    brokered.worker()
    ended = [brokered.ended(run_id) for run_id in ids]
    assert {run.state for run in ended} == {"succeeded"}
    order = [run.priority for run in sorted(ended, key=lambda run: run.started_at)]
    assert order == sorted(mixed, reverse=True)


@pytest.mark.slow
def test_retries_go_by_priority(brokered):
    """All failed once, and fell due again while no worker was there: the next attempts come in the order of priorities."""
    ids = ask(brokered, PRIORITIES, what="fail once")
    first = brokered.worker()
    services = brokered.services
    brokered.eventually(lambda: services.ledger.queries.counts().get("retrying") == len(ids))
    first.terminate()
    first.wait(60)
    brokered.eventually(lambda: len(services.ledger.leases.unpublished()) == len(ids))
    brokered.worker()
    ended = [brokered.ended(run_id) for run_id in ids]
    assert {(run.state, run.attempt) for run in ended} == {("succeeded", 2)}
    again = sorted((services.ledger.queries.attempts(run.id)[1].started_at, run.priority) for run in ended)
    assert [priority for _, priority in again] == sorted(PRIORITIES, reverse=True)
    services.close()
