"""Processes that report: schedulers, workers and web servers, with their last sign of life.

Owns: those rows.
Never: judges a process.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from automation.clock import Clock
from automation.database import insert_or_ignore, reading
from automation.ledger.rows import ProcessRow
from automation.ledger.tables import processes


class Processes:
    """Signs of life."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine, self._clock = engine, clock

    def report(self, name: str, kind: str, host: str, pid: int, started_at: datetime, info: Mapping[str, Any]) -> None:
        """Write a sign of life now; the first one registers the process."""
        now = self._clock.now()
        fresh = {"id": name, "kind": kind, "host": host, "pid": pid, "started_at": started_at}
        alive = {"heartbeat_at": now, "info": dict(info)}
        with self._engine.begin() as connection:
            known = connection.execute(processes.update().where(processes.c.id == name).values(**alive))
            if not known.rowcount:
                connection.execute(insert_or_ignore(processes, connection.dialect.name).values(**fresh, **alive))

    def stopped(self, name: str) -> None:
        """The process leaves in order."""
        with self._engine.begin() as connection:
            connection.execute(processes.update().where(processes.c.id == name).values(stopped_at=self._clock.now()))

    def alive(self, kind: str | None = None, *, within: timedelta = timedelta(seconds=20)) -> list[ProcessRow]:
        """Processes that reported within the span and have not left."""
        recent = processes.c.heartbeat_at >= self._clock.now() - within
        return self._rows(recent & processes.c.stopped_at.is_(None), kind)

    def heard_of(self, kind: str, *, within: timedelta) -> list[ProcessRow]:
        """Processes that reported within the span, whether they have left since or not."""
        return self._rows(processes.c.heartbeat_at >= self._clock.now() - within, kind)

    def unfinished(self, host: str) -> list[ProcessRow]:
        """Processes of this host that never said that they left, alive or not."""
        return self._rows(processes.c.stopped_at.is_(None) & (processes.c.host == host), None)

    def _rows(self, condition: sa.ColumnElement[bool], kind: str | None) -> list[ProcessRow]:
        query = sa.select(processes).where(condition).order_by(processes.c.started_at)
        if kind:
            query = query.where(processes.c.kind == kind)
        with reading(self._engine) as connection:
            return [ProcessRow.of(row) for row in connection.execute(query).mappings()]
