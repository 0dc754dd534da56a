"""Which partitions would go and which are missing, counted before anything is touched, and what speaks against it.

Owns: choosing them, the calendar of new ones, the guards and the refusals.
Never: writes to the database.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from automation.cleanup.age import read_age
from automation.cleanup.connection import transaction
from automation.cleanup.counting import Counts, rows_of
from automation.cleanup.family import source_clause
from automation.cleanup.guards import guards, refuse_listed
from automation.cleanup.partition_bounds import Partition, Scheme, read_partitions
from automation.cleanup.partition_rule import Every, Partitions
from automation.cleanup.references import Name, Reference, read_references
from automation.cleanup.rule import CleanupParams
from automation.cleanup.schema import Target, find_column, find_table, must_have_key
from automation.errors import FailureClass, JobFailed
from automation.text import count, instant, parse_duration

_MOST_NEW = 1000
_NAMES = {"day": "%Y_%m_%d", "week": "%Y_%m_%d", "month": "%Y_%m", "year": "%Y"}


@dataclass(frozen=True)
class PartitionPlan:
    """What is to be done with the partitions of a table.

    Parameters
    ----------
    goes: in order; `rows`: how many each of them holds, by its name.
    missing: those to be made; `last`: the one that takes what no other does, where it has to be split for that.
    """

    root: Target
    scheme: Scheme
    cutoff: datetime | None
    all: tuple[Partition, ...]
    goes: tuple[Partition, ...]
    rows: Mapping[str, int]
    counts: Counts
    missing: tuple[Partition, ...]
    last: Partition | None
    refusals: tuple[str, ...]
    warnings: tuple[str, ...]


def plan_partitions(
    engine: sa.Engine, params: CleanupParams, rule: Partitions, now: datetime, former: Sequence[int] = ()
) -> PartitionPlan:
    """Count what would go and what stands in the way. Raises JobFailed (config) when the rule does not fit the table."""
    with transaction(engine, writes=False) as connection:
        inspector = sa.inspect(connection)
        root = find_table(inspector, params.table or "")
        if params.archive is not None:
            must_have_key(root)
        refuse_listed(params, [root])
        scheme, found = read_partitions(connection, root, rule)
        older = rule.older_than(scheme.column)
        cutoff = older.cutoff(now) if older is not None else None
        if cutoff is not None and cutoff > now:
            raise _wrong(
                f"partitions.before is {instant(cutoff)}, after the run's time {instant(now)}; write a date in the past"
            )
        goes = [one for one in found if cutoff and one.end is not None and scheme.instant(one.end) <= cutoff]
        counted = {one.name.table: _rows(connection, root, scheme, rule, one) for one in goes}
        rows = {name: total for name, (total, _) in counted.items()}
        counts = Counts(rows_of(connection, root.clause), sum(rows.values()), sum(odd for _, odd in counted.values()))
        missing = tuple(_missing(connection, root, scheme, rule, found, now))
        refusals = [
            *guards(params, root.name.table, counts, former),
            *(f"partition '{name}' holds {count(odd, 'row')} without a date, which are never deleted; give them one first"
              for name, (_, odd) in counted.items() if odd),
            *_protected(params, goes),
            *_referred(connection, root, goes),
            *_not_here(connection, rule, len(goes) == len(found) and not missing),
        ]  # fmt: skip
        last = next((one for one in found if one.open), None)
        return PartitionPlan(
            root, scheme, cutoff, tuple(found), tuple(goes), rows, counts, missing, last, tuple(refusals),
            tuple(_strays(connection, root, last)),
        )  # fmt: skip


def of_partition(
    connection: sa.Connection, root: Target, name: Name, *columns: sa.ColumnElement[Any]
) -> sa.Select[Any]:
    """A query over one partition; MariaDB's are no tables."""
    if connection.dialect.name == "postgresql":
        return sa.select(*columns).select_from(sa.table(name.table, schema=name.schema))
    hint = f"PARTITION ({connection.dialect.identifier_preparer.quote(name.table)})"
    return sa.select(*columns).select_from(root.clause).with_hint(root.clause, hint)


def _rows(
    connection: sa.Connection, root: Target, scheme: Scheme, rule: Partitions, partition: Partition
) -> tuple[int, int]:
    """How many rows a partition holds, and how many of them have no moment: NULL and the like lie in the first one."""
    column = sa.column(scheme.column) if connection.dialect.name == "postgresql" else find_column(root, scheme.column)
    age = read_age(column, root.types[scheme.column], connection.dialect.name, rule.unit, scheme.zone)
    odd = sa.func.coalesce(sa.func.sum(sa.case((age.readable, 0), else_=1)), 0)
    row = connection.execute(of_partition(connection, root, partition.name, sa.func.count(), odd)).one()
    return int(row[0]), int(row[1])


def _missing(
    connection: sa.Connection, root: Target, scheme: Scheme, rule: Partitions, found: Sequence[Partition], now: datetime
) -> Iterator[Partition]:
    """Partitions from the end of the last one, or from now, until far enough ahead."""
    if rule.ahead is None or rule.every is None:
        return
    ends = [one.end for one in found if one.end is not None]
    today = floor(now.astimezone(scheme.zone).replace(tzinfo=None), rule.every)
    start = scheme.shown(max(ends)) if ends else today
    until = (now + parse_duration(rule.ahead)).astimezone(scheme.zone).replace(tzinfo=None)
    pattern = _NAMES[rule.every]
    for _ in range(_MOST_NEW):
        if start >= until:
            return
        end = following(start, rule.every)
        form = pattern if start == floor(start, rule.every) else _NAMES["day"]
        name = f"{root.name.table}_{start:{form}}"
        if connection.dialect.name != "postgresql":
            name = f"p{start:{form.replace('_', '')}}"
        yield Partition(Name(root.name.schema, name), scheme.bound(start), scheme.bound(end))
        start = end
    raise _wrong(
        f"more than {_MOST_NEW:,} partitions would be made up to {until}; write a larger 'every' or a shorter 'ahead'"
    )


def floor(at: datetime, every: Every) -> datetime:
    """The beginning of the day, week (Monday), month or year."""
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
    if every == "week":
        return midnight - timedelta(days=midnight.weekday())
    if every == "month":
        return midnight.replace(day=1)
    return midnight.replace(month=1, day=1) if every == "year" else midnight


def following(at: datetime, every: Every) -> datetime:
    """The beginning of the next one."""
    longer = {"day": 1, "week": 7, "month": 32, "year": 367}[every]
    return floor(floor(at, every) + timedelta(days=longer), every)


def _protected(params: CleanupParams, goes: Sequence[Partition]) -> Iterator[str]:
    for one in goes:
        if {one.name.table, ".".join(one.name)} & set(params.guard.protected):
            yield f"partition '{one.name.table}' is protected by guard.protected"


def _referred(connection: sa.Connection, root: Target, goes: Sequence[Partition]) -> Iterator[str]:
    """Rows elsewhere that refer to rows of a partition keep it from being detached, whatever their foreign key says."""
    if connection.dialect.name != "postgresql" or not goes:
        return  # MariaDB has no foreign keys of partitioned tables
    keys: dict[object, Reference] = {}
    for key in read_references(connection):
        if key.target == root.name or key.target in {one.name for one in goes}:
            keys.setdefault((key.source, key.columns, key.referred), key)
    for key in keys.values():
        clause = source_clause(key)
        for one in goes:
            there = sa.table(one.name.table, *map(sa.column, key.referred), schema=one.name.schema).alias()
            same = [there.c[name] == clause.c[mine] for name, mine in zip(key.referred, key.columns, strict=True)]
            found = sa.select(sa.literal(1, sa.Integer)).select_from(there).where(*same).correlate(clause).exists()
            if rows := rows_of(connection, clause, found):
                yield (
                    f"{count(rows, 'row')} of '{key.source.table}' ({', '.join(key.columns)}) refer to rows of partition "
                    f"'{one.name.table}' and keep it from going; delete them first"
                )


def _not_here(connection: sa.Connection, rule: Partitions, everything: bool) -> Iterator[str]:
    """What MariaDB does not do."""
    if connection.dialect.name == "postgresql":
        return
    if everything and rule.older_than("made") is not None:
        yield "every partition would go, and MariaDB keeps at least one; make others ahead, or drop the table"
    if rule.action == "detach" and not can_convert(connection.dialect):
        yield 'this server cannot turn a partition into a table (MariaDB 10.7 can); write action = "drop"'


def can_convert(dialect: sa.Dialect) -> bool:
    """Whether the server knows ALTER TABLE … CONVERT PARTITION."""
    return bool(getattr(dialect, "is_mariadb", False)) and (dialect.server_version_info or (0,)) >= (10, 7)


def _strays(connection: sa.Connection, root: Target, last: Partition | None) -> Iterator[str]:
    """Rows that found no partition of their own never go with one."""
    if last is None:
        return
    query = of_partition(connection, root, last.name, sa.literal(1)).limit(1)
    if connection.execute(query).first() is not None:
        yield f"partition '{last.name.table}' takes rows that no other one does, and has some; they do not go"


def _wrong(text: str) -> JobFailed:
    return JobFailed(text, FailureClass.CONFIG)
