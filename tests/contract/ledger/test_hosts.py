"""Turns at hosts are the same wherever they are kept: in this process, in Redis, in the ledger of each database."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from automation.clock import SystemClock
from automation.errors import ServiceUnavailable
from automation.ledger.hosts import LedgerHosts
from automation.limits.hosts import LocalHosts, Wish
from automation.limits.redis_hosts import RedisHosts
from automation.limits.shared_hosts import SharedHosts


@pytest.fixture(params=["local", "redis", "sqlite", "postgresql", "mariadb"])
def hosts(request, needs, engine_of):
    """A store without hosts."""
    if request.param == "local":
        yield LocalHosts(lambda: SystemClock().now().timestamp())
    elif request.param == "redis":
        store = RedisHosts(needs("redis"), f"test-{uuid.uuid4().hex[:12]}")
        yield store
        store.close()
    else:
        yield LedgerHosts(engine_of(request.param), SystemClock())


def test_a_turn_is_taken_given_back_and_held(hosts):
    """The life of a turn, and what others hear meanwhile."""
    mine, yours = Wish("shop.example", "r1", "1/1"), Wish("shop.example", "r2", "1/1")

    assert hosts.take(mine).granted
    assert hosts.take(yours).why == "places"
    assert hosts.take(Wish("other.example", "r2", "1/2")).granted
    hosts.leave(mine)
    assert hosts.take(yours).granted
    hosts.leave(yours)
    hosts.hold("shop.example", 60)
    assert hosts.take(mine).wait == pytest.approx(60, abs=5)


def test_one_of_many_at_the_same_moment_gets_the_place(hosts):
    """Twelve who ask at once: three places, three turns."""
    wishes = [Wish("shop.example", f"r{number}", "1/1", most=3) for number in range(12)]
    with ThreadPoolExecutor(4) as pool:
        turns = list(pool.map(hosts.take, wishes))

    assert sum(turn.granted for turn in turns) == 3


def test_the_ledger_stands_in_while_redis_does_not_answer():
    """Nobody notices; the two know nothing of each other."""
    second = LocalHosts(lambda: SystemClock().now().timestamp())

    def nowhere():
        return RedisHosts("redis://127.0.0.1:9/0", "x")

    shared = SharedHosts(nowhere, lambda: second, SystemClock())

    assert shared.take(Wish("a", "r1", "1/1")).granted
    assert second.take(Wish("a", "r2", "1/1")).why == "places"
    with pytest.raises(ServiceUnavailable, match="Redis does not answer"):
        nowhere().take(Wish("a", "r1", "1/1"))
