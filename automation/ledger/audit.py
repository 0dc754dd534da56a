"""The audit trail: who did what, when, to what, from where.

Owns: those rows; they are added and, when they are old, forgotten, and never changed.
Never: holds a secret; details are what the caller chose to tell.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from automation.clock import Clock
from automation.database import reading
from automation.ledger.access_tables import audit
from automation.ledger.rows import Row, plain
from automation.text import printable

_LONGEST = {"who": 120, "via": 16, "address": 120, "action": 120, "target": 320}
_LONGEST_DETAILS = 4000


@dataclass(frozen=True)
class AuditRow(Row):
    """One action.

    Parameters
    ----------
    via: how we know who it was: `open`, `session`, `token`, `proxy`, `cli`, `webhook`, `ping`.
    status: how it was answered, as HTTP has it; None for the command line.
    """

    id: int
    at: datetime
    who: str
    via: str
    address: str
    action: str
    target: str
    status: int | None
    details: Mapping[str, Any]

    @classmethod
    def of(cls, row: Mapping[Any, Any]) -> AuditRow:
        """From a row of a query; details are JSON there."""
        return super().of({**row, "details": json.loads(row["details"] or "{}")})


class Audit:
    """What was done, by whom."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine, self._clock = engine, clock

    def record(
        self,
        action: str,
        target: str = "",
        *,
        who: str,
        via: str,
        address: str,
        status: int | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        """Add an action, now."""
        values = {"who": who, "via": via, "address": address, "action": action, "target": target}
        cut = {name: printable(value, _LONGEST[name] - 1)[: _LONGEST[name]] for name, value in values.items()}
        told = json.dumps({name: plain(value) for name, value in (details or {}).items()}, default=str)
        with self._engine.begin() as connection:
            whole = told if len(told) <= _LONGEST_DETAILS else json.dumps({"cut": told[: _LONGEST_DETAILS // 2]})
            connection.execute(audit.insert().values(**cut, at=self._clock.now(), status=status, details=whole))

    def list(
        self, *, who: str | None = None, action: str | None = None, before: int | None = None, limit: int = 50
    ) -> list[AuditRow]:
        """The newest actions first; `before` is the id that the next page begins below."""
        query = sa.select(audit).order_by(audit.c.id.desc()).limit(limit)
        if who:
            query = query.where(audit.c.who == who)
        if action:
            query = query.where(audit.c.action == action)
        if before is not None:
            query = query.where(audit.c.id < before)
        with reading(self._engine) as connection:
            return [AuditRow.of(row) for row in connection.execute(query).mappings()]


def forget(connection: sa.Connection, before: datetime, limit: int = 500) -> int:
    """Take away what is older, so much at most; returns how much it was."""
    old = list(connection.scalars(sa.select(audit.c.id).where(audit.c.at < before).order_by(audit.c.at).limit(limit)))
    connection.execute(audit.delete().where(audit.c.id.in_(old)))
    return len(old)
