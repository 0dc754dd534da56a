"""Turns at a host: how many at once, how long between two.

Owns: the gap between two requests to a host, the hold that a server asks for.
Never: fetches; knows robots.txt beyond the delay it is told.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from automation.clock import Clock

Pause = Callable[[float], Awaitable[None]]


@dataclass
class _Host:
    room: asyncio.Semaphore
    gap: float
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    last: float | None = None
    held_until: float = 0.0


class Turns:
    """Hands out turns, host by host.

    Parameters
    ----------
    delay: seconds between the end of a request and the start of the next, or between two starts when several go at once.
    pause: waits; a test gives its own.
    """

    def __init__(self, delay: float, concurrency: int, clock: Clock, pause: Pause = asyncio.sleep) -> None:
        self._delay, self._concurrency, self._clock, self.pause = delay, concurrency, clock, pause
        self._hosts: dict[str, _Host] = {}

    @asynccontextmanager
    async def at(self, host: str) -> AsyncIterator[None]:
        """Be one of those who may ask this host at the same time."""
        place = self._host(host)
        async with place.room:
            yield
            place.last = self._clock.monotonic()

    async def wait(self, host: str) -> None:
        """Wait for the next turn at this host; each request takes one, redirects too."""
        place = self._host(host)
        async with place.turn:
            while (ahead := self._ahead(place)) > 1e-6:
                await self.pause(ahead)
            place.last = self._clock.monotonic()

    def widen(self, host: str, gap: float) -> None:
        """Leave at least this many seconds between two requests to this host."""
        place = self._host(host)
        place.gap = max(place.gap, gap)

    def hold(self, host: str, seconds: float) -> None:
        """Send nothing to this host for so long."""
        place = self._host(host)
        place.held_until = max(place.held_until, self._clock.monotonic() + seconds)

    def _ahead(self, place: _Host) -> float:
        free = place.held_until if place.last is None else max(place.held_until, place.last + place.gap)
        return free - self._clock.monotonic()

    def _host(self, host: str) -> _Host:
        if host not in self._hosts:
            self._hosts[host] = _Host(asyncio.Semaphore(self._concurrency), gap=self._delay)
        return self._hosts[host]
