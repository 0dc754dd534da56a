"""Turns at hosts for one process: in Redis while it answers, else in the ledger, which every machine sees as well.

Owns: which of the two is asked.
Never: keeps a turn itself.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from automation.clock import Clock
from automation.errors import ServiceUnavailable
from automation.limits.hosts import Hosts, Turn, Wish

_log = logging.getLogger(__name__)
_TRY_AGAIN = 30.0
_Answer = TypeVar("_Answer")


class SharedHosts:
    """Asks the first store that answers.

    Parameters
    ----------
    first: makes the store that is fast; called when it is first needed.
    second: makes the one that is always there.
    told: the level of the line that says that the first does not answer.
    """

    def __init__(
        self, first: Callable[[], Hosts], second: Callable[[], Hosts], clock: Clock, *, told: int = logging.INFO
    ) -> None:
        self._first, self._second, self._clock, self._told_as = first, second, clock, told
        self._fast: Hosts | None = None
        self._slow: Hosts | None = None
        self._down_until = float("-inf")

    def take(self, wish: Wish) -> Turn:
        """From the one that answers."""
        return self._ask(lambda hosts: hosts.take(wish))

    def leave(self, wish: Wish) -> None:
        """At the one that answers; a place in the other one is free when its lease ends."""
        self._ask(lambda hosts: hosts.leave(wish))

    def hold(self, host: str, seconds: float) -> None:
        """At the one that answers."""
        self._ask(lambda hosts: hosts.hold(host, seconds))

    def _ask(self, question: Callable[[Hosts], _Answer]) -> _Answer:
        if self._clock.monotonic() >= self._down_until:
            try:
                self._fast = self._fast or self._first()
                return question(self._fast)
            except ServiceUnavailable as error:
                self._down_until = self._clock.monotonic() + _TRY_AGAIN
                _log.log(self._told_as, "Turns at hosts go to the ledger: %s", error)
        self._slow = self._slow or self._second()
        return question(self._slow)
