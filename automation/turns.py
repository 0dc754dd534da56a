"""Writers of one SQLite file take turns.

Owns: a lock file beside the database, asked for before a write transaction begins.
Never: is needed for correctness: SQLite's own lock is. But a writer that SQLite makes wait sleeps, longer each time, so
two busy writers are slower than one; here the next one goes on within a fraction of a millisecond.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from automation.clock import Clock

_PAUSE_SECONDS = 0.0001
#: After that SQLite decides: whoever has the turn may be frozen.
_LONGEST_SECONDS = 2.0


class Turn:
    """One connection's place in the queue of writers.

    Parameters
    ----------
    path: the lock file; made if it is not there.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._clock = clock
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._taken = False

    def take(self) -> None:
        """Wait for the turn, but not for ever."""
        if self._taken:
            return
        until = self._clock.monotonic() + _LONGEST_SECONDS
        while not self._try() and self._clock.monotonic() < until:
            self._clock.sleep(_PAUSE_SECONDS)

    def give(self) -> None:
        """Let the next one write."""
        if self._taken:
            fcntl.flock(self._file, fcntl.LOCK_UN)
            self._taken = False

    def close(self) -> None:
        """The connection is closed."""
        os.close(self._file)
        self._taken = False

    def _try(self) -> bool:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        self._taken = True
        return True
