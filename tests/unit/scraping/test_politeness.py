"""Turns at a host, on a clock that moves when somebody waits."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from automation.clock import FrozenClock
from automation.scraping.politeness import Turns


@pytest.fixture
def clock():
    """A clock that stands."""
    return FrozenClock(datetime(2026, 1, 1, tzinfo=UTC))


def turns_of(clock, delay=1.0, concurrency=1):
    async def pause(seconds):
        clock.sleep(seconds)

    return Turns(delay, concurrency, clock, pause)


def starts(clock, turns, hosts, took=0.0):
    async def go():
        seen = []
        for host in hosts:
            async with turns.at(host):
                await turns.wait(host)
                seen.append(clock.monotonic())
                clock.advance(seconds=took)
        return seen

    return asyncio.run(go())


def test_requests_to_a_host_keep_their_distance(clock):
    """A second lies between the end of one and the start of the next; other hosts do not wait."""
    assert starts(clock, turns_of(clock), ["a", "a", "b", "a"], took=0.5) == [0.0, 1.5, 2.0, 3.0]


def test_a_longer_delay_of_robots_txt_holds(clock):
    """A site may ask for more than the job says, never for less."""
    turns = turns_of(clock)
    turns.widen("a", 5.0)
    turns.widen("a", 0.1)

    assert starts(clock, turns, "aaa") == [0.0, 5.0, 10.0]


def test_a_hold_stops_the_host_for_so_long(clock):
    """Retry-After is for the host, not for one page."""
    turns = turns_of(clock, delay=0.0)
    turns.hold("a", 30)

    assert starts(clock, turns, ["b", "a"]) == [0.0, 30.0]
