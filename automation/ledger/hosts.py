"""Turns at hosts in the ledger, where no Redis answers: one row a host, locked for each change.

Owns: the row.
Never: decides what a change is.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from automation.clock import Clock
from automation.commits import light
from automation.database import insert_or_ignore, insert_or_lock
from automation.ledger.gate_tables import hosts
from automation.limits.hosts import Change, Host, Store

_LONGEST_NAME = 253
_LOCK = sa.select(hosts.c.state).where(hosts.c.host == sa.bindparam("name", type_=hosts.c.host.type)).with_for_update()


class LedgerHosts(Store):
    """Turns kept in the ledger; the clocks of its machines are taken to agree, as for leases."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine, self._clock = engine, clock

    def change(self, name: str, change: Change) -> Any:
        """In one transaction."""
        name = name[:_LONGEST_NAME]
        # What a host was asked a moment ago means nothing once the machine has been down.
        with light(self._engine) as connection:
            row = connection.execute(_LOCK, {"name": name}).one_or_none()
            if row is None:
                dialect = connection.dialect.name
                make = insert_or_ignore if dialect == "sqlite" else insert_or_lock
                connection.execute(make(hosts, dialect), [{"host": name, "state": ""}])
                row = connection.execute(_LOCK, {"name": name}).one()
            before = Host.from_json(row.state)
            after, answer = change(before, self._clock.now().timestamp())
            if after != before:
                written = sa.update(hosts).where(hosts.c.host == name).values(state=after.to_json())
                connection.execute(written)
        return answer
