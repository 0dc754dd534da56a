"""SQL databases: engines, transactions, and what differs between SQLite, PostgreSQL and MariaDB.

Owns: how an engine is made, how a write transaction begins, UTC instants and words in columns, insert-or-ignore.
Never: knows a table; changes the journal mode or settings of a database that is not ours.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.pool import NullPool
from sqlalchemy.sql.dml import Insert
from sqlalchemy.types import TypeDecorator, TypeEngine

from automation import mariadb
from automation.commits import take_turns
from automation.errors import InvalidInput
from automation.secrets import mask_urls

_log = logging.getLogger(__name__)
_DRIVERS = {
    "sqlite": "sqlite+pysqlite",
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
}
_EXTRAS = {"psycopg": "postgres", "pymysql": "mysql"}
_BUSY_SECONDS = 30.0
#: Of a process that forks, which has others to look after meanwhile and asks again.
_BUSY_SECONDS_OF_PARENTS = 5.0
#: SQLSTATE and MySQL numbers of a transaction that another one got in the way of; the same statement may be tried again.
_TRANSIENT = {"40001", "40P01", "55P03", 1205, 1213}


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime, stored in UTC with microseconds; a naive one is refused."""

    impl = sa.DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name in ("mysql", "mariadb"):
            return dialect.type_descriptor(mysql.DATETIME(fsp=6))
        return dialect.type_descriptor(sa.DateTime(timezone=dialect.name == "postgresql"))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"A naive datetime cannot be stored: {value!r}; give it a time zone")
        value = value.astimezone(UTC)
        return value if dialect.name == "postgresql" else value.replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Word(TypeDecorator[StrEnum]):
    """A word of an enum, stored as text and read as the enum's member."""

    impl = sa.String
    cache_ok = True

    def __init__(self, kind: type[StrEnum], length: int | None) -> None:
        super().__init__(length)
        self.kind, self.length = kind, length

    def process_result_value(self, value: str | None, dialect: Dialect) -> StrEnum | None:  # noqa: ARG002
        return None if value is None else self.kind(value)


def database_url(text: str, base: Path | None = None) -> URL:
    """A SQLAlchemy URL with the driver that we ship for it; relative SQLite paths start from `base`.

    Raises InvalidInput for a URL that cannot be read or names a database that we do not support.
    """
    try:
        url = make_url(text)
    except ArgumentError as error:
        raise InvalidInput(
            f"'{mask_urls(text)}' is not a database URL; write sqlite:///file.db, postgresql://user@host/name "
            "or mysql://user@host/name"
        ) from error
    name = url.drivername.partition("+")[0]
    if name not in _DRIVERS:
        raise InvalidInput(f"'{name}' is not a supported database; write sqlite, postgresql, mysql or mariadb")
    if "+" not in url.drivername:
        url = url.set(drivername=_DRIVERS[name])
    if name == "sqlite" and base and url.database and url.database != ":memory:":
        url = url.set(database=str(base / url.database))
    return url


def make_engine(
    url: URL | str, *, pooled: bool = True, forks: bool = False, durable: bool = False, read_only: bool = False
) -> sa.Engine:
    """An engine whose write transactions take SQLite's write lock at their start (BEGIN IMMEDIATE).

    Parameters
    ----------
    pooled: False opens a connection for each use.
    forks: this process forks now and then, in its one thread: no connection is kept across a fork, and of SQLite none at all;
        its lock is waited for a few seconds, and not for half a minute.
    durable: our own file: WAL, and every commit on disk. Never set it for a user's database, which keeps its settings.
    read_only: SQLite is opened read-only; the others get read-only transactions.
    """
    url = database_url(url) if isinstance(url, str) else url
    if url.get_backend_name() == "sqlite":
        return _sqlite_engine(url, forks=forks, pooled=pooled and not forks, durable=durable, read_only=read_only)
    # What is given back is rolled back by `_clean`.
    options: dict[str, Any] = {"pool_reset_on_return": None} if pooled else {"poolclass": NullPool}
    if pooled:
        options |= {"pool_pre_ping": True} | ({"pool_size": 1} if forks else {})
    try:
        engine = sa.create_engine(url, isolation_level="READ COMMITTED", **options)
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        driver = url.drivername.partition("+")[2]
        extra = _EXTRAS.get(driver)
        package = f"'automation[{extra}]'" if extra else f"{driver}, or leave '+{driver}' out"
        raise InvalidInput(f"The driver '{driver}' is not installed; run: pip install {package}") from error
    if url.get_driver_name() == "pymysql":
        sa.event.listen(engine, "do_connect", mariadb.connect)
    if pooled:
        sa.event.listen(engine, "reset", _clean)
    if forks:
        os.register_at_fork(before=partial(_let_go, weakref.ref(engine)))
    if read_only:
        sa.event.listen(
            engine, "begin", lambda connection: connection.exec_driver_sql(_READ_ONLY[url.get_backend_name()])
        )
    return engine


def _clean(connection: Any, record: Any, state: Any) -> None:
    """Before a connection goes back to its pool. One that was cut has told whoever used it, and is dropped."""
    if state.terminate_only or state.transaction_was_reset:
        return
    try:
        connection.rollback()
    except Exception as error:
        _log.debug("A connection that was cut is dropped: %s", error)
        record.invalidate(error)


def _let_go(engine: weakref.ref[sa.Engine]) -> None:
    """Close what is open, so that no child inherits it; the next use opens another one."""
    if (found := engine()) is not None:
        found.dispose()


_READ_ONLY = {
    "postgresql": "SET TRANSACTION READ ONLY",
    "mysql": "START TRANSACTION READ ONLY",
    "mariadb": "START TRANSACTION READ ONLY",
}


def _sqlite_engine(url: URL, *, forks: bool, pooled: bool, durable: bool, read_only: bool) -> sa.Engine:
    if read_only and url.database and url.database != ":memory:":
        path = Path(url.database).absolute().as_uri()
        url = url.set(database=path, query={"mode": "ro", "uri": "true"})
    options: dict[str, Any] = {} if pooled else {"poolclass": NullPool}
    busy = _BUSY_SECONDS_OF_PARENTS if forks else _BUSY_SECONDS
    engine = sa.create_engine(url, connect_args={"timeout": busy, "check_same_thread": False}, **options)

    def on_connect(connection: sqlite3.Connection, _record: object) -> None:
        # We say BEGIN ourselves: the driver's own begins late, and a late upgrade fails at once with "locked".
        connection.isolation_level = None
        connection.execute("PRAGMA foreign_keys = ON")
        if durable:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")

    def on_begin(connection: sa.Connection) -> None:
        reads = read_only or connection.get_execution_options().get("reads_only", False)
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    sa.event.listen(engine, "connect", on_connect)
    if durable and url.database and url.database != ":memory:":
        take_turns(engine, Path(url.database))
    sa.event.listen(engine, "begin", on_begin)
    return engine


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A short transaction that only reads; on SQLite it does not wait for a writer."""
    with engine.connect().execution_options(reads_only=True) as connection, connection.begin():
        yield connection


def insert_or_ignore(table: sa.Table, dialect: str) -> Insert:
    """An insert that does nothing where a unique key is taken; `rowcount` tells how many rows are new."""
    # Without the option SQLAlchemy leaves rowcount at -1 for inserts on some drivers.
    return _insert_or_ignore(table, dialect).execution_options(preserve_rowcount=True)


@lru_cache(maxsize=64)
def _insert_or_ignore(table: sa.Table, dialect: str) -> Insert:
    if dialect == "postgresql":
        from sqlalchemy.dialects import postgresql

        return postgresql.insert(table).on_conflict_do_nothing()
    if dialect == "sqlite":
        from sqlalchemy.dialects import sqlite

        return sqlite.insert(table).on_conflict_do_nothing()
    return mysql.insert(table).prefix_with("IGNORE")


def insert_or_lock(table: sa.Table, dialect: str) -> Insert:
    """An insert of a key that leaves its row locked to write, whoever made it.

    Not for SQLite, whose writers have the file alone. An ignored insert followed by a lock would not do: on MariaDB
    each of several that find the row taken has read locks, and then waits for those of the others.
    """
    same = {column.name: column for column in table.primary_key}
    if dialect == "postgresql":
        from sqlalchemy.dialects import postgresql

        return postgresql.insert(table).on_conflict_do_update(index_elements=list(same), set_=same)
    return mysql.insert(table).on_duplicate_key_update(same)


def insert_many(connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """The same for many rows that name the same columns, at nearly the driver's own price: see `execute_many`."""
    execute_many(connection, _insert_or_ignore(table, connection.dialect.name), rows)


def execute_many(
    connection: sa.Connection, statement: sa.Insert | sa.Update, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Execute a statement that is built once for many rows of parameters, all with the same names.

    SQLAlchemy's own way looks at each parameter of each row anew, which costs more than the database's work. Here a
    column is converted as a whole, and an instant that many rows share once.
    """
    if not rows:
        return
    text, order, named, types = _compiled(statement, connection.dialect, tuple(rows[0]))
    columns = [_converted([row[name] for row in rows], types[name], connection.dialect) for name in order]
    values = zip(*columns, strict=True)
    connection.exec_driver_sql(text, [dict(zip(order, row, strict=True)) for row in values] if named else list(values))


@lru_cache(maxsize=64)
def _compiled(
    statement: sa.Insert | sa.Update, dialect: Dialect, names: tuple[str, ...]
) -> tuple[str, list[str], bool, dict[str, TypeEngine[Any]]]:
    """The statement's text, its parameters in their order, whether the driver wants their names, and their types."""
    compiled: Any = statement.compile(dialect=dialect, column_keys=names)
    types = {name: bind.type for name, bind in compiled.binds.items()}
    if not types.keys() <= set(names):
        raise ValueError(f"No value for {', '.join(sorted(types.keys() - set(names)))}; give each row all of them")
    return str(compiled), list(compiled.positiontup or types), compiled.positiontup is None, types


def _converted(values: list[Any], kind: TypeEngine[Any], dialect: Dialect) -> list[Any]:
    convert = kind.dialect_impl(dialect).bind_processor(dialect)
    if convert is None:
        return values
    if not isinstance(kind, UtcDateTime):
        return [convert(value) for value in values]
    known = {value: convert(value) for value in set(values)}
    return [known[value] for value in values]


def transient(error: BaseException) -> bool:
    """Whether the same transaction may succeed when tried again: a deadlock, a lock wait, a busy file, a lost connection."""
    if not isinstance(error, DBAPIError):
        return False
    original = error.orig
    if isinstance(original, sqlite3.OperationalError):
        return "locked" in str(original) or "busy" in str(original)
    codes = {getattr(original, "sqlstate", None), *(getattr(original, "args", None) or ())[:1]}
    return error.connection_invalidated or bool(codes & _TRANSIENT)
