"""Turns at hosts for one run: how it waits for them, and how the gap grows with what the server answers.

Owns: the pace that follows from latency and errors, the places kept for a moment, waiting.
Never: fetches; decides who is first (`automation/limits/hosts.py` does, for all runs of the project).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

from automation.clock import Clock
from automation.errors import FailureClass, JobFailed
from automation.limits.hosts import Hosts, LocalHosts, Turn, Wish
from automation.text import format_duration

Pause = Callable[[float], Awaitable[None]]
_Answer = TypeVar("_Answer")
#: Who has to wait longer gives its worker back and comes again.
LONGEST_WAIT = timedelta(seconds=60)
_LONGEST_GAP = 60.0
_FIRST_GAP = 0.5
#: Requests under way at once over all hosts; memory and sockets are bounded by it. Who waits for a turn is not counted.
MOST_AT_ONCE = 100
#: So long a place at a host without a gap serves one request after the other, before others may have it.
_KEPT = 1.0


def next_gap(gap: float, latency: float, *, good: bool, concurrency: int, paced: bool) -> float:
    """The seconds that the throttle adds between two requests, after an answer.

    The target is the latency divided by the requests at once, approached by half (Scrapy's rule): a server that takes
    long gets more time. An error may not shorten the gap, and doubles it, from half a second on.

    Parameters
    ----------
    good: whether the server answered as one that is well: no 429, no 5xx, no broken connection.
    paced: whether latency counts; without, only errors do.
    """
    target = latency / concurrency if paced else 0.0
    if not good:
        return min(max(gap * 2, target, _FIRST_GAP), _LONGEST_GAP)
    after = (gap + target) / 2
    return min(max(after, target), _LONGEST_GAP) if after > 0.01 else 0.0


@dataclass
class _Host:
    """What this run knows of a host."""

    room: asyncio.Semaphore
    asked: float = 0.0
    pace: float = 0.0
    ended: float = float("-inf")
    spare: list[tuple[Wish, float]] = field(default_factory=list)


class Seat:
    """Someone who asks one host after the other, along redirects, and holds a turn at one of them at a time."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._held: Wish | None = None
        self._since = 0.0

    async def turn(self, host: str) -> None:
        """Wait for the next turn at this host; each request takes one, redirects too. Raises JobFailed (THROTTLED)."""
        await self.end()
        self._held, self._since = await self._turns.take(host)

    async def end(self) -> None:
        """The request is over."""
        held, self._held = self._held, None
        if held is not None:
            await self._turns.give_back(held, self._since)


class Turns:
    """The turns of one run.

    Parameters
    ----------
    delay: seconds between the end of a request and the start of the next, at one host.
    concurrency: requests at once at one host, of all runs.
    hosts: what all runs share; a test, or a look at a page, shares nothing.
    holder: the run and its attempt.
    budget: requests a day to one host, of all runs.
    throttle: whether latency and errors widen the gap.
    lease: seconds after which the place of a run that died is free.
    pause: waits; a test gives its own.
    """

    def __init__(
        self,
        delay: float,
        concurrency: int,
        clock: Clock,
        pause: Pause = asyncio.sleep,
        *,
        hosts: Hosts | None = None,
        holder: tuple[str, int] = ("run", 1),
        budget: int | None = None,
        throttle: bool = False,
        lease: float = 70.0,
    ) -> None:
        self._delay, self._concurrency, self._clock, self._pause = delay, concurrency, clock, pause
        self._shared, self._remote = hosts or LocalHosts(lambda: clock.now().timestamp()), hosts is not None
        self._holder, self._budget, self._throttle, self._lease = holder, budget, throttle, lease
        self._known: dict[str, _Host] = {}
        self._number = 0
        self._under_way = asyncio.Semaphore(MOST_AT_ONCE)

    @asynccontextmanager
    async def at(self, host: str) -> AsyncIterator[Seat]:
        """Be one of those of this run who may ask this host at the same time."""
        async with self._host(host).room, self.seat() as seat:
            yield seat

    @asynccontextmanager
    async def seat(self) -> AsyncIterator[Seat]:
        """A seat beside those, for who holds one already."""
        seat = Seat(self)
        try:
            yield seat
        finally:
            await seat.end()

    def widen(self, host: str, gap: float) -> None:
        """Leave at least this many seconds between two requests to this host."""
        known = self._host(host)
        known.asked = max(known.asked, gap)

    async def hold(self, host: str, seconds: float) -> None:
        """Send nothing to this host for so long, from whatever run."""
        await self._call(self._shared.hold, host, seconds)
        await self._empty(self._host(host))

    def note(self, host: str, latency: float, *, good: bool) -> None:
        """Tell the throttle how an answer was."""
        known = self._host(host)
        if self._throttle:
            known.pace = next_gap(known.pace, latency, good=good, concurrency=self._concurrency, paced=self._delay > 0)

    async def close(self) -> None:
        """Give back what is kept."""
        for known in self._known.values():
            await self._empty(known)

    async def take(self, host: str) -> tuple[Wish, float]:
        """A turn, and when it began; for a seat."""
        known = self._host(host)
        gap = self._gap(known)
        if not gap and known.spare:
            wish, since = known.spare.pop()
            if self._clock.monotonic() - since < _KEPT:
                await self._under_way.acquire()
                return wish, since
            await self._call(self._shared.leave, wish)
        if (early := known.ended + gap - self._clock.monotonic()) > 0:
            # The store would say no; with hundreds of hosts, asking it costs more than the pages.
            await self._pause(min(early, LONGEST_WAIT.total_seconds()))
        self._number += 1
        run, attempt = self._holder
        wish = Wish(host, run, f"{attempt}/{self._number}", gap, self._concurrency, self._lease, self._budget)
        while not (turn := await self._ask(wish)).granted:
            await self._pause(_wait(host, turn))
        return wish, self._clock.monotonic()

    async def give_back(self, wish: Wish, since: float) -> None:
        """The end of a turn; where nothing has to lie between two, the place is kept for the next."""
        known = self._host(wish.host)
        self._under_way.release()
        known.ended = self._clock.monotonic()
        fresh = self._clock.monotonic() - since < _KEPT
        if fresh and not wish.gap and not self._gap(known) and self._budget is None:
            known.spare.append((wish, since))
        else:
            await self._call(self._shared.leave, wish)

    async def _ask(self, wish: Wish) -> Turn:
        """The store's answer; where it is yes, one more request is under way. There is room for it before it is granted."""
        await self._under_way.acquire()
        granted = False
        try:
            turn = await self._call(self._shared.take, wish)
            granted = turn.granted
        finally:
            if not granted:
                self._under_way.release()
        return turn

    def _gap(self, known: _Host) -> float:
        return max(self._delay, known.asked, known.pace)

    async def _empty(self, known: _Host) -> None:
        while known.spare:
            await self._call(self._shared.leave, known.spare.pop()[0])

    async def _call(self, function: Callable[..., _Answer], *arguments: object) -> _Answer:
        return await asyncio.to_thread(function, *arguments) if self._remote else function(*arguments)

    def _host(self, host: str) -> _Host:
        if host not in self._known:
            self._known[host] = _Host(asyncio.Semaphore(self._concurrency))
        return self._known[host]


def _wait(host: str, turn: Turn) -> float:
    """How long to pause before asking again. Raises JobFailed (THROTTLED) where that is too long to keep a worker."""
    if turn.why == "budget":
        message = f"{host}: the day's budget of requests is spent; the next begins in {format_duration(turn.wait)}"
        raise JobFailed(message, FailureClass.THROTTLED, code="budget", retry_after=timedelta(seconds=turn.wait))
    if turn.why == "hold" and turn.wait > LONGEST_WAIT.total_seconds():
        message = f"{host} asked to be left alone for {format_duration(turn.wait)}"
        raise JobFailed(message, FailureClass.THROTTLED, code="held", retry_after=timedelta(seconds=turn.wait))
    # Nobody sleeps longer than a minute without a look: a hold may have been taken back.
    return min(turn.wait, LONGEST_WAIT.total_seconds())
