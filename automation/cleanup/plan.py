"""What a rule would delete, counted before anything is touched, and what speaks against it.

Owns: the counts, the guards, and finding references that would block or delete unasked.
Never: writes to the database.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from automation.cleanup.age import Age, read_age
from automation.cleanup.connection import among, raw, transaction
from automation.cleanup.family import Family, gather, source_clause
from automation.cleanup.references import Reference, read_references
from automation.cleanup.rule import CleanupParams, Condition
from automation.cleanup.schema import Target, find_column, find_table, must_have_key
from automation.errors import FailureClass, JobFailed
from automation.text import count, instant, printable

_LARGE = 100_000
_SAMPLES = 5


@dataclass(frozen=True)
class Plan:
    """The rows that a rule means, counted.

    Parameters
    ----------
    total: rows of the table; `matched`: those that would go.
    undated: rows without a moment; `unreadable`: with something else in its place; `future`: more than a day from now. All stay.
    children: rows that would go with them, by table.
    detached: rows that would stay and forget what they pointed at, by table and column.
    refusals: what speaks against going on, one sentence each; `warnings`: what does not.
    """

    family: Family
    cutoff: datetime
    kind: str
    total: int
    matched: int
    undated: int
    unreadable: int
    future: int
    oldest: str | None
    newest: str | None
    sample: tuple[Any, ...]
    children: Mapping[str, int] = field(default_factory=dict)
    detached: Mapping[str, int] = field(default_factory=dict)
    refusals: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def percent(self) -> float:
        """The share of the table that would go."""
        return 100 * self.matched / self.total if self.total else 0.0


def make_plan(engine: sa.Engine, params: CleanupParams, now: datetime) -> Plan:
    """Count what would go and what stands in the way.

    Raises JobFailed (config) when the rule does not fit the database.
    """
    cutoff = params.older_than.cutoff(now)
    if cutoff > now:
        raise JobFailed(
            f"older_than.before is {instant(cutoff)}, after the run's time {instant(now)}; write a date in the past",
            FailureClass.CONFIG,
        )
    rule = _Rule(params, engine.dialect.name, cutoff)
    with transaction(engine, writes=False) as connection:
        inspector = sa.inspect(connection)
        root = find_table(inspector, params.table)
        must_have_key(root)
        age, where = rule.age(root), rule(root)
        family = gather(inspector, root, params.children, rule, read_references(connection))
        counts = _count(connection, root, age, where, now)
        _refuse_unreadable(connection, root, params, age, counts)
        children = {
            _label(child, root): _rows(connection, child.clause, family.goes(child)) for child in family.children
        }
        blocked, detached = _references(connection, family)
        sample = _sample(connection, root, where)
    warnings, refusals = _scan(root, params, counts["total"])
    guards = _guards(params, counts["total"], counts["matched"])
    return Plan(
        family=family, cutoff=cutoff, kind=age.kind, sample=sample, children=children, detached=detached,
        refusals=(*guards, *refusals, *blocked), warnings=warnings, **counts,
    )  # fmt: skip


class _Rule:
    """Which rows of the root go, for the table or an alias of it."""

    def __init__(self, params: CleanupParams, dialect: str, cutoff: datetime) -> None:
        self.params, self.dialect, self.cutoff = params, dialect, cutoff

    def age(self, target: Target) -> Age:
        """The age column as this database keeps it."""
        older = self.params.older_than
        column = find_column(target, older.column)
        return read_age(column, target.types[older.column], self.dialect, older.unit, ZoneInfo(older.zone))

    def __call__(self, target: Target) -> sa.ColumnElement[bool]:
        conditions = [_condition(target, condition) for condition in self.params.where]
        return sa.and_(self.age(target).older_than(self.cutoff), *conditions)


def _condition(target: Target, condition: Condition) -> sa.ColumnElement[bool]:
    column, value = find_column(target, condition.column), condition.value
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


def _count(
    connection: sa.Connection, root: Target, age: Age, where: sa.ColumnElement[bool], now: datetime
) -> dict[str, Any]:
    later = sa.and_(age.readable, sa.not_(age.before(now + timedelta(days=1))))
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
    return {
        "total": total, "matched": matched, "undated": undated, "unreadable": total - undated - understood,
        "future": future, "oldest": age.shown(row[5]), "newest": age.shown(row[6]),
    }  # fmt: skip


def _rows(connection: sa.Connection, clause: sa.FromClause, where: sa.ColumnElement[bool]) -> int:
    return connection.execute(sa.select(sa.func.count()).select_from(clause).where(where)).scalar_one()


def _refuse_unreadable(
    connection: sa.Connection, root: Target, params: CleanupParams, age: Age, counts: Mapping[str, Any]
) -> None:
    """A column in which not one value is a moment is the wrong column, or is read in the wrong way."""
    if not counts["unreadable"] or counts["total"] > counts["undated"] + counts["unreadable"]:
        return
    value = connection.execute(sa.select(age.column).where(age.column.is_not(None)).limit(1)).scalar_one()
    older = params.older_than
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


def _references(connection: sa.Connection, family: Family) -> tuple[list[str], dict[str, int]]:
    """What refers to the rows that would go, from rows that would stay."""
    blocked: list[str] = []
    detached: dict[str, int] = {}
    found: list[tuple[Reference, int]] = []
    for key in family.outside():
        clause = source_clause(key)
        found.append((key, _rows(connection, clause, family.refers(key, clause, list(clause.c)))))
    for key in family.backward():
        source = family.member(key.source).aliased()
        refers = family.refers(key, source.clause, source.columns(key.columns))
        if key.is_own or key.lets_go:
            refers = sa.and_(refers, sa.not_(sa.func.coalesce(family.goes(source), sa.false())))
        found.append((key, _rows(connection, source.clause, refers)))
    for key, rows in found:
        if rows and key.lets_go:
            detached[f"{key.source.table}.{', '.join(key.columns)}"] = rows
        elif rows:
            blocked.append(_in_the_way(family, key, rows))
    return blocked, detached


def _in_the_way(family: Family, key: Reference, rows: int) -> str:
    where = f"'{key.source.table}' ({', '.join(key.columns)})"
    if key.is_own:
        return (
            f"{count(rows, 'row')} of {where} would stay and refer to rows that would go; narrow the rule with 'where'"
        )
    if key.source == family.root.name:
        return f"{count(rows, 'row')} of {where} refer to rows of its own child; remove '{key.target.table}' from 'children'"
    does = "would be deleted with them, unasked" if key.on_delete == "CASCADE" else "keep them from being deleted"
    return (
        f"{count(rows, 'row')} of {where} refer to rows of '{key.target.table}' and {does} "
        f'(ON DELETE {key.on_delete}); list it: children = ["{key.source.table}"]'
    )


def _guards(params: CleanupParams, total: int, matched: int) -> list[str]:
    guard, limit, refusals = params.guard, params.row_limit, []
    if limit is not None and matched > limit:
        refusals.append(f"{count(matched, 'row')} of '{params.table}' would go, more than max_rows = {limit}")
    percent = 100 * matched / total if total else 0.0
    if guard.max_percent is not None and percent > guard.max_percent:
        refusals.append(
            f"{matched:,} of {count(total, 'row')} of '{params.table}' would go, that is {percent:.1f} %, "
            f"more than guard.max_percent = {guard.max_percent:g}"
        )
    if matched and guard.min_remaining is not None and total - matched < guard.min_remaining:
        refusals.append(
            f"{count(total - matched, 'row')} of '{params.table}' would remain, "
            f"fewer than guard.min_remaining = {guard.min_remaining}"
        )
    return refusals


def _scan(root: Target, params: CleanupParams, total: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """A warning or a refusal when no index begins with the age column."""
    if params.older_than.column in root.leading:
        return (), ()
    message = f"no index of '{params.table}' begins with '{params.older_than.column}'"
    if total <= _LARGE or params.guard.allow_scan:
        return (message,), ()
    return (), (f"{message} and it has {count(total, 'row')}; create one, or set guard.allow_scan = true",)


def _sample(connection: sa.Connection, root: Target, where: sa.ColumnElement[bool]) -> tuple[Any, ...]:
    shown = [root.column(name) for name in root.primary or root.key]
    rows = connection.execute(sa.select(*shown).select_from(root.clause).where(where).order_by(*shown).limit(_SAMPLES))
    return tuple(_plain(row[0]) if len(row) == 1 else [_plain(value) for value in row] for row in rows)


def _plain(value: Any) -> Any:
    return value if isinstance(value, int | str | None) else str(value)


def _label(child: Target, root: Target) -> str:
    return child.name.table if child.name.schema == root.name.schema else ".".join(child.name)
