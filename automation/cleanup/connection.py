"""Transactions of a clean-up on somebody else's database.

Owns: how long they wait for a lock, that MariaDB speaks UTC meanwhile, and binding values as the driver gave them.
Never: leaves a setting of the session or of the database changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

_LOCK_WAIT = "10s"
_MYSQL_LOCK_SECONDS = 10
_MYSQL = ("mysql", "mariadb")


class Session:
    """One connection for many short transactions; a lost one is opened again for the next."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self._connection: sa.Connection | None = None
        self._before: dict[str, Any] = {}

    @contextmanager
    def transaction(self, *, writes: bool) -> Iterator[sa.Connection]:
        """One transaction; committed at its end, rolled back when anything is raised inside."""
        connection = self._opened(writes=writes)
        try:
            with connection.begin():
                yield connection
        except DBAPIError as error:
            if error.connection_invalidated:
                self._connection = None
                connection.close()
            raise

    def close(self) -> None:
        """Give the connection back as it was."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        with suppress(DBAPIError), connection.begin():
            for name, value in self._before.items():
                _set(connection, name, value)
        connection.close()

    def _opened(self, *, writes: bool) -> sa.Connection:
        if self._connection is None:
            connection = self.engine.connect().execution_options(reads_only=True)
            with connection.begin():
                self._before = {name: _get(connection, name) for name in _settings(connection.dialect.name)}
                for name, value in _settings(connection.dialect.name).items():
                    _set(connection, name, value)
            self._connection = connection
        return self._connection.execution_options(reads_only=not writes)


@contextmanager
def session(engine: sa.Engine) -> Iterator[Session]:
    """A session that is closed at the end of the block."""
    opened = Session(engine)
    try:
        yield opened
    finally:
        opened.close()


@contextmanager
def transaction(engine: sa.Engine, *, writes: bool) -> Iterator[sa.Connection]:
    """One transaction on a connection of its own."""
    with session(engine) as one, one.transaction(writes=writes) as connection:
        yield connection


def _settings(dialect: str) -> dict[str, Any]:
    """What a session is set to. TIMESTAMP columns of MariaDB are compared and shown in the session's zone."""
    if dialect == "postgresql":
        # A plan for any values at all would read and sort the whole index of the age for each batch.
        return {"lock_timeout": _LOCK_WAIT, "plan_cache_mode": "force_custom_plan"}
    if dialect in _MYSQL:
        waits = ("innodb_lock_wait_timeout", "lock_wait_timeout")
        return {"time_zone": "+00:00", **dict.fromkeys(waits, _MYSQL_LOCK_SECONDS)}
    return {}


def _get(connection: sa.Connection, name: str) -> Any:
    if connection.dialect.name == "postgresql":
        return connection.execute(sa.text("SELECT current_setting(:name)"), {"name": name}).scalar_one()
    return connection.execute(sa.text(f"SELECT @@session.{name}")).scalar_one()


def _set(connection: sa.Connection, name: str, value: Any) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("SELECT set_config(:name, :value, false)"), {"name": name, "value": value})
    else:
        connection.execute(sa.text(f"SET SESSION {name} = :value"), {"value": value})


def be_brief(connection: sa.Connection) -> None:
    """Let what changes a table wait for its lock for a moment only: whoever comes meanwhile has to wait behind it.

    On PostgreSQL until the transaction ends, on MariaDB until the session does.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("SET LOCAL lock_timeout = '500ms'"))
    else:
        _set(connection, "lock_wait_timeout", 1)


def writes_of_others(connection: sa.Connection) -> int | None:
    """A number that is another one when somebody else wrote to this SQLite file; None elsewhere."""
    if connection.dialect.name != "sqlite":
        return None
    return int(connection.exec_driver_sql("PRAGMA data_version").scalar_one())


def raw(value: Any) -> sa.BindParameter[Any]:
    """A value bound as it is: a type of ours could turn a key that was read into another one."""
    return sa.literal(value, sa.types.NullType())


def among(columns: Sequence[sa.ColumnElement[Any]], rows: Sequence[tuple[Any, ...]]) -> sa.ColumnElement[bool]:
    """Whether the columns hold one of these rows of values."""
    if len(columns) == 1:
        values = [row[0] for row in rows]
        return columns[0].in_(sa.bindparam(None, values, expanding=True, unique=True, type_=sa.types.NullType()))
    return sa.tuple_(*columns, types=[sa.types.NullType()] * len(columns)).in_(rows)


def later(one: Sequence[sa.ColumnElement[Any]], other: Sequence[sa.ColumnElement[Any]]) -> sa.ColumnElement[bool]:
    """`(a, b) > (x, y)`, written out so that every database walks the index for it."""
    if len(one) == 1:
        return one[0] > other[0]
    return sa.and_(one[0] >= other[0], sa.or_(one[0] > other[0], later(one[1:], other[1:])))


def up_to(one: Sequence[sa.ColumnElement[Any]], other: Sequence[sa.ColumnElement[Any]]) -> sa.ColumnElement[bool]:
    """`(a, b) <= (x, y)`, written out likewise."""
    if len(one) == 1:
        return one[0] <= other[0]
    return sa.and_(one[0] <= other[0], sa.or_(one[0] < other[0], up_to(one[1:], other[1:])))
