"""What a rule would delete, counted before anything is touched, and what speaks against it.

Owns: putting together the rule's meaning, the family, the counts and the refusals; the plan's hash.
Never: writes to the database.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from automation.cleanup.connection import transaction
from automation.cleanup.counting import Counts, count_rows, rows_of, sample_of
from automation.cleanup.family import Family, gather
from automation.cleanup.guards import guards, missing_indexes, references, refuse_listed
from automation.cleanup.meaning import Meaning, meaning_of
from automation.cleanup.references import read_references
from automation.cleanup.rule import CleanupParams, Rule
from automation.cleanup.schema import Target, find_table, must_have_key
from automation.cleanup.walk import choose
from automation.errors import FailureClass, JobFailed
from automation.text import instant


@dataclass(frozen=True)
class Plan:
    """The rows that a rule means, counted.

    Parameters
    ----------
    kind: what the age column was taken for, in words; None without an age.
    along: the columns that batches walk along.
    children: rows that would go with them, by table.
    detached: rows that would stay and forget what they pointed at, by table and column.
    refusals: what speaks against going on, one sentence each; `warnings`: what does not.
    """

    rule: Rule
    family: Family
    meaning: Meaning
    cutoff: datetime | None
    kind: str | None
    counts: Counts
    along: tuple[str, ...]
    access: str | None
    sample: tuple[Any, ...]
    children: Mapping[str, int] = field(default_factory=dict)
    detached: Mapping[str, int] = field(default_factory=dict)
    refusals: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def matched(self) -> int:
        """Rows of the root that would go."""
        return self.counts.matched


def make_plan(engine: sa.Engine, params: CleanupParams, rule: Rule, now: datetime, former: Sequence[int] = ()) -> Plan:
    """Count what would go and what stands in the way.

    Raises JobFailed (config) when the rule does not fit the database.
    """
    cutoff = _cutoff(rule, now)
    with transaction(engine, writes=False) as connection:
        inspector = sa.inspect(connection)
        root = find_table(inspector, rule.table or "")
        must_have_key(root)
        meaning = meaning_of(connection, inspector, rule, root, cutoff)
        age, where = meaning.age(root), meaning(root)
        family = gather(inspector, root, rule.children, meaning, read_references(connection))
        refuse_listed(params, family.members)
        counts = count_rows(connection, root, meaning, now)
        children = {
            _label(child, root): rows_of(connection, child.clause, family.goes(child)) for child in family.children
        }
        blocked, detached = references(connection, family)
        warnings, unindexed = missing_indexes(meaning, params, counts.total)
        sorted_age = rule.age.column if age is not None and age.odd is not None and rule.age else None
        along = choose(root, sorted_age, counts.matched, counts.total)
        meaning = replace(meaning, along=along)
        return Plan(
            rule=rule, family=replace(family, rule=meaning), meaning=meaning, cutoff=cutoff, kind=age.kind if age else None, counts=counts,
            along=along, access=_access(connection, root, where),
            sample=sample_of(connection, root, where), children=children, detached=detached,
            refusals=(*guards(params, rule.table or "", counts, former), *unindexed, *blocked), warnings=tuple(warnings),
        )  # fmt: skip


def _cutoff(rule: Rule, now: datetime) -> datetime | None:
    if rule.age is None:
        return None
    cutoff = rule.age.cutoff(now)
    if cutoff > now:
        raise JobFailed(
            f"older_than.before is {instant(cutoff)}, after the run's time {instant(now)}; write a date in the past",
            FailureClass.CONFIG,
        )
    return cutoff


def _access(connection: sa.Connection, root: Target, where: sa.ColumnElement[bool]) -> str | None:
    """How the database would find the rows, in its own words; None where it does not say."""
    query = sa.select(*root.key_columns).select_from(root.clause).where(where)
    compiled = query.compile(connection, compile_kwargs={"render_postcompile": True})
    explain = {"sqlite": "EXPLAIN QUERY PLAN ", "postgresql": "EXPLAIN (COSTS OFF) "}.get(
        connection.dialect.name, "EXPLAIN "
    )
    parameters: Any = compiled.params
    if compiled.positiontup is not None:
        parameters = tuple(compiled.params[name] for name in compiled.positiontup)
    try:
        with connection.begin_nested():
            rows = connection.exec_driver_sql(explain + str(compiled), parameters).mappings().all()
    except sa.exc.DBAPIError:
        return None
    if connection.dialect.name == "sqlite":
        return "; ".join(str(row["detail"]) for row in rows)
    if connection.dialect.name == "postgresql":
        first, *others = (str(*row.values()).strip() for row in rows)
        return "; ".join([first, *(line[2:].strip() for line in others if line.startswith("->"))])
    return "; ".join(f"{row['type']} on {row['table']}, index {row['key'] or 'none'}" for row in rows)


def _label(child: Target, root: Target) -> str:
    return child.name.table if child.name.schema == root.name.schema else ".".join(child.name)
