"""The pages of a crawl that are under way: fetched, or waiting for the turn of their host.

Owns: which are begun, and waiting until one of them is done.
Never: fetches; bounds the requests at one moment (the turns do).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from automation.scraping.frontier import Frontier, Visit
from automation.scraping.hostwise import Hostwise, host_of

#: Most of them wait for their turn and cost a few kilobytes.
_MOST = 2000


class UnderWay:
    """Begins visits, as many as their hosts may have, and hands each back when it is done.

    Parameters
    ----------
    visit: does one visit.
    """

    def __init__(
        self, frontier: Frontier, hosts: Hostwise, visit: Callable[[Visit], Coroutine[Any, Any, None]]
    ) -> None:
        self._frontier, self._hosts, self._visit = frontier, hosts, visit
        self._running: dict[asyncio.Task[None], str] = {}
        self._done: asyncio.Queue[asyncio.Task[None]] = asyncio.Queue()

    async def one(self) -> bool:
        """Begin what may be begun, then wait until one is done; False where there is none. Raises what it failed with."""
        while len(self._running) < _MOST and (visit := self._frontier.pop(self._hosts.free)):
            host = host_of(visit.url)
            self._hosts.begin(host)
            task = asyncio.create_task(self._visit(visit))
            self._running[task] = host
            task.add_done_callback(self._done.put_nowait)
        if not self._running:
            return False
        ended = [await self._done.get()]
        with suppress(asyncio.QueueEmpty):
            while True:
                ended.append(self._done.get_nowait())
        for task in ended:
            self._hosts.end(self._running.pop(task))
        for task in ended:
            task.result()
        return True

    async def end(self) -> None:
        """Leave what is not done."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
