"""Bringing the rows of an archive back into a table.

Owns: reading each form, fitting values to columns, and all of it or nothing in one transaction.
Never: deletes or overwrites a row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from automation.cleanup.archive_forms import read
from automation.cleanup.connection import among, raw, transaction
from automation.cleanup.schema import Target, find_table
from automation.cleanup.values import bindable, loads
from automation.errors import InvalidInput, JobFailed, Refused
from automation.secrets import mask_urls
from automation.text import nearest, printable

_VALUES_AT_ONCE = 900


@dataclass(frozen=True)
class Restored:
    """Rows that came back, and rows that were there already."""

    inserted: int
    skipped: int


def restore(engine: sa.Engine, path: Path, into: str, *, skip_existing: bool = False) -> Restored:
    """Insert every row of an archive into a table, or none.

    Parameters
    ----------
    skip_existing: leave out rows whose primary key the table has; otherwise they are an error.

    Raises InvalidInput for a file that is no archive or does not fit the table, Refused when the database refuses.
    """
    columns, rows = read(path)
    try:
        with transaction(engine, writes=True) as connection:
            target = _target(connection, into)
            _must_fit(target, columns, path)
            if connection.dialect.name in ("mysql", "mariadb"):  # a zero in the key is a zero, and not the next number
                connection.exec_driver_sql("SET SESSION sql_mode = CONCAT(@@sql_mode, ',NO_AUTO_VALUE_ON_ZERO')")
            inserted = skipped = 0
            for part in _parts(rows, max(1, _VALUES_AT_ONCE // len(columns))):
                left = _unknown(connection, target, columns, part) if skip_existing else part
                skipped += len(part) - len(left)
                inserted += _insert(connection, target, columns, left)
    except DBAPIError as error:
        raise Refused(f"'{into}' does not take {path.name}, and nothing was restored: {_said(error)}") from error
    return Restored(inserted, skipped)


def _target(connection: sa.Connection, into: str) -> Target:
    try:
        return find_table(sa.inspect(connection), into)
    except JobFailed as error:
        raise InvalidInput(str(error)) from error


def _must_fit(target: Target, columns: Sequence[str], path: Path) -> None:
    for name in columns:
        if name not in target.types:
            meant = nearest(name, target.types)
            hint = f"; did you mean '{meant}'?" if meant else ""
            raise InvalidInput(f"{path.name} has a column '{name}', which '{target.name.table}' has not{hint}")


def _unknown(
    connection: sa.Connection, target: Target, columns: Sequence[str], rows: Sequence[list[Any]]
) -> list[list[Any]]:
    if not target.primary or not set(target.primary) <= set(columns):
        raise InvalidInput(f"'{target.name.table}' has no primary key in the archive; leave --skip-existing out")
    places = [columns.index(name) for name in target.primary]
    keys = [tuple(row[place] for place in places) for row in rows]
    query = sa.select(*target.columns(target.primary)).where(among(target.columns(target.primary), keys))
    there = {tuple(map(str, row)) for row in connection.execute(query)}
    return [row for row, key in zip(rows, keys, strict=True) if tuple(map(str, key)) not in there]


def _insert(connection: sa.Connection, target: Target, columns: Sequence[str], rows: Sequence[list[Any]]) -> int:
    if not rows:
        return 0
    arrays = {name for name in columns if isinstance(target.types[name], sa.ARRAY)}
    values = [
        {
            name: raw(bindable(loads(value) if name in arrays and isinstance(value, str) else value))
            for name, value in zip(columns, row, strict=True)
        }
        for row in rows
    ]
    assert isinstance(target.clause, sa.TableClause)
    connection.execute(sa.insert(target.clause).values(values))
    return len(rows)


def _parts(rows: Iterator[list[Any]], size: int) -> Iterator[list[list[Any]]]:
    part: list[list[Any]] = []
    for row in rows:
        part.append(row)
        if len(part) == size:
            yield part
            part = []
    if part:
        yield part


def _said(error: DBAPIError) -> str:
    return printable(" ".join(mask_urls(str(error.orig)).split()), 300)
