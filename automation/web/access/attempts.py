"""How often somebody tries: at most so many within a minute.

Owns: counting by key, in this process.
Never: remembers more keys than fit, or sleeps.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict, deque

from automation.clock import Clock

_KEYS = 10_000


class Attempts:
    """At most `most` for each key within `span` seconds."""

    def __init__(self, clock: Clock, most: int, span: float = 60.0) -> None:
        self._clock, self._most, self._span = clock, most, span
        self._seen: OrderedDict[str, deque[float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, key: str) -> int:
        """Count one; returns after how many whole seconds to come again, 0 when this one is let through.

        It counts before the answer is known, so that many at once are no way around.
        """
        now = self._clock.monotonic()
        with self._lock:
            seen = self._seen.setdefault(key, deque())
            self._seen.move_to_end(key)
            while len(self._seen) > _KEYS:
                self._seen.popitem(last=False)
            while seen and now - seen[0] >= self._span:
                seen.popleft()
            if len(seen) >= self._most:
                return max(1, math.ceil(self._span - (now - seen[0])))
            seen.append(now)
            return 0

    def forgive(self, key: str) -> None:
        """Forget what was counted: it ended well."""
        with self._lock:
            self._seen.pop(key, None)
