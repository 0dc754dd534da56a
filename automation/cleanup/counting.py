"""How many rows a rule means, of how many, and how old they are.

Owns: the counts of a plan, in one pass over the table, or from an index where one serves.
Never: writes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from automation.cleanup.age import Age
from automation.cleanup.meaning import Meaning
from automation.cleanup.schema import Target
from automation.errors import FailureClass, JobFailed
from automation.text import printable

_SAMPLES = 5
_FUTURE = timedelta(days=1)


@dataclass(frozen=True)
class Counts:
    """What was counted.

    Parameters
    ----------
    total: rows of the table; `matched`: those that would go.
    undated: rows without a moment; `unreadable`: with something else in its place; `future`: more than a day from now. All stay.
    oldest, newest: of those that would go.
    """

    total: int
    matched: int
    undated: int = 0
    unreadable: int = 0
    future: int = 0
    oldest: str | None = None
    newest: str | None = None

    @property
    def percent(self) -> float:
        """The share of the table that would go."""
        return 100 * self.matched / self.total if self.total else 0.0


def count_rows(connection: sa.Connection, root: Target, meaning: Meaning, now: datetime) -> Counts:
    """Count the rows of a rule. Raises JobFailed (config) for an age column that holds no moments."""
    age, where = meaning.age(root), meaning(root)
    if age is None:
        return Counts(rows_of(connection, root.clause), rows_of(connection, root.clause, where))
    older = meaning.rule.age
    assert older is not None
    counts = _from_index(connection, root, age, where, now) if older.column in root.leading else None
    counts = counts or _in_one_pass(connection, root, age, where, now)
    _refuse_unreadable(connection, root, meaning, age, counts)
    return counts


def rows_of(connection: sa.Connection, clause: sa.FromClause, where: sa.ColumnElement[bool] | None = None) -> int:
    """How many rows of a table meet a condition."""
    query = sa.select(sa.func.count()).select_from(clause)
    return connection.execute(query if where is None else query.where(where)).scalar_one()


def sample_of(connection: sa.Connection, root: Target, where: sa.ColumnElement[bool]) -> tuple[Any, ...]:
    """The keys of the first few rows that would go."""
    shown = [root.column(name) for name in root.primary or root.key]
    rows = connection.execute(sa.select(*shown).select_from(root.clause).where(where).order_by(*shown).limit(_SAMPLES))
    return tuple(_plain(row[0]) if len(row) == 1 else [_plain(value) for value in row] for row in rows)


def _plain(value: Any) -> Any:
    return value if isinstance(value, int | str | None) else str(value)


def _from_index(
    connection: sa.Connection, root: Target, age: Age, where: sa.ColumnElement[bool], now: datetime
) -> Counts | None:
    """Each count by a range of the age's index; None where it does not sort as the moments do."""
    if age.odd is None:
        return None
    total = rows_of(connection, root.clause)
    # The least of the column is found at the index's end; as what `value` makes of it, which every driver can read.
    ends: list[sa.ColumnElement[Any]] = [sa.func.min(age.column), sa.func.max(age.column)]
    if isinstance(age.value, sa.Cast):
        ends = [sa.cast(end, age.value.type) for end in ends]
    query = sa.select(sa.func.count(), *ends).where(where).select_from(root.clause)
    matched, oldest, newest = connection.execute(query).one()
    undated = rows_of(connection, root.clause, age.column.is_(None))
    unreadable = rows_of(connection, root.clause, sa.or_(*age.odd))
    future = rows_of(connection, root.clause, sa.and_(age.readable, sa.not_(age.before(now + _FUTURE))))
    return Counts(total, matched, undated, unreadable, future, age.shown(oldest), age.shown(newest))


def _in_one_pass(
    connection: sa.Connection, root: Target, age: Age, where: sa.ColumnElement[bool], now: datetime
) -> Counts:
    later = sa.and_(age.readable, sa.not_(age.before(now + _FUTURE)))
    flags = {"goes": where, "undated": age.column.is_(None), "readable": age.readable, "later": later}
    inner = sa.select(
        age.value.label("value"), *(sa.case((flag, 1), else_=0).label(name) for name, flag in flags.items())
    ).select_from(root.clause)
    # SQLite would work each expression out again wherever it is used, unless a limit keeps the query apart.
    each = (inner.limit(-1) if connection.dialect.name == "sqlite" else inner).subquery()
    gone = sa.case((each.c.goes == 1, each.c.value))
    sums = [sa.func.coalesce(sa.func.sum(each.c[name]), 0) for name in flags]
    row = connection.execute(
        sa.select(sa.func.count(), *sums, sa.func.min(gone), sa.func.max(gone)).select_from(each)
    ).one()
    total, matched, undated, understood, future = map(int, row[:5])
    unreadable = total - undated - understood
    return Counts(total, matched, undated, unreadable, future, age.shown(row[5]), age.shown(row[6]))


def _refuse_unreadable(connection: sa.Connection, root: Target, meaning: Meaning, age: Age, counts: Counts) -> None:
    """A column in which not one value is a moment is the wrong column, or is read in the wrong way."""
    if not counts.unreadable or counts.total > counts.undated + counts.unreadable:
        return
    value = connection.execute(sa.select(age.column).where(age.column.is_not(None)).limit(1)).scalar_one()
    older = meaning.rule.age
    assert older is not None
    hint = "write the moments as 2024-01-31 or 2024-01-31 12:00:00, or name another column"
    if isinstance(value, int | float) and older.unit is None:
        hint = 'if its numbers count from 1970, say so with unit = "s", "ms" or "us"'
    elif older.unit is not None:
        hint = f'is unit = "{older.unit}" right?'
    raise JobFailed(
        f"column '{older.column}' of '{root.name.table}' is {root.types[older.column]!s} and holds no dates, "
        f"for example {printable(repr(value), 60)}; {hint}",
        FailureClass.CONFIG,
        code="column_type",
    )
