"""Archives in a table of a database of another kind: every value arrives as it was, or the row stays."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from automation.errors import JobFailed

Open = Callable[[str], sa.Engine]
Sweep = Callable[..., dict[str, Any]]

POSTGRESQL = """
CREATE TABLE t (id uuid, made timestamptz, small smallint, large bigint, exact numeric(30,10), "real" double precision, yes boolean,
  "a text" text, fixed char(5), data bytea, day date, wall timestamp, clock time, doc jsonb, PRIMARY KEY (id));
INSERT INTO t VALUES
 ('00000000-0000-0000-0000-00000000000a', '2020-01-01 00:00:00.000001+05:30', -32768, 9223372036854775807, 12345678901234567890.0123456789,
  0.1, true, E'ünï \\U0001F600 ''"\\\\ \\n %s :x', 'ab', '\\x00ff', '0001-01-01', '9999-12-31 23:59:59.999999', '23:59:59.999999', '{"a": [1, null]}'),
 ('00000000-0000-0000-0000-00000000000b', '2020-01-02', 0, 0, 0, 0, false, '', '', '', '2020-02-29', '1000-01-01', '00:00', 'null'),
 ('00000000-0000-0000-0000-00000000000c', '2020-01-03', null, null, null, null, null, null, null, null, null, null, null, null),
 ('00000000-0000-0000-0000-00000000000d', '2024-01-01', 1, 1, 1, 1, true, 'stays', 'x', '', '2024-01-01', '2024-01-01', '01:00', '1')
"""
MARIADB = """
CREATE TABLE t (id varchar(20) COLLATE utf8mb4_nopad_bin PRIMARY KEY, made timestamp(6) NULL, large bigint unsigned, exact decimal(65,30),
  `real` double, single float, flag tinyint(1), `a text` longtext, data longblob, day date, wall datetime(6), span time(6), word enum('a','b'), doc json);
INSERT INTO t VALUES
 ('a', '2020-01-01 00:00:00.000001', 18446744073709551615, 99999999999999999999999999999999999.000000000000000000000000000001, 1e308, 0.1, 1,
  'ünï 😀 ''" %s :x', x'00ff', '1000-01-01', '9999-12-31 23:59:59.999999', '-838:59:59.000000', 'b', '{"a": 1}'),
 ('a ', '2020-01-02 00:00:00', 0, 0, 0, 0, 0, '', '', '2020-02-29', '1000-01-01', '00:00:00.000001', 'a', '[]'),
 ('A', '2020-01-03 00:00:00', null, null, null, null, null, null, null, null, null, null, null, null),
 ('b', '2024-01-01 00:00:00', 1, 1, 1, 1, 1, 'stays', '', '2024-01-01', '2024-01-01', '01:00', 'a', '1')
"""
SQLITE = """
CREATE TABLE t (id INTEGER PRIMARY KEY, made TEXT, amount NUMERIC, "real" REAL, "a text" VARCHAR(3), data BLOB, stamp DATETIME, yes BOOLEAN);
INSERT INTO t VALUES
 (-9223372036854775808, '2020-01-01', 10.5, 0.1, 'longer than three 😀', x'00ff', '2020-01-01T00:00:00+05:30', 1),
 (9223372036854775807, '2020-01-02', 12345, 1e308, '', x'', 'never', 0),
 (3, '2020-01-03', null, null, null, null, null, null),
 (4, '2024-01-01', 1, 1, 'stays', x'', '2024-01-01', 1)
"""
SCRIPTS = {"postgresql": POSTGRESQL, "mariadb": MARIADB, "sqlite": SQLITE}


def execute(engine: sa.Engine, script: str) -> None:
    with engine.begin() as connection:
        if engine.dialect.name == "mysql":
            connection.exec_driver_sql("SET time_zone = '+00:00'")
        for statement in script.split(";\n"):
            connection.exec_driver_sql(statement.replace("%", "%%") if engine.dialect.name != "sqlite" else statement)


def rows(engine: sa.Engine, table: str) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(f"SELECT * FROM {table} ORDER BY made")]


_TEXT = "ünï 😀 '\"\\ \n %s :x"
_LONG = Decimal("12345678901234567890.0123456789")
_LAST = datetime(9999, 12, 31, 23, 59, 59, 999999)
_MADE = datetime(2019, 12, 31, 18, 30, 0, 1)
_A = "00000000-0000-0000-0000-00000000000a"
_JSON = '{"a": [1, null]}'
#: What the first row has become.
FIRST: dict[tuple[str, str], tuple[Any, ...]] = {
    ("postgresql", "sqlite"): (
        _A, "2019-12-31 18:30:00.000001", -32768, 2**63 - 1, str(_LONG), 0.1, 1, _TEXT, "ab   ", b"\0\xff", "0001-01-01",
        "9999-12-31 23:59:59.999999", "23:59:59.999999", _JSON,
    ),
    ("postgresql", "mariadb"): (
        _A, _MADE, -32768, 2**63 - 1, _LONG, 0.1, 1, _TEXT, "ab   ", b"\0\xff", date(1, 1, 1),
        _LAST, timedelta(days=1) - timedelta(microseconds=1), _JSON,
    ),
    ("mariadb", "postgresql"): (
        "a", datetime(2020, 1, 1, 0, 0, 0, 1, tzinfo=UTC), Decimal(2**64 - 1), Decimal("9" * 35 + "." + "0" * 29 + "1"), 1e308, 0.1, 1,
        "ünï 😀 '\" %s :x", b"\0\xff", date(1000, 1, 1), _LAST, -timedelta(hours=838, minutes=59, seconds=59), "b", '{"a": 1}',
    ),
    ("sqlite", "postgresql"): (
        -(2**63), "2020-01-01", 10.5, 0.1, "longer than three 😀", b"\0\xff", "2020-01-01T00:00:00+05:30", 1,
    ),
    ("sqlite", "mariadb"): (
        -(2**63), "2020-01-01", 10.5, 0.1, "longer than three 😀", b"\0\xff", "2020-01-01T00:00:00+05:30", 1,
    ),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("source", "to"), list(FIRST))
def test_awkward_values_arrive_as_they_were(
    source: str, to: str, fresh_database: Callable[[str], str], open_database: Open, sweep: Sweep
) -> None:
    """Extremes, emptiness, quotes and emoji, in the types that both have; three rows that MariaDB could take for equal stay three."""
    engine, other = open_database(fresh_database(source)), open_database(fresh_database(to))
    execute(engine, SCRIPTS[source])

    result = sweep(engine, table="t", archive={"table": "old", "database": "elsewhere"}, databases=lambda _name: other)

    assert (result["deleted"], result["archived"], len(rows(engine, "t"))) == (3, {"t": 3}, 1)
    first, second, third = rows(other, "old")
    assert first == FIRST[source, to]
    assert None not in second
    assert third[2:] == (None,) * (len(third) - 2)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "to", "column", "said"),
    [
        ("postgresql", "mariadb", "inet", "column 'odd' of 't' is INET, which mysql has no type for"),
        ("postgresql", "sqlite", "int[]", "is ARRAY, which sqlite has no type for"),
        ("postgresql", "mariadb", "numeric", "is NUMERIC, which mysql has no type for"),
        ("postgresql", "sqlite", "interval", "is INTERVAL, which sqlite has no type for"),
        ("mariadb", "sqlite", "time", "is TIME, which sqlite has no type for"),
        ("mariadb", "postgresql", "year", "is YEAR, which postgresql has no type for"),
    ],
)
def test_type_without_a_counterpart_is_refused(
    source: str,
    to: str,
    column: str,
    said: str,
    fresh_database: Callable[[str], str],
    open_database: Open,
    sweep: Sweep,
) -> None:
    """Before anything is deleted, with the column and a way out."""
    engine, other = open_database(fresh_database(source)), open_database(fresh_database(to))
    execute(
        engine,
        f"CREATE TABLE t (id int PRIMARY KEY, made date, odd {column});\nINSERT INTO t VALUES (1, '2020-01-01', NULL)",
    )

    with pytest.raises(JobFailed, match=said):
        sweep(engine, table="t", archive={"table": "old", "database": "elsewhere"}, databases=lambda _name: other)
    assert len(rows(engine, "t")) == 1


@pytest.mark.parametrize(
    ("to", "kind", "value"),
    [
        pytest.param("postgresql", "INTEGER", "'a word'", id="a word among numbers"),
        pytest.param("postgresql", "NUMERIC", "9007199254740993", id="more digits than a double has"),
        pytest.param("postgresql", "TEXT", "'a' || char(0) || 'b'", id="a text with NUL", marks=pytest.mark.slow),
        pytest.param("postgresql", "TEXT", "x'00ff'", id="bytes among texts", marks=pytest.mark.slow),
        pytest.param("mariadb", "INTEGER", "'a word'", id="a word among numbers of MariaDB", marks=pytest.mark.slow),
        pytest.param("mariadb", "TEXT", "5", id="a number that is a text", marks=pytest.mark.slow),
    ],
)
def test_value_that_would_be_another_one_keeps_its_row(
    to: str, kind: str, value: str, fresh_database: Callable[[str], str], open_database: Open, sweep: Sweep
) -> None:
    """SQLite holds anything in any column; what the other database would change or refuse is not deleted, nor archived by half."""
    engine, other = open_database(fresh_database("sqlite")), open_database(fresh_database(to))
    execute(
        engine,
        f"CREATE TABLE t (id INTEGER PRIMARY KEY, made TEXT, odd {kind});\nINSERT INTO t VALUES (1, '2020-01-01', NULL);\n"
        f"INSERT INTO t VALUES (2, '2020-01-01', {value})",
    )
    archive = {"table": "old", "database": "elsewhere"}

    if value == "5":  # TEXT makes it '5' already in SQLite
        assert sweep(engine, table="t", archive=archive, databases=lambda _name: other)["deleted"] == 2
        return
    with pytest.raises(JobFailed, match="nothing of this batch was deleted"):
        sweep(engine, table="t", archive=archive, databases=lambda _name: other)
    assert len(rows(engine, "t")) == 2
    with other.connect() as connection:
        assert not sa.inspect(connection).has_table("old") or rows(other, "old") == []


@pytest.mark.slow
def test_children_go_with_their_rows(fresh_database: Callable[[str], str], open_database: Open, sweep: Sweep) -> None:
    """And a second run puts more into the same tables."""
    engine, other = open_database(fresh_database("mariadb")), open_database(fresh_database("sqlite"))
    execute(
        engine,
        """CREATE TABLE t (id int PRIMARY KEY, made date);
CREATE TABLE part (id int PRIMARY KEY, t int, FOREIGN KEY (t) REFERENCES t (id));
INSERT INTO t VALUES (1, '2020-01-01'), (2, '2021-01-01'), (3, '2024-01-01');
INSERT INTO part VALUES (10, 1), (20, 2), (30, 3)""",
    )
    for before in ("2020-06-01", "2022-01-01"):
        sweep(
            engine, table="t", children=["part"], older_than={"column": "made", "before": before},
            archive={"table": "t_old", "database": "elsewhere"}, databases=lambda _name: other,
        )  # fmt: skip
    assert rows(other, "t_old") == [(1, "2020-01-01"), (2, "2021-01-01")]
    with other.connect() as connection:
        assert connection.exec_driver_sql("SELECT id FROM part_old ORDER BY id").scalars().all() == [10, 20]
