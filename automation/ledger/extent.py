"""How large a ledger is, and about how much of it retention will take.

Owns: these questions; each is answered from indexes and the database's own figures, in a second or so.
Never: looks at rows one by one: what stays whatever its age is counted among what goes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from automation.database import reading
from automation.ledger.keep import DEAD, UNDONE, Keep
from automation.ledger.states import FINAL
from automation.ledger.tables import metadata, runs

_SQLITE = "SELECT page_count * page_size, freelist_count * page_size FROM pragma_page_count, pragma_page_size, pragma_freelist_count"
_MARIADB = (
    "SELECT SUM(data_length + index_length), SUM(data_free) FROM information_schema.tables "
    "WHERE table_schema = DATABASE() AND table_name LIKE 'automation\\_%'"
)


@dataclass(frozen=True)
class Extent:
    """The size of a ledger.

    Parameters
    ----------
    size: in bytes, indexes included.
    free: of these, what was given back and is used for the next rows; None where the database does not tell.
    runs: how many.
    ripe: of these, those old enough to go, with the newest of each job.
    """

    size: int
    free: int | None
    runs: int
    ripe: int


def extent(engine: sa.Engine, keep: Keep, now: datetime) -> Extent:
    """The size as it is now."""
    with reading(engine) as connection:
        size, free = _size(connection)
        number = connection.execute(sa.select(sa.func.count()).select_from(runs)).scalar_one()
        return Extent(size, free, number, _ripe(connection, keep, now))


def _ripe(connection: sa.Connection, keep: Keep, now: datetime) -> int:
    found = 0
    ages = {
        **dict.fromkeys(FINAL, keep.succeeded),
        **dict.fromkeys(DEAD, keep.dead),
        **dict.fromkeys(UNDONE, keep.skipped),
    }
    for state, age in ages.items():
        if age is not None:
            old = (runs.c.state == state) & (runs.c.due_at < now - age)
            found += connection.execute(sa.select(sa.func.count()).select_from(runs).where(old)).scalar_one()
    return found


def _size(connection: sa.Connection) -> tuple[int, int | None]:
    dialect = connection.dialect.name
    if dialect == "postgresql":
        sizes = sa.func.pg_total_relation_size
        query = sa.select(sum((sizes(table.name) for table in metadata.sorted_tables[1:]), sizes("automation_version")))
        return int(connection.execute(query).scalar_one()), None
    row = connection.execute(sa.text(_SQLITE if dialect == "sqlite" else _MARIADB)).one()
    return int(row[0] or 0), int(row[1] or 0)
