"""That the server is about to stop.

Owns: the word that whoever streams waits on, so that nobody waits for a browser to go.
Never: stops anything.
"""

from __future__ import annotations

import asyncio


class Leaving:
    """Said once, before the server stops."""

    def __init__(self) -> None:
        self._said = asyncio.Event()

    def say(self) -> None:
        """From now on; in the thread of the server's loop, as a signal comes."""
        self._said.set()

    async def within(self, seconds: float) -> bool:
        """Whether it is said before so many seconds are over; comes back at once when it is."""
        try:
            async with asyncio.timeout(seconds):
                return await self._said.wait()
        except TimeoutError:
            return False
