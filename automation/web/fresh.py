"""Answers that may be some seconds old: the first visitor waits for one, every later one gets what is there.

Owns: when an answer is asked for again, and that it is asked for once however many want it.
Never: knows what is asked.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar, cast

from automation.clock import Clock

_log = logging.getLogger(__name__)
_MOST = 2000
_T = TypeVar("_T")


class Fresh:
    """Keeps answers by key; an old one is given at once, and asked for again behind the visitor's back.

    Parameters
    ----------
    behind: runs what is asked again; a thread, unless a test wants it at once.
    """

    def __init__(self, clock: Clock, behind: Callable[[Callable[[], None]], None] | None = None) -> None:
        self._clock, self._behind = clock, behind or _in_a_thread
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, tuple[float, Any]] = OrderedDict()
        self._asked: set[Hashable] = set()
        self._turns: dict[Hashable, threading.Lock] = {}

    def get(self, key: Hashable, seconds: float, ask: Callable[[], _T], *, longest: float = 12.0) -> _T:
        """The answer; one that is older than `seconds` is asked for again, and not given when older than `longest`."""
        now = self._clock.monotonic()
        with self._lock:
            made, kept = self._kept.get(key, (float("-inf"), None))
            old = now - made
            again = seconds < old <= longest and key not in self._asked
            if again:
                self._asked.add(key)
        if old > longest:
            return self._ask_once(key, ask, now)
        if again:
            self._behind(lambda: self._renew(key, ask))
        return cast("_T", kept)

    def forget(self) -> None:
        """What was written just now is to be seen at once."""
        with self._lock:
            self._kept.clear()

    def _ask_once(self, key: Hashable, ask: Callable[[], _T], since: float) -> _T:
        """Ask, unless somebody else did since then: who comes meanwhile waits for that answer."""
        with self._lock:
            turn = self._turns.setdefault(key, threading.Lock())
        try:
            with turn:
                with self._lock:
                    made, kept = self._kept.get(key, (float("-inf"), None))
                return cast("_T", kept) if made >= since else self._ask(key, ask)
        finally:
            with self._lock:
                if not turn.locked():
                    self._turns.pop(key, None)

    def _renew(self, key: Hashable, ask: Callable[[], Any]) -> None:
        try:
            self._ask(key, ask)
        except Exception as error:
            _log.warning("What a page shows could not be asked for again: %s", error)
        finally:
            with self._lock:
                self._asked.discard(key)

    def _ask(self, key: Hashable, ask: Callable[[], _T]) -> _T:
        answer = ask()
        with self._lock:
            self._kept[key] = (self._clock.monotonic(), answer)
            self._kept.move_to_end(key)
            while len(self._kept) > _MOST:
                self._kept.popitem(last=False)
        return answer


def _in_a_thread(work: Callable[[], None]) -> None:
    threading.Thread(target=work, daemon=True, name="fresh").start()
