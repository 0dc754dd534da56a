"""Transactions of a clean-up on somebody else's database.

Owns: how long they wait for a lock, that MariaDB speaks UTC meanwhile, and binding values as the driver gave them.
Never: leaves a setting of the session or of the database changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

_LOCK_WAIT = "10s"


@contextmanager
def transaction(engine: sa.Engine, *, writes: bool) -> Iterator[sa.Connection]:
    """One transaction; committed at its end, rolled back when anything is raised inside."""
    with engine.connect().execution_options(reads_only=not writes) as connection, connection.begin():
        if connection.dialect.name == "postgresql" and writes:
            connection.execute(sa.text("SELECT set_config('lock_timeout', :wait, true)"), {"wait": _LOCK_WAIT})
        if connection.dialect.name not in ("mysql", "mariadb"):
            yield connection
            return
        # TIMESTAMP columns are compared and shown in the session's zone.
        zone = connection.execute(sa.text("SELECT @@session.time_zone")).scalar_one()
        connection.execute(sa.text("SET time_zone = '+00:00'"))
        try:
            yield connection
        finally:
            if not connection.invalidated:
                connection.execute(sa.text("SET time_zone = :zone"), {"zone": zone})


def raw(value: Any) -> sa.BindParameter[Any]:
    """A value bound as it is: a type of ours could turn a key that was read into another one."""
    return sa.literal(value, sa.types.NullType())


def among(columns: Sequence[sa.ColumnElement[Any]], rows: Sequence[tuple[Any, ...]]) -> sa.ColumnElement[bool]:
    """Whether the columns hold one of these rows of values."""
    if len(columns) == 1:
        values = [row[0] for row in rows]
        return columns[0].in_(sa.bindparam(None, values, expanding=True, unique=True, type_=sa.types.NullType()))
    return sa.tuple_(*columns, types=[sa.types.NullType()] * len(columns)).in_(rows)


def after(key: Sequence[sa.ColumnElement[Any]], cursor: Sequence[Any]) -> sa.ColumnElement[bool]:
    """`(a, b) > (x, y)`, written out so that every database walks the index for it."""
    first, value = key[0], raw(cursor[0])
    if len(key) == 1:
        return first > value
    return sa.and_(first >= value, sa.or_(first > value, after(key[1:], cursor[1:])))


def up_to(key: Sequence[sa.ColumnElement[Any]], cursor: Sequence[Any]) -> sa.ColumnElement[bool]:
    """`(a, b) <= (x, y)`, written out likewise."""
    first, value = key[0], raw(cursor[0])
    if len(key) == 1:
        return first <= value
    return sa.and_(first <= value, sa.or_(first < value, up_to(key[1:], cursor[1:])))
