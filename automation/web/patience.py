"""How long somebody who waits for a page lets the ledger wait for others.

Owns: that bound, on every connection that the web process opens.
Never: bounds what takes long by itself; whoever fires or works waits as long as it takes.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

_SECONDS = 5
#: SQLite's reads wait for nobody.
_BOUNDS = {
    "postgresql": ("SET lock_timeout = '{}s'",),
    "mysql": ("SET SESSION lock_wait_timeout = {}", "SET SESSION innodb_lock_wait_timeout = {}"),
}
_BOUNDS["mariadb"] = _BOUNDS["mysql"]


def bound_waits(engine: sa.Engine, seconds: int = _SECONDS) -> None:
    """From now on a statement that waits so long for a lock, such as that of a migration, fails."""
    statements = [one.format(seconds) for one in _BOUNDS.get(engine.dialect.name, ())]

    def say(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        for statement in statements:
            cursor.execute(statement)
        cursor.close()
        connection.commit()

    if statements:
        sa.event.listen(engine, "connect", say)
        engine.dispose()
