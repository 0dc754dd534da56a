"""Items → rows of a table that knows when each was first seen, last seen and changed.

Owns: the table, its new columns, the upsert by key, and the record of every changed value.
Never: touches a column that is not of a field or ours; judges items.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError

from automation.database import execute_many, transient
from automation.errors import FailureClass, JobFailed
from automation.scraping.columns import changes_table, comparable, item_table, longest_key
from automation.scraping.fields import FieldRule
from automation.scraping.growth import Growth
from automation.scraping.tally import SAMPLES, Tally
from automation.text import printable

Row = dict[str, Any]
_Answer = TypeVar("_Answer")
_TRIES = 4
#: Rows that one statement names.
_AT_ONCE = 200


class Store:
    """One table of items, with `<table>_changes` beside it when there is a key.

    With a key, an item is inserted or updated by it; without, every run inserts its items, and a second attempt of the
    same run first removes those of the first. What a run counts is the same for every attempt, since new and changed
    rows bear the run's moment.

    Parameters
    ----------
    may_grow: False refuses a table that lacks a column.
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
        may_grow: bool = True,
    ) -> None:
        self._engine, self._key, self._moment, self._run_id = engine, tuple(key), moment, run_id
        self.table = item_table(table, fields, self._key, engine.dialect.name)
        self._changes = changes_table(self.table) if key else None
        self._longest = longest_key(self._key, engine.dialect.name)
        self._growth = Growth(self.table, self._key, may_grow=may_grow, run_id=run_id, moment=moment, log=log)
        self._updates: dict[tuple[str, ...], sa.Update] = {}
        self._insert = sa.insert(self.table)

    def prepare(self, beside: Callable[[sa.Connection], bool] = lambda _connection: False) -> None:
        """Make the tables and columns that are missing. Raises JobFailed when the database refuses.

        Parameters
        ----------
        beside: done in the same transaction; True when rows of an earlier attempt are to stay.
        """
        try:
            with self._engine.begin() as connection:
                self._growth.grow(connection)
                if self._changes is not None:
                    self._changes.create(connection, checkfirst=True)
                if not beside(connection) and not self._key:
                    connection.execute(sa.delete(self.table).where(self.table.c.run_id == self._run_id))
        except DBAPIError as error:
            raise self.failure(error) from error

    def without_key(self, row: Row) -> str | None:
        """The key field that a row lacks, or that is longer than the database can index; None when all is well."""
        for name in self._key:
            value = row.get(name)
            too_long = self._longest is not None and isinstance(value, str) and len(value) > self._longest
            if value in (None, "") or too_long:
                return name
        return None

    def write(self, rows: Sequence[Row]) -> Tally:
        """Put these rows in, in one transaction; no two of them have the same key.

        Raises JobFailed when the database refuses, CONFIG unless a later attempt may do better.
        """
        return self.transaction(lambda connection: self.put(connection, rows))

    def transaction(self, work: Callable[[sa.Connection], _Answer]) -> _Answer:
        """Do this work in one transaction, and again where somebody else was in its way. Raises JobFailed."""
        for number in range(1, _TRIES + 1):
            try:
                with self._engine.begin() as connection:
                    return work(connection)
            except DBAPIError as error:
                # Somebody else inserted the same key, or held a lock: what is there is looked at again.
                if number == _TRIES or not (isinstance(error, IntegrityError) or transient(error)):
                    raise self.failure(error) from error
        raise AssertionError("the last try raises or returns")

    def put(self, connection: sa.Connection, rows: Sequence[Row]) -> Tally:
        """Put these rows in, some hundreds at once."""
        tally = Tally()
        for start in range(0, len(rows), _AT_ONCE):
            part = rows[start : start + _AT_ONCE]
            tally.add(self._upsert(connection, part) if self._key else self._append(connection, part))
        return tally

    def of_this_run(self, connection: sa.Connection) -> Iterator[Row]:
        """The rows that this run has put in or seen up to now."""
        mine = sa.select(self.table).where(self.table.c.run_id == self._run_id)
        for row in connection.execution_options(yield_per=500).execute(mine).mappings():
            yield dict(row)

    def sight(self, connection: sa.Connection, keys: Sequence[Row]) -> None:
        """Items of which no more than the key could be read are there all the same."""
        values = {"last_seen": self._moment, "run_id": self._run_id, "gone_at": None}
        self._execute(connection, [(key, values) for key in keys])

    def lose(self, connection: sa.Connection, runs: sa.Select[Any]) -> Tally:
        """What these runs were the last to see is gone: this one has seen all that there is."""
        if self._changes is None:
            return Tally()
        own = self.table.c
        lost = sa.and_(own.gone_at.is_(None), own.last_seen < self._moment, own.run_id.in_(runs))
        rows = connection.execute(sa.select(*(own[name] for name in self._key)).where(lost)).mappings().all()
        for start in range(0, len(rows), _AT_ONCE):
            history = [self._change(dict(row), "gone_at", None, self._moment) for row in rows[start : start + _AT_ONCE]]
            connection.execute(sa.insert(self._changes), history)
        connection.execute(sa.update(self.table).where(lost).values(gone_at=self._moment))
        tally = Tally(gone=len(rows))
        for row in rows[:SAMPLES]:
            tally.show("gone", self._named(dict(row)))
        return tally

    @property
    def added(self) -> list[str]:
        """The columns that this run added."""
        return sorted(self._growth.added)

    def file_of(self, connection: sa.Connection, item: Row, field: str, link: str) -> str | None:
        """The file that was kept of this link of this item."""
        own = self.table.c
        same = sa.and_(own[field] == link, *(own[name] == item[name] for name in self._key))
        return connection.execute(sa.select(own[f"{field}_file"]).where(same)).scalar()

    def _append(self, connection: sa.Connection, rows: Sequence[Row]) -> Tally:
        stamps = self._stamps()
        execute_many(connection, self._insert, [{**row, **stamps} for row in rows])
        return Tally(new=len(rows))

    def _upsert(self, connection: sa.Connection, rows: Sequence[Row]) -> Tally:
        present = self._present(connection, rows)
        tally, stamps = Tally(), self._stamps()
        fresh: list[Row] = []
        changes: list[Row] = []
        updates: list[tuple[Row, Row]] = []
        for row in rows:
            old = present.get(self._identity(row))
            if old is None:
                fresh.append({**row, **stamps})
                continue
            differing = self._differing(row, old)
            # The first values of a column that this run added are no changes of the item.
            told = [
                self._change(row, name, old[name], row[name]) for name in differing if name not in self._growth.added
            ]
            back = [self._change(row, "gone_at", old["gone_at"], None)] if old["gone_at"] is not None else []
            changes += told + back
            updates.append((row, self._news(row, old, differing, changed=bool(told))))
            tally.add(self._judge(old, told, len(back)))
            for one in told:
                tally.show("changed", {**self._named(row), **{part: one[part] for part in ("field", "old", "new")}})
        tally.new += len(fresh)
        for row in fresh[:SAMPLES]:
            tally.show("new", self._named(row))
        execute_many(connection, self._insert, fresh)
        self._execute(connection, updates)
        if changes and self._changes is not None:
            connection.execute(sa.insert(self._changes), changes)
        return tally

    def _differing(self, row: Row, old: Row) -> list[str]:
        compared = (name for name in row if name not in self._key)
        return [name for name in compared if comparable(row[name]) != comparable(old[name])]

    def _judge(self, old: Row, differing: Sequence[Row], back: int) -> Tally:
        if old["first_seen"] == self._moment:
            return Tally(new=1)
        if differing or old["changed_at"] == self._moment:
            return Tally(changed=1, back=back)
        return Tally(unchanged=1, back=back)

    def _news(self, row: Row, old: Row, differing: Sequence[str], *, changed: bool) -> Row:
        """What is to be written of an item that is there."""
        values: Row = {name: row[name] for name in differing}
        if old["last_seen"] is None or old["last_seen"] < self._moment:
            values["last_seen"] = self._moment
            values["run_id"] = self._run_id
        if old["first_seen"] is None:
            values["first_seen"] = self._moment
        if old["gone_at"] is not None:
            values["gone_at"] = None
        if changed:
            values["changed_at"] = self._moment
        return values

    def _execute(self, connection: sa.Connection, updates: Sequence[tuple[Row, Row]]) -> None:
        """Update these rows: those that get the same columns at once, since one statement each costs ten times as much."""
        alike: dict[tuple[str, ...], list[Row]] = {}
        for row, values in updates:
            if values:
                keys = {f"key_{number}": row[name] for number, name in enumerate(self._key)}
                alike.setdefault(tuple(values), []).append({**values, **keys})
        for names, rows in alike.items():
            if names not in self._updates:
                columns = [self.table.c[name] for name in self._key]
                places = [sa.bindparam(f"key_{number}", type_=column.type) for number, column in enumerate(columns)]
                where = sa.and_(*(column == place for column, place in zip(columns, places, strict=True)))
                self._updates[names] = sa.update(self.table).where(where)
            execute_many(connection, self._updates[names], rows)

    def _present(self, connection: sa.Connection, rows: Sequence[Row]) -> dict[tuple[Any, ...], Row]:
        columns = [self.table.c[name] for name in self._key]
        if len(columns) == 1:
            where = columns[0].in_([row[self._key[0]] for row in rows])
        else:
            where = sa.tuple_(*columns).in_([self._identity(row) for row in rows])
        found = connection.execute(sa.select(self.table).where(where))
        return {self._identity(row): row for row in map(dict, found.mappings())}

    def _identity(self, row: Row) -> tuple[Any, ...]:
        return tuple([row[name] for name in self._key])

    def _stamps(self) -> Row:
        stamps = {"first_seen": self._moment, "last_seen": self._moment, "changed_at": self._moment}
        return {**stamps, "run_id": self._run_id}

    def _named(self, row: Row) -> Row:
        return {part: row[part] for part in self._key}

    def _change(self, row: Row, name: str, old: Any, new: Any) -> Row:
        key = json.dumps(self._named(row), ensure_ascii=False, default=str)
        return {
            "key": key, "field": name, "old": _shown(old), "new": _shown(new),
            "at": self._moment, "run_id": self._run_id,
        }  # fmt: skip

    def failure(self, error: DBAPIError) -> JobFailed:
        """What to raise for a refusal of the database."""
        cause = printable(str(error.orig).partition("\n")[0], 300)
        failure_class = FailureClass.DB_LOCK if transient(error) else FailureClass.CONFIG
        return JobFailed(f"The table '{self.table.fullname}' cannot be written: {cause}", failure_class, code="store")


def _shown(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    if isinstance(value, datetime):
        return value.isoformat()
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (list, bool)) else str(value)
