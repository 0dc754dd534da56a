"""Tables and columns as the database has them; names from a rule are looked up here and nowhere built into SQL.

Owns: finding a table and its columns by exact name, what batches walk along, and which tables are never touched.
Never: reads a row; follows foreign keys.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeEngine

from automation.cleanup.references import Name
from automation.errors import FailureClass, JobFailed
from automation.text import nearest, printable

_ROWIDS = ("rowid", "_rowid_", "oid")
_SYSTEM_SCHEMAS = ("information_schema", "mysql", "performance_schema", "sys")


@dataclass(frozen=True)
class Target:
    """A table that rows are deleted from.

    Parameters
    ----------
    types: the type of each column.
    key: columns that are unique and never NULL; batches walk along them. Empty where there are none.
    primary: the primary key's columns, for showing; empty where there is none.
    leading: columns that an index begins with.
    """

    name: Name
    clause: sa.FromClause
    types: Mapping[str, TypeEngine[Any]]
    key: tuple[str, ...]
    primary: tuple[str, ...]
    leading: frozenset[str]

    def column(self, name: str) -> sa.ColumnElement[Any]:
        """A column by name; SQLite's foreign keys may write it in another case."""
        same = {known.lower(): known for known in self.types}
        found = name if name in self.clause.c else same.get(name.lower())
        if found is None:
            raise JobFailed(
                f"a foreign key points at column '{name}' of '{self.name.table}', which it does not have; mend the key",
                FailureClass.CONFIG,
            )
        return self.clause.c[found]

    def columns(self, names: Sequence[str]) -> list[sa.ColumnElement[Any]]:
        """Several columns, in this order."""
        return [self.column(name) for name in names]

    def exact(self, name: str, column: sa.ColumnElement[Any] | None = None) -> sa.ColumnElement[Any]:
        """A column (or that of a copy) in a form that loses nothing: PostgreSQL's JSON as text, where null is not NULL."""
        column = self.column(name) if column is None else column
        return sa.cast(column, sa.Text) if isinstance(self.types.get(name), postgresql.JSON) else column

    @property
    def key_columns(self) -> list[sa.ColumnElement[Any]]:
        """The columns of `key`, in order."""
        return self.columns(self.key)

    def aliased(self) -> Target:
        """The same table a second time in one statement."""
        return replace(self, clause=self.clause.alias())


def find_table(inspector: sa.Inspector, text: str, home: str | None = None) -> Target:
    """The table of exactly this name, in the schema `home` unless the name says another.

    Raises JobFailed (config) when there is none, it is a view, or it is protected.
    """
    schema = home or inspector.default_schema_name or "main"
    tables = _tables(inspector, schema)
    table = text
    if text not in tables and "." in text:
        wanted, _, rest = text.partition(".")
        if wanted in inspector.get_schema_names():
            schema, table, tables = wanted, rest, _tables(inspector, wanted)
    if table not in tables:
        raise _missing(inspector, schema, table, tables)
    refuse_protected(Name(schema, table))
    return _target(inspector, Name(schema, table))


def quoted(dialect: sa.Dialect, clause: sa.TableClause) -> str:
    """A table's name as the database itself reads it: SQLAlchemy doubles `%` for drivers that look for parameters."""
    text = dialect.identifier_preparer.format_table(clause)
    return text.replace("%%", "%") if dialect.paramstyle in ("format", "pyformat") else text


def refuse_protected(name: Name) -> None:
    """Raise JobFailed for a table of ours, of Alembic, or of the database itself."""
    low = name.table.lower()
    ours = low.startswith("automation_") or low == "alembic_version"
    if ours or low.startswith("sqlite_") or name.schema.lower() in _SYSTEM_SCHEMAS or name.schema.startswith("pg_"):
        raise JobFailed(
            f"'{name.table}' is protected and is never cleaned up; name a table of your own", FailureClass.CONFIG
        )


def must_have_key(target: Target) -> None:
    """Raise JobFailed (config) for a table whose rows cannot be told apart."""
    if not target.key:
        raise JobFailed(
            f"table '{target.name.table}' has no primary key, so its rows cannot be told apart; "
            "add one (ALTER TABLE … ADD PRIMARY KEY)",
            FailureClass.CONFIG,
        )


def find_column(target: Target, text: str) -> sa.ColumnElement[Any]:
    """The column of exactly this name. Raises JobFailed (config) when there is none."""
    if text not in target.types:
        meant = nearest(text, target.types)
        hint = f"did you mean '{meant}'?" if meant else f"it has: {', '.join(target.types)}"
        raise JobFailed(
            f"table '{target.name.table}' has no column '{printable(text, 100)}'; {hint}", FailureClass.CONFIG
        )
    return target.clause.c[text]


def _tables(inspector: sa.Inspector, schema: str) -> list[str]:
    return inspector.get_table_names(schema=_spoken(inspector, schema))


def _spoken(inspector: sa.Inspector, schema: str) -> str | None:
    """The default schema stays unsaid: SQLite's rowid and the search path are found so."""
    return None if schema == (inspector.default_schema_name or "main") else schema


def _missing(inspector: sa.Inspector, schema: str, table: str, tables: list[str]) -> JobFailed:
    spoken = _spoken(inspector, schema)
    views = inspector.get_view_names(schema=spoken)
    if inspector.dialect.name == "postgresql":
        views += inspector.get_materialized_view_names(schema=spoken)
    shown = printable(table, 100)
    if table in views:
        return JobFailed(f"'{shown}' is a view; name the table that its rows come from", FailureClass.CONFIG)
    meant = nearest(table, tables)
    some = ", ".join(sorted(tables)[:10]) or "none"
    hint = f"did you mean '{meant}'?" if meant else f"there are: {some}"
    place = f" in schema '{schema}'" if spoken else ""
    return JobFailed(f"there is no table '{shown}'{place}; {hint}", FailureClass.CONFIG)


def _target(inspector: sa.Inspector, name: Name) -> Target:
    schema = _spoken(inspector, name.schema)
    columns = {column["name"]: column["type"] for column in inspector.get_columns(name.table, schema=schema)}
    primary = tuple(inspector.get_pk_constraint(name.table, schema=schema)["constrained_columns"])
    rowid = _rowid(inspector, name.table, schema, columns) if inspector.dialect.name == "sqlite" else None
    key = (rowid,) if rowid else primary
    clause = sa.table(name.table, *map(sa.column, dict.fromkeys((*columns, *key))), schema=schema)
    return Target(name, clause, columns, key, primary, _leading(inspector, name.table, schema, primary))


def _rowid(inspector: sa.Inspector, table: str, schema: str | None, columns: Mapping[str, Any]) -> str | None:
    """SQLite's own row number: unique and never NULL, which its declared primary keys need not be."""
    taken = {column.lower() for column in columns}
    name = next((rowid for rowid in _ROWIDS if rowid not in taken), None)
    if name is None:
        return None
    clause = sa.table(table, sa.column(name), schema=schema)
    assert isinstance(inspector.bind, sa.Connection)
    try:
        inspector.bind.execute(sa.select(clause.c[name]).limit(0))
    except sa.exc.OperationalError as error:
        if "no such column" not in str(error.orig):
            raise
        return None  # WITHOUT ROWID
    return name


def _leading(inspector: sa.Inspector, table: str, schema: str | None, primary: tuple[str, ...]) -> frozenset[str]:
    firsts = [
        index["column_names"][0] for index in inspector.get_indexes(table, schema=schema) if index["column_names"]
    ]
    firsts += [unique["column_names"][0] for unique in inspector.get_unique_constraints(table, schema=schema)]
    return frozenset(first for first in (*firsts, *primary[:1]) if first)
