"""One batch: a stretch of the root with what refers to it, inside a transaction that somebody else opened.

Owns: the order: lock, refuse what came meanwhile, archive, delete from the deepest child upward, compare the counts.
Never: commits, waits or tries again.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from automation.cleanup.connection import among
from automation.cleanup.family import Family, source_clause
from automation.cleanup.hook import Before, allowed
from automation.cleanup.references import Name, Reference
from automation.cleanup.rows import Rows
from automation.cleanup.schema import Target
from automation.cleanup.walk import Stretch, Walk
from automation.errors import GiveUp
from automation.text import count

_VALUES_AT_ONCE = 500
Keep = Callable[[sa.Connection, Target, Rows], None]


class Changed(Exception):
    """Fewer or more rows went than were meant to; the batch is rolled back and tried again."""


@dataclass(frozen=True)
class Batch:
    """What went: rows of the root, and of its children by table; `kept`: rows that `before` did not let go."""

    rows: int
    children: dict[str, int] = field(default_factory=dict)
    kept: int = 0


@dataclass(frozen=True)
class _Statements:
    """Those of a stretch, built once; `names` are of what `lock` reads."""

    names: tuple[str, ...]
    lock: sa.Select[Any]
    delete: sa.Delete
    count: sa.Select[int]


class Batcher:
    """Deletes stretches.

    Parameters
    ----------
    along: the columns of the root to walk along.
    keep: given the rows of each table before they go; None where nothing is archived.
    by_key: delete by a list of keys, since the rule looks at other rows of the same table.
    before: asked about the rows of the root before they are kept and go.
    """

    def __init__(
        self,
        family: Family,
        along: tuple[str, ...],
        dialect: str,
        keep: Keep | None,
        *,
        by_key: bool = False,
        before: Before | None = None,
    ) -> None:
        self.family, self.dialect, self.keep, self.before = family, dialect, keep, before
        self.walk = Walk(family.root, along, self._now())
        self.leaves_first = bool(family.own(family.root))
        self.by_key = by_key or self.leaves_first or before is not None
        cascades = any(key.on_delete == "CASCADE" for key in family.outside())
        self.plain = not (family.children or cascades or keep or self.by_key)

    def _now(self) -> sa.ColumnElement[bool]:
        """Which rows of the root may go now: those of the rule, and of a tree the leaves alone."""
        leaves = [unreferenced(self.family.root, key, self.dialect) for key in self.family.own(self.family.root)]
        return sa.and_(self.family.goes(self.family.root), *leaves)

    @cached_property
    def _statements(self) -> dict[bool, _Statements]:
        """By whether a stretch has a start."""
        root = self.family.root
        names = (*root.types, *root.key) if self.keep or self.before else root.key
        names = tuple(dict.fromkeys((*names, *self._wanted(root))))
        read = sa.select(*(root.exact(name).label(name) for name in names)).select_from(root.clause)
        found = {}
        for started in (False, True):
            inside = self.walk.within(started=started)
            chosen = sa.and_(self.family.goes(root), inside)
            found[started] = _Statements(
                names=names,
                lock=read.where(self.walk.where, inside).order_by(*self.walk.columns).with_for_update(),
                delete=sa.delete(table_of(root)).where(chosen),
                count=sa.select(sa.func.count()).select_from(root.clause).where(chosen),
            )
        return found

    def delete(self, connection: sa.Connection, stretch: Stretch, most: int) -> Batch:
        """Delete what the rule means of a stretch, as it is now. Raises Changed, GiveUp.

        Parameters
        ----------
        most: rows of the root that may go.
        """
        if self.plain:
            return self._plainly(connection, stretch, most)
        root, statements, values = (
            self.family.root,
            self._statements[stretch.start is not None],
            self.walk.values(stretch),
        )
        rows = Rows(statements.names, connection.execute(statements.lock, values).all())
        if not rows:
            return Batch(0)
        if len(rows) > most:
            raise Changed(f"more rows came to be meant than the {most:,} that were counted")
        found = len(rows)
        rows = allowed(self.before, rows) if self.before else rows
        going = self._going(connection, rows)
        gone = {
            child.name.table: self._delete_child(connection, child, going) for child in reversed(self.family.children)
        }
        if self.by_key:
            chosen = [sa.delete(table_of(root)).where(part) for part in _by_keys(root, rows.of(root.key))]
            deleted = sum(connection.execute(statement).rowcount for statement in chosen)
        else:
            deleted = connection.execute(statements.delete, values).rowcount
        self._must_be(deleted, len(rows))
        return Batch(len(rows), gone, found - len(rows))

    def copy(self, connection: sa.Connection, stretch: Stretch) -> None:
        """Give the archive what would go of a stretch by now; nothing goes yet. Raises GiveUp."""
        statements, values = self._statements[stretch.start is not None], self.walk.values(stretch)
        self._going(connection, Rows(statements.names, connection.execute(statements.lock, values).all()))

    def _plainly(self, connection: sa.Connection, stretch: Stretch, most: int) -> Batch:
        """A range and the rule, in one statement."""
        statements, values = self._statements[stretch.start is not None], self.walk.values(stretch)
        gone = connection.execute(statements.delete, values).rowcount
        if gone > most:
            raise Changed(f"more rows came to be meant than the {most:,} that were counted")
        if gone != stretch.rows:
            self._must_be(gone, gone + connection.execute(statements.count, values).scalar_one())
        return Batch(gone)

    def _must_be(self, gone: int, meant: int) -> None:
        if gone != meant:
            raise Changed(
                f"the database deleted {gone} of {count(meant, 'row')} of '{self.family.root.name.table}'; "
                "a trigger or a rule keeps rows from being deleted, so nothing was"
            )

    def _wanted(self, member: Target) -> list[str]:
        """Columns of a member that others point at, as far as it matters here."""
        cascades = [key for key in self.family.outside() if key.on_delete == "CASCADE"]
        edges = [key for child in self.family.children for key in self.family.edges(child)]
        return [name for key in (*edges, *cascades) if key.target == member.name for name in key.referred]

    def _going(self, connection: sa.Connection, rows: Rows) -> dict[Name, Rows]:
        """Rows of each member that go, as far as others point at them; given to the archive on the way."""
        going: dict[Name, Rows] = {self.family.root.name: rows}
        for child in self.family.children:
            names = tuple(dict.fromkeys((*((*child.types, *child.key) if self.keep else ()), *self._wanted(child))))
            if names:
                going[child.name] = self._selected(connection, child, names, going)
        for member in self.family.members:
            leaving = going.get(member.name, Rows())
            self._refuse_cascades(connection, member, leaving)
            if self.keep:
                self.keep(connection, member, leaving)
        return going

    def _selected(
        self, connection: sa.Connection, child: Target, names: tuple[str, ...], going: dict[Name, Rows]
    ) -> Rows:
        found: dict[tuple[Any, ...], Any] = {}
        wanted = [child.exact(name).label(name) for name in names]
        identity = child.key if self.keep and child.key else names
        for condition in self._conditions(child, going):
            query = sa.select(*wanted).select_from(child.clause).where(condition).with_for_update()
            rows = connection.execute(query).all()
            found.update(zip(Rows(names, rows).of(identity), rows, strict=True))
        return Rows(names, list(found.values()))

    def _conditions(self, child: Target, going: dict[Name, Rows]) -> Iterator[sa.ColumnElement[bool]]:
        for key in self.family.edges(child):
            yield from _pointing(key, child.columns(key.columns), going.get(key.target, Rows()))

    def _refuse_cascades(self, connection: sa.Connection, member: Target, rows: Rows) -> None:
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

    def _delete_child(self, connection: sa.Connection, child: Target, going: dict[Name, Rows]) -> int:
        gone = 0
        for condition in self._conditions(child, going):
            for key in self.family.own(child):
                gone += self._delete_leaves(connection, child, key, condition)
            gone += connection.execute(sa.delete(table_of(child)).where(condition)).rowcount
        if self.keep and gone != len(going[child.name]):
            raise Changed(f"{gone} rows of '{child.name.table}' went, and {len(going[child.name])} were archived")
        return gone

    def _delete_leaves(
        self, connection: sa.Connection, child: Target, key: Reference, condition: sa.ColumnElement[bool]
    ) -> int:
        """Rows that no other row of the table refers to, until there are none: no cascade, and no refusal."""
        gone = 0
        free = unreferenced(child, key, self.dialect)
        query = sa.select(*child.key_columns).select_from(child.clause).where(condition, free)
        while leaves := connection.execute(query).all():
            for part in _by_keys(child, [tuple(row) for row in leaves]):
                gone += connection.execute(sa.delete(table_of(child)).where(part)).rowcount
        return gone


def unreferenced(member: Target, key: Reference, dialect: str) -> sa.ColumnElement[bool]:
    """Whether no other row of the same table points at a row."""
    other = member.aliased()
    points = [
        there == here for there, here in zip(other.columns(key.columns), member.columns(key.referred), strict=True)
    ]
    if dialect not in ("mysql", "mariadb"):  # InnoDB keeps a row that points at itself
        points.append(sa.not_(sa.and_(*map(operator.eq, other.key_columns, member.key_columns))))
    found = sa.select(sa.literal(1)).select_from(other.clause).where(*points)
    return sa.not_(found.correlate(member.clause).exists())


def table_of(member: Target) -> sa.TableClause:
    """The table itself, which alone can be deleted from."""
    assert isinstance(member.clause, sa.TableClause)
    return member.clause


def _by_keys(member: Target, keys: Sequence[tuple[Any, ...]]) -> Iterator[sa.ColumnElement[bool]]:
    for part in _parts(keys):
        yield among(member.key_columns, part)


def _pointing(key: Reference, columns: Sequence[sa.ColumnElement[Any]], rows: Rows) -> Iterator[sa.ColumnElement[bool]]:
    """Conditions that together find the rows that point at these, some hundred values in each."""
    values = dict.fromkeys(rows.of(key.referred))
    for part in _parts([value for value in values if None not in value]):
        yield among(columns, part)


def _parts(values: Sequence[tuple[Any, ...]]) -> Iterator[Sequence[tuple[Any, ...]]]:
    for start in range(0, len(values), _VALUES_AT_ONCE):
        yield values[start : start + _VALUES_AT_ONCE]
