"""Commits to our own SQLite file: whose turn it is to write, and who waits for the disk.

Owns: the turns of its writers, and the write transactions that leave the disk to others or wait for it out of their way.
Never: makes an engine; knows a table.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from automation.clock import SystemClock
from automation.turns import Turn, WriteAheadLog


def take_turns(engine: sa.Engine, path: Path) -> None:
    """Let writers of our own file queue up before they begin; a turn ends when the connection is given back."""

    def on_connect(_connection: object, record: Any) -> None:
        record.info["turn"] = Turn(Path(f"{path}-turn"), SystemClock())
        record.info["log"] = WriteAheadLog(Path(f"{path}-wal"))

    def on_close(_connection: object, record: Any) -> None:
        record.info.pop("turn").close()
        record.info.pop("log").close()

    def on_checkin(_connection: object, record: Any) -> None:
        if "turn" in record.info:
            record.info["turn"].give()

    def on_begin(connection: sa.Connection) -> None:
        if not connection.get_execution_options().get("reads_only", False):
            connection.info["turn"].take()

    sa.event.listen(engine, "connect", on_connect)
    sa.event.listen(engine, "close", on_close)
    sa.event.listen(engine, "checkin", on_checkin)
    sa.event.listen(engine, "begin", on_begin)


@contextmanager
def light(engine: sa.Engine, *, sync: bool = False) -> Iterator[sa.Connection]:
    """A write transaction that survives the death of every process, and on our SQLite file not always that of the machine.

    For what is true only as long as the machine is up, or may be done again. What is committed after it, by whomever,
    is never on disk without it. On a server, which may die alone, it is like any other.

    Parameters
    ----------
    sync: bring it to disk after all, once the next writer has its turn.
    """
    with engine.connect() as connection:
        raw = connection.connection.driver_connection if "log" in connection.info else None
        if raw is None:
            with connection.begin():
                yield connection
            return
        try:
            raw.execute("PRAGMA synchronous = NORMAL")
            with connection.begin():
                yield connection
        finally:
            raw.execute("PRAGMA synchronous = FULL")
        if sync:
            connection.info["turn"].give()
            connection.info["log"].sync()


#: A write transaction that is on disk when the block has ended, as one of `engine.begin()`; but on our SQLite file others
#: may write while the disk is at work.
synced = partial(light, sync=True)
