"""Leadership: RedBeat's lock, taken and kept so that losing it means waiting and never an exit.

Owns: the lock.
Never: is trusted for correctness: the ledger's unique keys are; two leaders do no harm.
"""

from __future__ import annotations

import logging
from typing import Any

from redbeat.schedulers import LUA_EXTEND_TO_SCRIPT
from redis.exceptions import LockError, ResponseError

_log = logging.getLogger(__name__)
#: How Redis spells a key that does not expire.
_NEVER_ENDS = -1


class Leadership:
    """Asks for the lock, extends it, gives it back.

    Parameters
    ----------
    redis: a redis-py client.
    seconds: how long the lock outlives a leader that says nothing.
    """

    def __init__(self, redis: Any, key: str, seconds: float) -> None:
        self._redis, self._key, self._seconds = redis, key, seconds
        self.lock: Any = None

    def lead(self) -> bool:
        """Whether this process leads, after asking or extending."""
        if self.lock is not None:
            try:
                self.lock.extend(self._seconds)
            except (LockError, ResponseError) as error:
                # Any other answer, such as that of a Redis that takes no writes just now, leaves the lock where it is.
                if isinstance(error, ResponseError) and not str(error).startswith("WRONGTYPE"):
                    raise
                _log.warning("Leadership was lost; asking for it again")
                self.lock = None
        if self.lock is None:
            self.lock = self._ask()
        return self.lock is not None

    def resign(self) -> None:
        """Let another scheduler lead at once."""
        lock, self.lock = self.lock, None
        if lock is not None:
            try:
                lock.release()
            except LockError:
                _log.debug("The lock had run out before it was given back")

    def _ask(self) -> Any:
        lock = self._redis.lock(self._key, timeout=self._seconds, thread_local=False)
        # RedBeat's script sets the time that is left; redis-py's own would add to it.
        lock.lua_extend = self._redis.register_script(LUA_EXTEND_TO_SCRIPT)
        if not lock.acquire(blocking=False):
            self._remove_what_is_no_lock()
            return None
        _log.info("This scheduler leads")
        return lock

    def _remove_what_is_no_lock(self) -> None:
        """A lock of ours runs out by itself; what stands in its place for ever would keep everybody from leading."""
        if self._redis.pttl(self._key) == _NEVER_ENDS:
            _log.warning("What stands in the place of the lock (%s) is none, and was removed", self._key)
            self._redis.delete(self._key)
