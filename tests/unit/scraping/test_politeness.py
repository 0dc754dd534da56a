"""Turns at a host, on a clock that moves when somebody waits."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.clock import FrozenClock
from automation.errors import FailureClass, JobFailed
from automation.limits.hosts import LocalHosts
from automation.scraping.politeness import Turns, next_gap


@pytest.fixture
def clock():
    """A clock that stands."""
    return FrozenClock(datetime(2026, 1, 1, tzinfo=UTC))


def turns_of(clock, delay=1.0, concurrency=1, **more):
    async def pause(seconds):
        clock.sleep(seconds)

    return Turns(delay, concurrency, clock, pause, **more)


def starts(clock, turns, hosts, took=0.0):
    async def go():
        seen = []
        for host in hosts:
            async with turns.at(host) as seat:
                await seat.turn(host)
                seen.append(clock.monotonic())
                clock.advance(seconds=took)
        return seen

    return asyncio.run(go())


def test_requests_to_a_host_keep_their_distance(clock):
    """A second lies between the end of one and the start of the next; other hosts do not wait."""
    assert starts(clock, turns_of(clock), ["a", "a", "b", "a"], took=0.5) == pytest.approx(
        [0.0, 1.5, 2.0, 3.0], abs=1e-4
    )


def test_a_longer_delay_of_robots_txt_holds(clock):
    """A site may ask for more than the job says, never for less."""
    turns = turns_of(clock)
    turns.widen("a", 5.0)
    turns.widen("a", 0.1)

    assert starts(clock, turns, "aaa") == pytest.approx([0.0, 5.0, 10.0], abs=1e-4)


def test_a_hold_stops_the_host_for_so_long(clock):
    """Retry-After is for the host, not for one page."""
    turns = turns_of(clock, delay=0.0)
    asyncio.run(turns.hold("a", 30))

    assert starts(clock, turns, ["b", "a"]) == pytest.approx([0.0, 30.0], abs=1e-4)


def test_a_long_hold_gives_the_worker_back(clock):
    """Who has to wait for an hour comes again in an hour, and sleeps nowhere."""
    turns = turns_of(clock, delay=0.0)
    asyncio.run(turns.hold("a", 3600))

    with pytest.raises(JobFailed, match="asked to be left alone for 1h") as caught:
        starts(clock, turns, "a")
    assert caught.value.failure_class is FailureClass.THROTTLED
    assert caught.value.retry_after.total_seconds() == pytest.approx(3600)


def test_a_days_budget_is_kept_by_all_runs_together(clock):
    """Two runs share what a host is asked in a day; the next day begins anew, at midnight of UTC."""
    hosts = LocalHosts(lambda: clock.now().timestamp())
    first, second = (turns_of(clock, 0.0, hosts=hosts, holder=(name, 1), budget=3) for name in ("r1", "r2"))
    starts(clock, first, "aa")
    starts(clock, second, "ab")

    with pytest.raises(JobFailed, match="a: the day's budget of requests is spent") as caught:
        starts(clock, second, "a")
    clock.advance(seconds=caught.value.retry_after.total_seconds())
    assert clock.now() == datetime(2026, 1, 2, tzinfo=UTC)
    assert starts(clock, second, "aaa") is not None


def test_a_run_without_a_gap_keeps_its_place_for_a_moment_only(clock):
    """One request after the other uses the same place; after a second others may have it."""
    hosts = LocalHosts(lambda: clock.now().timestamp())
    first, second = (turns_of(clock, 0.0, hosts=hosts, holder=(name, 1)) for name in ("r1", "r2"))

    assert starts(clock, first, "aaa", took=0.2) == pytest.approx([0.0, 0.2, 0.4])
    assert starts(clock, second, "a", took=0.2)[0] > 60, "the place that is kept is free when its lease ends"
    asyncio.run(second.close())
    assert starts(clock, first, "a", took=2.0)
    began = clock.monotonic()
    assert starts(clock, second, "a") == pytest.approx([began], abs=0.001)


@given(st.floats(0, 60), st.floats(0, 100), st.booleans(), st.integers(1, 16), st.booleans())
def test_an_error_never_shortens_the_gap(gap, latency, good, concurrency, paced):
    """The throttle stays within its bounds; a server that fails is asked less often than before."""
    after = next_gap(gap, latency, good=good, concurrency=concurrency, paced=paced)

    assert 0 <= after <= 60
    if not good:
        assert after >= max(gap, 0.5)


def test_the_gap_follows_the_latency():
    """A server that takes two seconds is asked every two seconds, and sooner again when it has recovered."""
    gap = 0.0
    for _ in range(8):
        gap = next_gap(gap, 2.0, good=True, concurrency=1, paced=True)
    slow = gap
    for _ in range(8):
        gap = next_gap(gap, 0.1, good=True, concurrency=1, paced=True)

    assert slow == pytest.approx(2.0)
    assert gap == pytest.approx(0.1, abs=0.02)
    assert next_gap(0.0, 2.0, good=True, concurrency=1, paced=False) == 0.0


def test_who_waits_for_a_turn_takes_no_place_from_those_who_ask(clock):
    """Three hundred hosts are waited for at the same moment; of requests no more than a hundred are under way."""

    async def go():
        waiting, most = 0, 0
        all_wait, done = asyncio.Event(), asyncio.Event()

        async def pause(seconds):
            nonlocal waiting
            waiting += 1
            if waiting == 300:
                all_wait.set()
            await all_wait.wait()
            clock.advance(seconds=seconds)

        turns, asking = Turns(1.0, 1, clock, pause), 0

        async def ask(host):
            nonlocal most, asking
            async with turns.at(host) as seat:
                await seat.turn(host)
                await seat.turn(host)
                asking += 1
                most = max(most, asking)
                if asking == 100:
                    done.set()
                await done.wait()
                await seat.end()
                asking -= 1

        await asyncio.wait_for(asyncio.gather(*(ask(f"h{number}") for number in range(300))), 60)
        return most

    assert asyncio.run(go()) == 100
