"""Statements of the hot path straight on SQLite's driver: what each run costs does not pass through SQLAlchemy again.

Owns: a statement's text and conversions, made once; a question, and a write transaction that takes its turn and waits
for the disk as `commits` says. On a server, where the network takes the time, all is as ever.
Never: opens a connection of its own (it is the pool's), knows a table, or lets an error of the driver out as it is.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.exc import DBAPIError

from automation.commits import light
from automation.database import reading

_Statement = sa.Select[Any] | sa.Insert | sa.Update
_Convert = Callable[[Any], Any] | None
_NONE: Mapping[str, Any] = {}


@dataclass(frozen=True)
class _Driven:
    """A statement as the driver takes it.

    Parameters
    ----------
    slots: each parameter's name, None where it is always the same; that value; its conversion.
    columns: each column's name and its conversion.
    """

    text: str
    slots: tuple[tuple[str | None, Any, _Convert], ...]
    columns: tuple[tuple[str, _Convert], ...]

    def bound(self, values: Mapping[str, Any]) -> list[Any]:
        """The parameters in their order. Raises KeyError for one that is missing."""
        found = []
        for name, always, convert in self.slots:
            value = always if name is None else values[name]
            found.append(value if convert is None or value is None else convert(value))
        return found

    def read(self, row: tuple[Any, ...]) -> dict[str, Any]:
        """A row by the names of its columns."""
        return {
            name: value if convert is None or value is None else convert(value)
            for (name, convert), value in zip(self.columns, row, strict=True)
        }


class Quick:
    """A connection of SQLite's driver that takes statements of SQLAlchemy, each built once and kept by its module."""

    def __init__(self, engine: sa.Engine, driver: sqlite3.Connection) -> None:
        self._dialect, self._driver = engine.dialect, driver

    @property
    def in_transaction(self) -> bool:
        """Whether one is open."""
        return self._driver.in_transaction

    def execute(self, statement: _Statement, values: Mapping[str, Any] = _NONE) -> sqlite3.Cursor:
        """Execute it. Raises what SQLAlchemy raises."""
        driven = _driven(statement, self._dialect)
        return self.say(driven.text, driven.bound(values))

    def first(self, statement: sa.Select[Any], values: Mapping[str, Any]) -> dict[str, Any] | None:
        """The first row of an answer, by the names of its columns."""
        row = self.execute(statement, values).fetchone()
        return None if row is None else _driven(statement, self._dialect).read(row)

    def say(self, text: str, values: list[Any] | tuple[()] = ()) -> sqlite3.Cursor:
        """The same for SQL itself."""
        try:
            return self._driver.execute(text, values)
        except sqlite3.Error as error:
            raise _known(error, self._dialect, text, values) from error


def read_one(engine: sa.Engine, statement: sa.Select[Any], values: Mapping[str, Any]) -> Mapping[Any, Any] | None:
    """The one row that a question finds, by the names of its columns."""
    if engine.dialect.name != "sqlite":
        with reading(engine) as connection:
            return connection.execute(statement, values).mappings().one_or_none()
    with _checked_out(engine) as (quick, _):
        return quick.first(statement, values)


@contextmanager
def brief(engine: sa.Engine, *, sync: bool = False) -> Iterator[Quick | sa.Connection]:
    """A transaction like `commits.light` of a few statements that are built once.

    Parameters
    ----------
    sync: bring it to disk after all, once the next writer has its turn.
    """
    if engine.dialect.name != "sqlite":
        with light(engine, sync=sync) as connection:
            yield connection
        return
    with _checked_out(engine) as (quick, info):
        if "log" not in info:
            with _begun(quick):
                yield quick
            return
        info["turn"].take()
        try:
            quick.say("PRAGMA synchronous = NORMAL")
            with _begun(quick):
                yield quick
        finally:
            quick.say("PRAGMA synchronous = FULL")
        if sync:
            info["turn"].give()
            info["log"].sync()


@contextmanager
def _begun(quick: Quick) -> Iterator[None]:
    quick.say("BEGIN IMMEDIATE")
    try:
        yield
        quick.say("COMMIT")
    except BaseException:
        # A failure of SQLite itself may have ended it.
        if quick.in_transaction:
            quick.say("ROLLBACK")
        raise


@contextmanager
def _checked_out(engine: sa.Engine) -> Iterator[tuple[Quick, dict[str, Any]]]:
    """A connection of the engine's pool, which takes back its turn with it."""
    try:
        pooled = engine.raw_connection()
    except sqlite3.Error as error:
        raise _known(error, engine.dialect, None, None) from error
    try:
        driver = pooled.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        yield Quick(engine, driver), pooled.info
    except DBAPIError:
        # Nobody knows what state it is in.
        pooled.invalidate()
        raise
    finally:
        pooled.close()


def _known(error: sqlite3.Error, dialect: Dialect, text: str | None, values: Any) -> Exception:
    """The driver's error as SQLAlchemy's, which everybody knows."""
    return DBAPIError.instance(text, values, error, sqlite3.Error, dialect=dialect)


@lru_cache(maxsize=64)
def _driven(statement: _Statement, dialect: Dialect) -> _Driven:
    compiled: Any = statement.compile(dialect=dialect)
    if compiled.post_compile_params or compiled.insert_prefetch or compiled.update_prefetch:
        raise ValueError(f"Write 'or' in place of 'in', and name every column that has a default: {compiled}")
    always = compiled.construct_params(_check=False)
    binds = [(name, compiled.binds[name]) for name in compiled.positiontup]
    slots = tuple(
        (name if bind.required else None, always[name], bind.type.dialect_impl(dialect).bind_processor(dialect))
        for name, bind in binds
    )
    columns: tuple[tuple[str, _Convert], ...] = ()
    if isinstance(statement, sa.Select):
        columns = tuple(
            (str(column.key), column.type.dialect_impl(dialect).result_processor(dialect, None))
            for column in statement.selected_columns
        )
    return _Driven(str(compiled), slots, columns)
