"""Items → rows of a table that knows when each was first seen, last seen and changed.

Owns: the table, its new columns, the upsert by key, and the record of every changed value.
Never: touches a column that is not of a field or ours; judges items.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError

from automation.database import transient
from automation.errors import FailureClass, JobFailed
from automation.scraping.columns import changes_table, comparable, ensure_columns, item_table, longest_key
from automation.scraping.selectors import FieldRule
from automation.text import printable

Row = dict[str, Any]
_TRIES = 4


@dataclass
class Tally:
    """What became of the items of a run."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0

    def add(self, other: Tally) -> None:
        """Count these too."""
        self.new += other.new
        self.changed += other.changed
        self.unchanged += other.unchanged


class Store:
    """One table of items, with `<table>_changes` beside it when there is a key.

    With a key, an item is inserted or updated by it; without, every run inserts its items, and a second attempt of the
    same run first removes those of the first. What a run counts is the same for every attempt, since new and changed
    rows bear the run's moment.

    Parameters
    ----------
    moment: what `first_seen`, `last_seen` and `changed_at` are set to; one moment for a run and all its attempts.
    """

    def __init__(
        self,
        engine: sa.Engine,
        table: str,
        fields: Mapping[str, FieldRule],
        key: Sequence[str],
        *,
        moment: datetime,
        run_id: str,
        log: logging.Logger | logging.LoggerAdapter[logging.Logger],
    ) -> None:
        self._engine, self._key, self._moment, self._run_id = engine, tuple(key), moment, run_id
        self.table = item_table(table, fields, self._key, engine.dialect.name)
        self._changes = changes_table(self.table) if key else None
        self._longest = longest_key(self._key, engine.dialect.name)
        self._log = log
        self._added: set[str] = set()

    def prepare(self) -> None:
        """Make the tables and columns that are missing. Raises JobFailed when the database refuses."""
        try:
            with self._engine.begin() as connection:
                self._added = ensure_columns(connection, self.table, self._key, self._log)
                if self._changes is not None:
                    self._changes.create(connection, checkfirst=True)
                else:
                    connection.execute(sa.delete(self.table).where(self.table.c.run_id == self._run_id))
        except DBAPIError as error:
            raise self._failure(error) from error

    def without_key(self, row: Row) -> str | None:
        """The key field that a row lacks, or that is longer than the database can index; None when all is well."""
        for name in self._key:
            value = row[name]
            too_long = self._longest is not None and isinstance(value, str) and len(value) > self._longest
            if value in (None, "") or too_long:
                return name
        return None

    def write(self, rows: Sequence[Row]) -> Tally:
        """Put these rows in, in one transaction; no two of them have the same key.

        Raises JobFailed when the database refuses, CONFIG unless a later attempt may do better.
        """
        for number in range(1, _TRIES + 1):
            try:
                with self._engine.begin() as connection:
                    return self._upsert(connection, rows) if self._key else self._append(connection, rows)
            except DBAPIError as error:
                # Somebody else inserted the same key, or held a lock: what is there is looked at again.
                if number == _TRIES or not (isinstance(error, IntegrityError) or transient(error)):
                    raise self._failure(error) from error
        raise AssertionError("the last try raises or returns")

    def _append(self, connection: sa.Connection, rows: Sequence[Row]) -> Tally:
        stamped = [{**row, **self._stamps(), "run_id": self._run_id} for row in rows]
        connection.execute(sa.insert(self.table), stamped)
        return Tally(new=len(rows))

    def _upsert(self, connection: sa.Connection, rows: Sequence[Row]) -> Tally:
        present = self._present(connection, rows)
        tally, fresh, changes = Tally(), [], []
        for row in rows:
            old = present.get(self._identity(row))
            if old is None:
                fresh.append({**row, **self._stamps()})
                tally.new += 1
                continue
            differing = [
                name
                for name, value in row.items()
                if comparable(value) != comparable(old[name]) and name not in self._key
            ]
            # The first values of a column that this run added are no changes of the item.
            told = [name for name in differing if name not in self._added]
            changes += [self._change(row, name, old[name]) for name in told]
            self._touch(connection, row, old, differing, changed=bool(told))
            tally.add(self._judge(old, told))
        if fresh:
            connection.execute(sa.insert(self.table), fresh)
        if changes and self._changes is not None:
            connection.execute(sa.insert(self._changes), changes)
        return tally

    def _judge(self, old: Row, differing: Sequence[str]) -> Tally:
        if old["first_seen"] == self._moment:
            return Tally(new=1)
        if differing or old["changed_at"] == self._moment:
            return Tally(changed=1)
        return Tally(unchanged=1)

    def _touch(self, connection: sa.Connection, row: Row, old: Row, differing: Sequence[str], *, changed: bool) -> None:
        values: Row = {name: row[name] for name in differing}
        if old["last_seen"] is None or old["last_seen"] < self._moment:
            values["last_seen"] = self._moment
        if old["first_seen"] is None:
            values["first_seen"] = self._moment
        if changed:
            values["changed_at"] = self._moment
        if values:
            connection.execute(sa.update(self.table).where(self._where(row)).values(values))

    def _present(self, connection: sa.Connection, rows: Sequence[Row]) -> dict[tuple[Any, ...], Row]:
        found = connection.execute(sa.select(self.table).where(sa.or_(*(self._where(row) for row in rows))))
        return {self._identity(dict(one)): dict(one) for one in found.mappings()}

    def _where(self, row: Row) -> sa.ColumnElement[bool]:
        return sa.and_(*(self.table.c[name] == row[name] for name in self._key))

    def _identity(self, row: Row) -> tuple[Any, ...]:
        return tuple(row[name] for name in self._key)

    def _stamps(self) -> Row:
        return {"first_seen": self._moment, "last_seen": self._moment, "changed_at": self._moment}

    def _change(self, row: Row, name: str, old: Any) -> Row:
        key = json.dumps({part: row[part] for part in self._key}, ensure_ascii=False, default=str)
        return {
            "key": key, "field": name, "old": _shown(old), "new": _shown(row[name]),
            "at": self._moment, "run_id": self._run_id,
        }  # fmt: skip

    def _failure(self, error: DBAPIError) -> JobFailed:
        cause = printable(str(error.orig).partition("\n")[0], 300)
        failure_class = FailureClass.DB_LOCK if transient(error) else FailureClass.CONFIG
        return JobFailed(f"The table '{self.table.fullname}' cannot be written: {cause}", failure_class, code="store")


def _shown(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (list, bool)) else str(value)
