"""Who refers to whom: the foreign keys of a database, with what they do when the row they point at goes.

Owns: reading them from each database's own catalogue, which knows every schema and every action.
Never: decides whether a reference is in the way.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa


class Name(NamedTuple):
    """A table by schema and name; the schema of SQLite is `main`, that of MariaDB the database."""

    schema: str
    table: str


@dataclass(frozen=True)
class Reference:
    """A foreign key: `source.columns` point at `target.referred`.

    Parameters
    ----------
    on_delete: `NO ACTION`, `RESTRICT`, `CASCADE`, `SET NULL` or `SET DEFAULT`.
    """

    source: Name
    columns: tuple[str, ...]
    target: Name
    referred: tuple[str, ...]
    on_delete: str

    @property
    def lets_go(self) -> bool:
        """Whether the referring row stays, and only forgets what it pointed at."""
        return self.on_delete in ("SET NULL", "SET DEFAULT")

    @property
    def is_own(self) -> bool:
        """Whether a table refers to itself."""
        return self.source == self.target


# The pragma tells the actions, whatever quoting the table was created with.
_SQLITE = """
SELECT m.name, f.id, f."from", f."table", f."to", f.on_delete
FROM sqlite_master AS m, pragma_foreign_key_list(m.name) AS f
WHERE m.type = 'table' ORDER BY m.name, f.id, f.seq
"""
_SQLITE_KEYS = """
SELECT m.name, c.name FROM sqlite_master AS m, pragma_table_info(m.name) AS c
WHERE m.type = 'table' AND c.pk > 0 ORDER BY m.name, c.pk
"""
# A partition's copy of its parent's key is left out; a key that points at a partition is kept.
_POSTGRESQL = """
SELECT sn.nspname, s.relname, tn.nspname, t.relname, con.confdeltype::text,
  ARRAY(SELECT a.attname::text FROM unnest(con.conkey) WITH ORDINALITY AS k(number, position)
        JOIN pg_attribute a ON a.attrelid = con.conrelid AND a.attnum = k.number ORDER BY k.position),
  ARRAY(SELECT a.attname::text FROM unnest(con.confkey) WITH ORDINALITY AS k(number, position)
        JOIN pg_attribute a ON a.attrelid = con.confrelid AND a.attnum = k.number ORDER BY k.position)
FROM pg_constraint con
JOIN pg_class s ON s.oid = con.conrelid JOIN pg_namespace sn ON sn.oid = s.relnamespace
JOIN pg_class t ON t.oid = con.confrelid JOIN pg_namespace tn ON tn.oid = t.relnamespace
LEFT JOIN pg_constraint parent ON parent.oid = con.conparentid
WHERE con.contype = 'f' AND (parent.oid IS NULL OR parent.conrelid = con.conrelid)
"""
_POSTGRESQL_ACTIONS = {"a": "NO ACTION", "r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}
_MYSQL = """
SELECT k.TABLE_SCHEMA, k.TABLE_NAME, k.REFERENCED_TABLE_SCHEMA, k.REFERENCED_TABLE_NAME, r.DELETE_RULE,
  k.CONSTRAINT_NAME, k.COLUMN_NAME, k.REFERENCED_COLUMN_NAME
FROM information_schema.KEY_COLUMN_USAGE k
JOIN information_schema.REFERENTIAL_CONSTRAINTS r
  ON r.CONSTRAINT_SCHEMA = k.CONSTRAINT_SCHEMA AND r.CONSTRAINT_NAME = k.CONSTRAINT_NAME AND r.TABLE_NAME = k.TABLE_NAME
WHERE k.REFERENCED_TABLE_NAME IS NOT NULL
ORDER BY k.TABLE_SCHEMA, k.TABLE_NAME, k.CONSTRAINT_NAME, k.ORDINAL_POSITION
"""


def read_references(connection: sa.Connection) -> list[Reference]:
    """Every foreign key that this user may see, over all schemas."""
    if connection.dialect.name == "sqlite":
        return _of_sqlite(connection)
    if connection.dialect.name == "postgresql":
        rows = connection.execute(sa.text(_POSTGRESQL))
        return [
            Reference(Name(*row[:2]), tuple(row[5]), Name(*row[2:4]), tuple(row[6]), _POSTGRESQL_ACTIONS[row[4]])
            for row in rows
        ]
    return _grouped(
        ((row[0], row[1], row[5]), Name(row[0], row[1]), row[6], Name(row[2], row[3]), row[7], row[4])
        for row in connection.execute(sa.text(_MYSQL))
    )


def _of_sqlite(connection: sa.Connection) -> list[Reference]:
    """SQLite finds tables whatever their case, and lets the referred columns be left out: they are the primary key."""
    names = {name.lower(): name for name in sa.inspect(connection).get_table_names()}
    keys: dict[str, list[str]] = {}
    for table, column in connection.execute(sa.text(_SQLITE_KEYS)):
        keys.setdefault(table, []).append(column)

    def parts() -> Iterable[tuple[Any, Name, str, Name, str, str]]:
        position, before = 0, None
        for source, number, column, written, referred, action in connection.execute(sa.text(_SQLITE)):
            position, before = (position + 1 if before == (source, number) else 0), (source, number)
            target = names.get(written.lower(), written)
            implied = keys.get(target, [""])[position:] or [""]
            yield (source, number), Name("main", source), column, Name("main", target), referred or implied[0], action

    return _grouped(parts())


def _grouped(parts: Iterable[tuple[Any, Name, str, Name, str, str]]) -> list[Reference]:
    """One reference for the columns of each constraint."""
    found: dict[Any, tuple[Name, list[str], Name, list[str], str]] = {}
    for identity, source, column, target, referred, action in parts:
        entry = found.setdefault(identity, (source, [], target, [], action))
        entry[1].append(column)
        entry[3].append(referred)
    return [
        Reference(source, tuple(columns), target, tuple(referred), action)
        for source, columns, target, referred, action in found.values()
    ]
