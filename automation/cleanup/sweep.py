"""Deleting what a plan counted: batches along the key, each with its children in one short transaction.

Owns: the order inside a batch, trying again after a lock, and stopping between batches.
Never: deletes a row that the rule does not mean at that moment, or more rows than were counted.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from automation.cleanup.connection import after, among, transaction, up_to
from automation.cleanup.family import Family, source_clause
from automation.cleanup.references import Reference
from automation.cleanup.schema import Target
from automation.clock import Clock
from automation.database import transient
from automation.errors import FailureClass, GiveUp, JobFailed
from automation.secrets import mask_urls
from automation.text import count, printable

_TRIES = 8
_FIRST_WAIT, _LONGEST_WAIT = 0.1, 10.0
_LONGEST_PAUSE = 0.05
_VALUES_AT_ONCE = 500


class _Changed(Exception):
    """Fewer or more rows went than were locked; the batch is rolled back and tried again."""


@dataclass
class Swept:
    """How far a sweep came.

    Parameters
    ----------
    children: deleted rows by table.
    stopped: somebody asked it to end between two batches.
    complete: False when it was stopped, or rows were left that refer to each other.
    """

    deleted: int = 0
    batches: int = 0
    children: dict[str, int] = field(default_factory=dict)
    stopped: bool = False
    complete: bool = True


@dataclass(frozen=True)
class _Batch:
    rows: int
    last: tuple[Any, ...]
    children: dict[str, int]


class Sweep:
    """Deletes the rows of a family, batch by batch.

    Parameters
    ----------
    most: rows of the root that may go in all: those that the guards let pass.
    size: rows of the root in one batch; halved after a lock conflict.
    cancelled: asked between batches.
    progress: told (done, total) after each.
    """

    def __init__(
        self,
        engine: sa.Engine,
        family: Family,
        *,
        most: int,
        size: int,
        clock: Clock,
        cancelled: Callable[[], bool],
        progress: Callable[[int, int], None],
    ) -> None:
        self.engine, self.family, self.most, self.size = engine, family, most, size
        self.clock, self.cancelled, self.progress = clock, cancelled, progress
        self.leaves_first = bool(family.own(family.root))

    def run(self) -> Swept:
        """Delete until nothing is left that the rule means and the plan counted.

        Raises JobFailed when the database refuses, GiveUp when rows came into being that would go unasked.
        """
        swept = Swept(children={child.name.table: 0 for child in self.family.children})
        cursor: tuple[Any, ...] | None = None
        in_this_pass = 0
        while swept.deleted < self.most:
            if self.cancelled():
                swept.stopped, swept.complete = True, False
                break
            began = self.clock.monotonic()
            batch = self._persistently(cursor, self.most - swept.deleted)
            if batch is None:
                # Rows that others of the same table referred to may be free now.
                if not (self.leaves_first and in_this_pass):
                    break
                cursor, in_this_pass = None, 0
                continue
            cursor, in_this_pass = batch.last, in_this_pass + batch.rows
            self._add(swept, batch)
            self._pause(self.clock.monotonic() - began)
        if self.leaves_first and swept.deleted < self.most:
            swept.complete = False
        return swept

    def _add(self, swept: Swept, batch: _Batch) -> None:
        swept.deleted += batch.rows
        swept.batches += 1
        for name, rows in batch.children.items():
            swept.children[name] += rows
        self.progress(swept.deleted, self.most)

    def _pause(self, seconds: float) -> None:
        # SQLite has one writer and no queue for it: without a pause others starve.
        if self.engine.dialect.name == "sqlite":
            self.clock.sleep(min(seconds, _LONGEST_PAUSE))

    def _persistently(self, cursor: tuple[Any, ...] | None, most: int) -> _Batch | None:
        """One batch; after a lock conflict again, later and smaller."""
        wait = _FIRST_WAIT
        for attempt in range(1, _TRIES + 1):
            try:
                with transaction(self.engine, writes=True) as connection:
                    return self._batch(connection, cursor, min(self.size, most))
            except _Changed as changed:
                if attempt == _TRIES:
                    raise JobFailed(str(changed), FailureClass.DATA_INVALID, code="trigger") from changed
            except DBAPIError as error:
                if not transient(error):
                    raise _refused(error, self.family.root) from error
                if attempt == _TRIES:
                    raise JobFailed(
                        f"rows of '{self.family.root.name.table}' stayed locked for {_TRIES} tries: {_said(error)}; "
                        "run it at a quieter time or with a smaller 'batch'",
                        FailureClass.DB_LOCK,
                    ) from error
            self.size = max(1, self.size // 2)
            self.clock.sleep(wait)
            wait = min(wait * 2, _LONGEST_WAIT)
        return None

    def _batch(self, connection: sa.Connection, cursor: tuple[Any, ...] | None, size: int) -> _Batch | None:
        """1. lock the next rows; 2. delete what refers to them, deepest first; 3. delete them."""
        root = self.family.root
        start = [after(root.key_columns, cursor)] if cursor is not None else []
        where = sa.and_(self.family.goes(root), *start)
        rows = self._locked(connection, root, where, size)
        if not rows:
            return None
        keys = [tuple(row[name] for name in root.key) for row in rows]
        deleted = self._descendants(connection, rows)
        # With a key that is walked in order, a range names the same rows as the list, at a fraction of the cost.
        chosen = (
            among(root.key_columns, keys) if self.leaves_first else sa.and_(where, up_to(root.key_columns, keys[-1]))
        )
        gone = connection.execute(sa.delete(_table(root)).where(chosen)).rowcount
        if gone != len(keys):
            raise _Changed(
                f"the database deleted {gone} of {count(len(keys), 'row')} of '{root.name.table}'; "
                "a trigger or a rule keeps rows from being deleted, so nothing was"
            )
        return _Batch(len(keys), keys[-1], deleted)

    def _locked(
        self, connection: sa.Connection, root: Target, where: sa.ColumnElement[bool], size: int
    ) -> Sequence[sa.RowMapping]:
        names = dict.fromkeys((*root.key, *self._wanted(root)))
        query = sa.select(*(root.column(name).label(name) for name in names)).select_from(root.clause).where(where)
        if self.leaves_first:
            query = query.where(*(self._unreferenced(root, key) for key in self.family.own(root)))
        query = query.order_by(*root.key_columns).limit(size).with_for_update()
        rows = connection.execute(query).mappings().all()
        # PostgreSQL drops rows that somebody changed while it waited for them, and finds the ones after them next time.
        again = not rows and connection.dialect.name == "postgresql"
        return connection.execute(query).mappings().all() if again else rows

    def _wanted(self, member: Target) -> list[str]:
        """Columns of a member that others point at, as far as it matters here."""
        return [name for key in self._pointing_at(member) for name in key.referred]

    def _pointing_at(self, member: Target) -> list[Reference]:
        cascades = [key for key in self.family.outside() if key.on_delete == "CASCADE"]
        edges = [key for child in self.family.children for key in self.family.edges(child)]
        return [key for key in (*edges, *cascades) if key.target == member.name]

    def _descendants(self, connection: sa.Connection, rows: Sequence[sa.RowMapping]) -> dict[str, int]:
        going: dict[Any, Sequence[sa.RowMapping]] = {self.family.root.name: rows}
        for child in self.family.children:
            if names := dict.fromkeys(self._wanted(child)):
                going[child.name] = self._selected(connection, child, list(names), going)
        for member in self.family.members:
            self._refuse_cascades(connection, member, going.get(member.name, ()))
        return {
            child.name.table: self._delete_child(connection, child, going) for child in reversed(self.family.children)
        }

    def _selected(
        self, connection: sa.Connection, child: Target, names: list[str], going: dict[Any, Sequence[sa.RowMapping]]
    ) -> Sequence[sa.RowMapping]:
        found: dict[tuple[Any, ...], sa.RowMapping] = {}
        wanted = [child.column(name).label(name) for name in names]
        for condition in self._conditions(child, going):
            query = sa.select(*wanted).select_from(child.clause).where(condition).with_for_update()
            found.update({tuple(row.values()): row for row in connection.execute(query).mappings()})
        return list(found.values())

    def _conditions(self, child: Target, going: dict[Any, Sequence[sa.RowMapping]]) -> Iterator[sa.ColumnElement[bool]]:
        for key in self.family.edges(child):
            yield from _pointing(key, child.columns(key.columns), going.get(key.target, ()))

    def _refuse_cascades(self, connection: sa.Connection, member: Target, rows: Sequence[sa.RowMapping]) -> None:
        """A row that came after the plan was made, and would be deleted unasked."""
        for key in self.family.outside():
            if key.target != member.name or key.on_delete != "CASCADE":
                continue
            clause = source_clause(key)
            for condition in _pointing(key, list(clause.c), rows):
                if connection.execute(sa.select(sa.literal(1)).select_from(clause).where(condition).limit(1)).first():
                    raise GiveUp(
                        f"rows of '{key.source.table}' came to refer to rows of '{member.name.table}' and would be "
                        f'deleted with them, unasked; list it: children = ["{key.source.table}"]'
                    )

    def _delete_child(self, connection: sa.Connection, child: Target, going: dict[Any, Sequence[sa.RowMapping]]) -> int:
        gone = 0
        for condition in self._conditions(child, going):
            for key in self.family.own(child):
                gone += self._delete_leaves(connection, child, key, condition)
            gone += connection.execute(sa.delete(_table(child)).where(condition)).rowcount
        return gone

    def _delete_leaves(
        self, connection: sa.Connection, child: Target, key: Reference, condition: sa.ColumnElement[bool]
    ) -> int:
        """Rows that no other row of the table refers to, until there are none: no cascade, and no refusal."""
        gone = 0
        query = sa.select(*child.key_columns).select_from(child.clause).where(condition, self._unreferenced(child, key))
        while leaves := connection.execute(query).all():
            for part in _parts([tuple(row) for row in leaves]):
                gone += connection.execute(sa.delete(_table(child)).where(among(child.key_columns, part))).rowcount
        return gone

    def _unreferenced(self, member: Target, key: Reference) -> sa.ColumnElement[bool]:
        """Whether no other row of the same table points at a row."""
        other = member.aliased()
        points = [
            there == here for there, here in zip(other.columns(key.columns), member.columns(key.referred), strict=True)
        ]
        if self.engine.dialect.name not in ("mysql", "mariadb"):  # InnoDB keeps a row that points at itself
            points.append(sa.not_(sa.and_(*map(operator.eq, other.key_columns, member.key_columns))))
        found = sa.select(sa.literal(1)).select_from(other.clause).where(*points)
        return sa.not_(found.correlate(member.clause).exists())


def _pointing(
    key: Reference, columns: Sequence[sa.ColumnElement[Any]], rows: Sequence[sa.RowMapping]
) -> Iterator[sa.ColumnElement[bool]]:
    """Conditions that together find the rows that point at these, some hundred values in each."""
    values = dict.fromkeys(tuple(row[name] for name in key.referred) for row in rows)
    for part in _parts([value for value in values if None not in value]):
        yield among(columns, part)


def _parts(values: Sequence[tuple[Any, ...]]) -> Iterator[Sequence[tuple[Any, ...]]]:
    for start in range(0, len(values), _VALUES_AT_ONCE):
        yield values[start : start + _VALUES_AT_ONCE]


def _table(member: Target) -> sa.TableClause:
    assert isinstance(member.clause, sa.TableClause)
    return member.clause


def _said(error: DBAPIError) -> str:
    return printable(mask_urls(str(error.orig)), 300)


def _refused(error: DBAPIError, root: Target) -> JobFailed:
    """What the database said; its batch was rolled back."""
    kind = FailureClass.DATA_INVALID if isinstance(error, sa.exc.IntegrityError) else FailureClass.UNKNOWN
    return JobFailed(
        f"the database refused to clean up '{root.name.table}': {_said(error)}; this batch was rolled back", kind
    )
