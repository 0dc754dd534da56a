"""The file of a SQLite ledger: that it is still the one that was opened, and whole.

Owns: giving up connections to a file that was moved, deleted or replaced, and refusing one whose log is missing.
Never: makes or changes a file.

A connection works on in a file that has another name by now, or none: what it writes there nobody else would ever see.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import struct
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DisconnectionError

_log = logging.getLogger(__name__)
#: Of SQLite's wal-index, in the machine's own byte order: the last frame of the log, and the last that is in the file.
_LAST_FRAME, _LAST_MOVED, _HEADER = 16, 96, 100

#: The file's own number and that of its log; None is one that is not there.
_Identity = tuple[int | None, int | None]


def watch(engine: sa.Engine, path: Path) -> None:
    """Let this engine work with the file of this name alone, whichever that is by now."""
    log, index = Path(f"{path}-wal"), Path(f"{path}-shm")
    known: list[int | None] = []
    names = (str(path), str(log))

    def before_connect(*_: Any) -> None:
        if known and not path.exists():
            raise sqlite3.OperationalError(
                f"{path} is gone; put it back, or stop everything and make a new one with: automation db upgrade"
            )
        if not log.exists() and _is_owed(index):
            raise sqlite3.OperationalError(
                f"{log} is missing, and with it what was written last; put it back, or restore a backup of the folder"
            )

    def on_connect(_connection: object, record: Any) -> None:
        found = _identity(*names)
        if known and known[-1] != found[0]:
            _log.warning("%s is another file than it was; from now on this one is used", path)
        known[:] = [found[0]]
        record.info["file"] = found

    def on_checkout(_connection: object, record: Any, _proxy: object) -> None:
        was, found = record.info["file"], _identity(*names)
        if was == found:
            return
        if was[0] == found[0] and was[1] is None:
            # The log is made with the first transaction.
            record.info["file"] = found
            return
        raise DisconnectionError(f"{path} is not the file that was opened")

    sa.event.listen(engine, "do_connect", before_connect)
    sa.event.listen(engine, "connect", on_connect)
    sa.event.listen(engine, "checkout", on_checkout)


def _identity(path: str, log: str) -> _Identity:
    return _number(path), _number(log)


def _number(path: str) -> int | None:
    try:
        return os.stat(path).st_ino  # noqa: PTH116 - asked before each transaction, and Path takes twice the time
    except FileNotFoundError:
        return None


def _is_owed(index: Path) -> bool:
    """Whether the log held something that had not come into the file, when somebody looked last."""
    try:
        # Whoever reads this file and closes it gives up SQLite's locks on it: where the log is missing, there are none.
        header = index.read_bytes()[:_HEADER]
    except FileNotFoundError:
        return False
    if len(header) < _HEADER:
        return False
    (last,), (moved,) = struct.unpack_from("=I", header, _LAST_FRAME), struct.unpack_from("=I", header, _LAST_MOVED)
    return bool(moved < last)
