"""What a rule means on a database: its criteria as conditions on a table or an alias of it.

Owns: building them; each value is bound, each name was looked up.
Never: runs them.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from automation.cleanup.age import Age, read_age
from automation.cleanup.connection import among, later, raw
from automation.cleanup.criteria import Condition, Duplicates, KeepLast, OrphansOf
from automation.cleanup.rule import Rule
from automation.cleanup.schema import Target, find_column, find_table
from automation.errors import FailureClass, JobFailed
from automation.text import count, printable

Element = sa.ColumnElement[Any]
_FLAGS = (sa.Integer, sa.Numeric)
_MOMENTS = (sa.DateTime, sa.Date)


@dataclass(frozen=True)
class Meaning:
    """Which rows of the root go, for the table or an alias of it.

    Parameters
    ----------
    cutoff: in UTC; None for a rule without an age.
    parent: the table that orphans refer to.
    along: the columns that a sweep walks along; SQLite is kept from using the index of any other one, which it would
        read as a whole for each batch.
    """

    rule: Rule
    root: Target
    dialect: str
    cutoff: datetime | None
    parent: Target | None = None
    along: tuple[str, ...] = ()

    @property
    def looks_around(self) -> bool:
        """Whether it looks at other rows; then rows are deleted by a list of keys."""
        return bool(self.rule.keep_last or self.rule.duplicates_by or self.rule.orphans_of or self.rule.where_sql)

    def age(self, target: Target) -> Age | None:
        """The age column as this database keeps it."""
        older = self.rule.age
        if older is None:
            return None
        column = self._apart(find_column(target, older.column), older.column)
        return read_age(column, target.types[older.column], self.dialect, older.unit, ZoneInfo(older.zone))

    def _apart(self, column: Element, name: str) -> Element:
        if self.dialect != "sqlite" or not self.along or name in self.along:
            return column
        return sa.UnaryExpression(column, operator=sa.sql.operators.custom_op("+"), type_=column.type)

    def __call__(self, target: Target) -> Element:
        parts = [condition_of(self._apart(find_column(target, one.column), one.column), one) for one in self.rule.where]
        age = self.age(target)
        if age is not None and self.cutoff is not None:
            parts.insert(0, age.older_than(self.cutoff))
        elif self.rule.soft_deleted:
            parts.append(_marked(target, self.rule.soft_deleted.column))
        if self.rule.keep_last:
            parts.append(self._beyond_the_last(target, self.rule.keep_last))
        if self.rule.duplicates_by:
            parts.append(self._has_a_twin(target, self.rule.duplicates_by))
        if self.rule.orphans_of:
            parts.append(self._is_orphan(target, self.rule.orphans_of))
        if self.rule.where_sql:
            parts.append(_as_written(self.rule.where_sql))
        return sa.and_(*parts)

    def _beyond_the_last(self, target: Target, keep: KeepLast) -> Element:
        """Older than the oldest row of its group that stays, which an index finds in a few steps."""
        other = self.root.aliased()
        order = _order(self.root, keep.order_by)
        theirs = other.columns(order)
        same = [find_column(other, name) == find_column(target, name) for name in keep.per]
        there = [column.is_not(None) for column in theirs]

        def last_kept(column: Element) -> Element:
            query = sa.select(column).select_from(other.clause).where(*same, *there)
            query = query.order_by(*(one.desc() for one in theirs)).limit(1).offset(keep.count - 1)
            return query.correlate(target.clause).scalar_subquery()

        return later([last_kept(column) for column in theirs], target.columns(order))

    def _has_a_twin(self, target: Target, twins: Duplicates) -> Element:
        """Whether a row with the same values is there that comes before it, or after it."""
        other = self.root.aliased()
        order = _order(self.root, twins.order_by)
        mine, theirs = target.columns(order), other.columns(order)
        stays = later(theirs, mine) if twins.keep == "newest" else later(mine, theirs)
        same = [find_column(other, name) == find_column(target, name) for name in twins.columns]
        found = sa.select(sa.literal(1, sa.Integer)).select_from(other.clause).where(*same, stays)
        return found.correlate(target.clause).exists()

    def _is_orphan(self, target: Target, orphans: OrphansOf) -> Element:
        assert self.parent is not None
        parent = self.parent.aliased()
        mine = [find_column(target, name) for name in orphans.column]
        theirs = [find_column(parent, name) for name in referred(self.parent, orphans)]
        found = sa.select(sa.literal(1, sa.Integer)).select_from(parent.clause)
        there = found.where(*map(operator.eq, theirs, mine)).correlate(target.clause).exists()
        return sa.and_(*(column.is_not(None) for column in mine), sa.not_(there))


def meaning_of(
    connection: sa.Connection, inspector: sa.Inspector, rule: Rule, root: Target, cutoff: datetime | None
) -> Meaning:
    """The rule on this database. Raises JobFailed (config) when it does not fit."""
    if rule.orphans_of is None:
        return Meaning(rule, root, connection.dialect.name, cutoff)
    parent = find_table(inspector, rule.orphans_of.table, root.name.schema)
    mine, theirs = rule.orphans_of.column, referred(parent, rule.orphans_of)
    if len(mine) != len(theirs):
        raise JobFailed(
            f"orphans_of has {count(len(mine), 'column')} and '{parent.name.table}' is told apart by "
            f"{', '.join(theirs) or 'no primary key'}; write 'references' with as many columns",
            FailureClass.CONFIG,
        )
    if connection.execute(sa.select(sa.literal(1)).select_from(parent.clause).limit(1)).first() is None:
        raise JobFailed(
            f"'{parent.name.table}' is empty, so that every row of '{root.name.table}' would be an orphan; "
            "nothing is deleted by such a rule",
            FailureClass.DATA_INVALID,
        )
    return Meaning(rule, root, connection.dialect.name, cutoff, parent)


def referred(parent: Target, orphans: OrphansOf) -> list[str]:
    """The columns of the parent that orphans would name."""
    return orphans.references or list(parent.primary)


def condition_of(column: Element, condition: Condition) -> Element:
    """A typed filter on a column."""
    value = condition.value
    if isinstance(value, list):
        held = among([column], [(item,) for item in value])
        return held if condition.op == "in" else sa.and_(column.is_not(None), sa.not_(held))
    if condition.op in ("is_null", "not_null"):
        return column.is_(None) if condition.op == "is_null" else column.is_not(None)
    bound = raw(value)
    comparisons = {
        "=": column == bound, "!=": column != bound, "<": column < bound, "<=": column <= bound,
        ">": column > bound, ">=": column >= bound, "like": column.like(bound),
    }  # fmt: skip
    return comparisons[condition.op]


def _order(root: Target, names: Sequence[str] | None) -> list[str]:
    """Columns that tell any two rows apart: those that were named, then the key."""
    for name in names or ():
        find_column(root, name)
    return list(dict.fromkeys((*(names or ()), *root.key)))


def _marked(target: Target, name: str) -> Element:
    column, kind = find_column(target, name), target.types[name]
    if isinstance(kind, sa.Boolean):
        return column.is_(sa.true())
    if isinstance(kind, _FLAGS):
        return column != 0
    if isinstance(kind, _MOMENTS):
        return column.is_not(None)
    raise JobFailed(
        f"column '{name}' is {kind!s}, neither a flag nor a moment; write the same as a condition, such as "
        f'where = [{{ column = "{printable(name, 60)}", op = "not_null" }}]',
        FailureClass.CONFIG,
        code="column_type",
    )


def _as_written(text: str) -> Any:
    """SQL of the job's own; in parentheses and on lines of its own, so that it stays one condition."""
    if any(mark in text for mark in (";", "--", "/*", "#")):
        raise JobFailed(
            f"where_sql is one condition without ';' and comments, found '{printable(text, 100)}'", FailureClass.CONFIG
        )
    return sa.text("(\n" + text.replace(":", r"\:") + "\n)")
