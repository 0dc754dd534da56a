"""Writers of one SQLite file take turns, and wait for the disk when it is the next one's.

Owns: a lock file beside the database, asked for before a write transaction begins; bringing the write-ahead log to disk.
Never: is needed for correctness: SQLite's own lock is. But a writer that SQLite makes wait sleeps, longer each time, so
two busy writers are slower than one; here the next one goes on within a millisecond or two.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from automation.clock import Clock

_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.0001, 0.002
#: After that SQLite decides: whoever has the turn may be frozen.
_LONGEST_SECONDS = 2.0
#: Where there is no other, with the file's times.
_SYNC = getattr(os, "fdatasync", os.fsync)


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
        until, pause = self._clock.monotonic() + _LONGEST_SECONDS, _PAUSE_SECONDS
        while not self._try() and self._clock.monotonic() < until:
            self._clock.sleep(pause)
            # Whoever has the turn may want the processor that asking takes.
            pause = min(pause * 1.5, _LONGEST_PAUSE_SECONDS)

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


class WriteAheadLog:
    """The log of a SQLite file, brought to disk by one connection, which has to be open as long as this is.

    SQLite keeps the log in place while any connection is open, and what is in it in the order of the commits; it brings
    it to disk itself before it begins it anew.

    Parameters
    ----------
    path: the database's, with `-wal`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    def sync(self) -> None:
        """Come back when all that was committed so far is on disk. Raises OSError where the disk fails."""
        if self._file is None:
            self._file = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        _SYNC(self._file)

    def close(self) -> None:
        """The connection is closed."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
