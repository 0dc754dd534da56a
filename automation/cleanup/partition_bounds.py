"""The range partitions of a table, with the moments at which they end.

Owns: reading them from each database's catalogue, and writing a moment as a bound.
Never: makes or drops one; guesses: a bound that is no plain moment is none, and its partition stays.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from automation.cleanup.partition_rule import Partitions
from automation.cleanup.references import Name
from automation.cleanup.schema import Target, quoted
from automation.errors import FailureClass, JobFailed

_POSTGRESQL_KEY = """
SELECT p.partstrat::text, p.partnatts, a.attname::text, format_type(a.atttypid, NULL)
FROM pg_partitioned_table p LEFT JOIN pg_attribute a ON a.attrelid = p.partrelid AND a.attnum = p.partattrs[0]
WHERE p.partrelid = CAST(:quoted AS regclass)
"""
_POSTGRESQL = """
SELECT n.nspname, c.relname, pg_get_expr(c.relpartbound, c.oid)
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE i.inhparent = CAST(:quoted AS regclass) AND c.relispartition
"""
_MYSQL = """
SELECT DISTINCT PARTITION_METHOD, PARTITION_EXPRESSION, PARTITION_NAME, PARTITION_DESCRIPTION, PARTITION_ORDINAL_POSITION
FROM information_schema.PARTITIONS WHERE TABLE_SCHEMA = :schema AND TABLE_NAME = :table AND PARTITION_NAME IS NOT NULL
ORDER BY PARTITION_ORDINAL_POSITION
"""
_BOUND = re.compile(r"FOR VALUES FROM \((.*)\) TO \((.*)\)")
_EXPRESSION = re.compile(r"(?:(\w+)\()?`((?:[^`]|``)+)`\)?", re.IGNORECASE)
#: What MariaDB's TO_DAYS gives for the day before the first one of Python.
_TO_DAYS = 365
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = {"s": timedelta(seconds=1), "ms": timedelta(milliseconds=1), "us": timedelta(microseconds=1)}


@dataclass(frozen=True)
class Scheme:
    """How a table is partitioned by time.

    Parameters
    ----------
    column: the column that decides.
    zone: of bounds without an offset.
    absolute: bounds are instants; their moments are in UTC, all others are what a clock of the zone shows.
    read: a bound as a moment; ValueError where it is none. `write`: the reverse, as SQL.
    """

    column: str
    zone: ZoneInfo
    absolute: bool
    read: Callable[[str], datetime]
    write: Callable[[datetime], str]

    def instant(self, bound: datetime) -> datetime:
        """In UTC; where the zone's clocks show it twice, the later one."""
        return bound if self.absolute else bound.replace(tzinfo=self.zone, fold=1).astimezone(UTC)

    def shown(self, bound: datetime) -> datetime:
        """What a clock of the zone shows."""
        return bound.astimezone(self.zone).replace(tzinfo=None) if self.absolute else bound

    def bound(self, shown: datetime) -> datetime:
        """The bound at which a clock of the zone shows this. Raises JobFailed (config) where the table cannot have it."""
        found = shown.replace(tzinfo=self.zone).astimezone(UTC) if self.absolute else shown
        if self.read(self.write(found).strip("'")) != found:
            raise _wrong(
                f"the table is partitioned by '{self.column}' in a way that knows no bound {shown}; mend 'every'"
            )
        return found


@dataclass(frozen=True)
class Partition:
    """One partition.

    Parameters
    ----------
    start, end: where it begins and ends; None: without a bound, or with one that is no moment.
    open: it takes what no other one does.
    """

    name: Name
    start: datetime | None
    end: datetime | None
    open: bool = False


def read_partitions(connection: sa.Connection, root: Target, rule: Partitions) -> tuple[Scheme, list[Partition]]:
    """How the table is partitioned, and its partitions in order.

    Raises JobFailed (config) for a table that is not partitioned by ranges of one column of moments.
    """
    if connection.dialect.name == "postgresql":
        return _of_postgresql(connection, root, rule)
    if connection.dialect.name == "sqlite":
        raise _wrong("SQLite has no partitions; write older_than in place of 'partitions'")
    return _of_mysql(connection, root, rule)


def _of_postgresql(connection: sa.Connection, root: Target, rule: Partitions) -> tuple[Scheme, list[Partition]]:
    connection.execute(sa.text("SET LOCAL TimeZone = 'UTC'"))
    connection.execute(sa.text("SET LOCAL DateStyle = 'ISO'"))
    table = sa.table(root.name.table, schema=root.name.schema)
    whole = {"quoted": quoted(connection.dialect, table)}
    key = connection.execute(sa.text(_POSTGRESQL_KEY), whole).first()
    if key is None or key[0] != "r":
        raise _wrong(
            f"table '{root.name.table}' is not partitioned by range; write older_than in place of 'partitions'"
        )
    if key[1] != 1 or key[2] is None:
        raise _wrong(
            f"table '{root.name.table}' is partitioned by an expression or several columns, whose bounds tell no moment"
        )
    scheme = _scheme(rule, key[2], key[3], None)
    found = []
    for schema, name, text in connection.execute(sa.text(_POSTGRESQL), whole):
        match = _BOUND.fullmatch(text)
        start, end = (_moment(scheme, part) for part in match.groups()) if match else (None, None)
        found.append(Partition(Name(schema, name), start, end, open=match is None or match[2] == "MAXVALUE"))
    return scheme, _in_order(scheme, found)


def _of_mysql(connection: sa.Connection, root: Target, rule: Partitions) -> tuple[Scheme, list[Partition]]:
    rows = connection.execute(sa.text(_MYSQL), {"schema": root.name.schema, "table": root.name.table}).all()
    if not rows or not rows[0][0].startswith("RANGE"):
        raise _wrong(
            f"table '{root.name.table}' is not partitioned by range; write older_than in place of 'partitions'"
        )
    match = _EXPRESSION.fullmatch(rows[0][1])
    if match is None:
        raise _wrong(f"table '{root.name.table}' is partitioned by {rows[0][1]}, whose bounds tell no moment")
    column = match[2].replace("``", "`")
    scheme = _scheme(rule, column, str(root.types[column]).lower().partition("(")[0], match[1] and match[1].lower())
    found, start = [], None
    for _, _, name, text, _ in rows:
        end = _moment(scheme, text)
        found.append(Partition(Name(root.name.schema, name), start, end, open=text == "MAXVALUE"))
        start = end
    return scheme, found


def _scheme(rule: Partitions, column: str, kind: str, function: str | None) -> Scheme:
    """The reading of a column's bounds, by its type, or by the function that MariaDB puts around it."""
    zone = ZoneInfo(rule.zone)
    if function == "unix_timestamp" or (function is None and rule.unit and "int" in kind):
        step = _UNITS["s" if function else rule.unit or "s"]
        return Scheme(column, zone, True, lambda text: _EPOCH + int(text) * step, lambda at: str((at - _EPOCH) // step))
    if function == "to_days":
        return Scheme(
            column, zone, False,
            lambda text: datetime.fromordinal(int(text) - _TO_DAYS), lambda at: str(at.toordinal() + _TO_DAYS),
        )  # fmt: skip
    if function == "year":
        return Scheme(column, zone, False, lambda text: _midnight(date(int(text), 1, 1)), lambda at: str(at.year))
    if function is None and kind == "date":
        return Scheme(column, zone, False, _day, lambda at: f"'{at:%Y-%m-%d}'")
    if function is None and kind == "timestamp with time zone":
        return Scheme(
            column, zone, True,
            lambda text: datetime.fromisoformat(text).astimezone(UTC), lambda at: f"'{at.isoformat(sep=' ')}'",
        )  # fmt: skip
    if function is None and kind in ("timestamp without time zone", "datetime"):
        return Scheme(column, zone, False, datetime.fromisoformat, lambda at: f"'{at.isoformat(sep=' ')}'")
    shown = f"{function}({column})" if function else f"'{column}', which is {kind}"
    hint = '; if its numbers count from 1970, say so with unit = "s", "ms" or "us"' if "int" in kind else ""
    raise _wrong(f"the table is partitioned by {shown}, whose bounds tell no moment{hint}")


def _day(text: str) -> datetime:
    return _midnight(date.fromisoformat(text))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time())


def _moment(scheme: Scheme, text: str) -> datetime | None:
    with suppress(ValueError, OverflowError):
        return scheme.read(text.strip("'"))
    return None


def _in_order(scheme: Scheme, found: list[Partition]) -> list[Partition]:
    """Those with an end by it, the others last."""
    last: Any = datetime.max.replace(tzinfo=UTC if scheme.absolute else None)
    return sorted(found, key=lambda one: (one.end or last, one.name))


def _wrong(text: str) -> JobFailed:
    return JobFailed(text, FailureClass.CONFIG)
