"""Partitions that go as a whole, and those that are made ahead, on the servers that have them."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from automation.acts.plans import described
from automation.cleanup.clean import Work
from automation.cleanup.partition_work import clean_partitions
from automation.cleanup.rule import CleanupParams
from automation.clock import FrozenClock
from automation.errors import GiveUp, JobFailed

Open = Callable[[str], sa.Engine]
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
#: The quick one by default.
KINDS = ["postgresql", pytest.param("mariadb", marks=pytest.mark.slow)]


@pytest.fixture
def opened(fresh_database: Callable[[str], str], open_database: Open) -> Open:
    return lambda kind: open_database(fresh_database(kind))


def execute(engine: sa.Engine, script: str) -> None:
    with engine.begin() as connection:
        for statement in filter(str.strip, script.split(";")):
            connection.exec_driver_sql(statement)


def months(engine: sa.Engine, *, key: str = "PRIMARY KEY (id, made)") -> None:
    """Three rows a month from October 2025 to January 2026, by days."""
    firsts = ["2025-10-01", "2025-11-01", "2025-12-01", "2026-01-01", "2026-02-01"]
    spans = list(pairwise(firsts))
    if engine.dialect.name == "postgresql":
        made = [f"CREATE TABLE m{a[5:7]} PARTITION OF log FOR VALUES FROM ('{a}') TO ('{b}')" for a, b in spans]
        execute(engine, f"CREATE TABLE log (id int, made date, {key}) PARTITION BY RANGE (made); {';'.join(made)}")
    else:
        made = [f"PARTITION m{a[5:7]} VALUES LESS THAN ('{b}')" for a, b in spans]
        execute(
            engine, f"CREATE TABLE log (id int, made date, {key}) PARTITION BY RANGE COLUMNS(made) ({','.join(made)})"
        )
    rows = [f"({n * 3 + day}, '{a[:8]}{day + 10}')" for n, (a, _) in enumerate(spans) for day in range(3)]
    execute(engine, f"INSERT INTO log VALUES {', '.join(rows)}")


def work(engine: sa.Engine, *, folder: Path = Path(), key: str | None = "run", **params: Any) -> dict[str, Any]:
    hooks = {name: params.pop(name) for name in ("databases", "cancelled") if name in params}
    model = CleanupParams.model_validate({"table": "log", **params})
    log = logging.getLogger("automation.test")
    return clean_partitions(
        engine, model, Work(now=NOW, log=log, clock=FrozenClock(NOW), folder=folder, key=key, **hooks)
    )


def found(engine: sa.Engine, query: str) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.exec_driver_sql(query).scalars())


def names(engine: sa.Engine, table: str = "log") -> list[str]:
    if engine.dialect.name == "postgresql":
        query = f"SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = '{table}'::regclass ORDER BY 1"
    else:
        query = (
            "SELECT PARTITION_NAME FROM information_schema.PARTITIONS "
            f"WHERE TABLE_SCHEMA = database() AND TABLE_NAME = '{table}' ORDER BY PARTITION_ORDINAL_POSITION"
        )
    return found(engine, query)


@pytest.mark.parametrize("kind", KINDS)
def test_dropped_partitions_are_those_that_ended_before_the_cutoff(kind: str, opened: Open) -> None:
    """One that reaches over the cutoff stays whole; the result says which went, with their rows."""
    engine = opened(kind)
    months(engine)

    result = work(engine, partitions={"before": "2025-12-15", "action": "drop"})

    assert names(engine) == ["m12", "m01"] if kind == "mariadb" else sorted(names(engine)) == ["m01", "m12"]
    assert found(engine, "SELECT id FROM log ORDER BY id") == [6, 7, 8, 9, 10, 11]
    assert (result["matched"], result["deleted"], result["remaining"], result["complete"]) == (6, 6, 6, True)
    assert [(one["name"], one["rows"], one["did"]) for one in result["partitions"]] == [
        ("m10", 3, "dropped"),
        ("m11", 3, "dropped"),
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_detached_partition_is_a_table_with_its_rows(kind: str, opened: Open) -> None:
    """What nobody told to drop is not dropped."""
    engine = opened(kind)
    months(engine)

    result = work(engine, partitions={"age": "61d"})

    table = "m10" if kind == "postgresql" else "log_m10"
    assert found(engine, f"SELECT id FROM {table} ORDER BY id") == [0, 1, 2]
    assert found(engine, "SELECT count(*) FROM log") == [9]
    assert [one["did"] for one in result["partitions"]] == ["detached"]


@pytest.mark.parametrize("kind", KINDS)
def test_plan_changes_nothing_and_says_all(kind: str, opened: Open) -> None:
    """Which would go, how many rows, which would be made, what speaks against it."""
    engine = opened(kind)
    months(engine)
    before = names(engine)
    ahead = {"before": "2026-01-01", "action": "drop", "ahead": "45d", "every": "month"}

    result = work(engine, partitions=ahead, guard={"max_percent": 50}, dry_run=True)

    assert names(engine) == before
    assert found(engine, "SELECT count(*) FROM log") == [12]
    assert [(one["name"], one["did"]) for one in result["partitions"]] == [(f"m{n}", "nothing") for n in (10, 11, 12)]
    assert [one["to"] for one in result["ahead"]] == ["2026-03-01T00:00:00Z"]
    assert "75.0 %, more than guard.max_percent = 50" in result["refusals"][0]
    assert (
        described(result)
        == "9 rows of 'log', 75 % of 12; drop 3 partitions: m10, m11, m12; make " + result["ahead"][0]["name"]
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("guard", "former", "said"),
    [
        ({"max_rows": 5}, [], "6 rows of 'log' would go, more than max_rows = 5"),
        ({"min_remaining": 7}, [], "6 rows of 'log' would remain"),
        ({"protected": ["m11"]}, [], "partition 'm11' is protected by guard.protected"),
    ],
)
def test_guards_count_rows_and_new_partitions_come_all_the_same(
    kind: str, guard: dict[str, Any], former: list[int], said: str, opened: Open
) -> None:
    """A refusal may not leave tomorrow's rows without a place."""
    engine = opened(kind)
    months(engine)

    with pytest.raises(GiveUp, match=said):
        work(
            engine, partitions={"before": "2025-12-01", "action": "drop", "ahead": "45d", "every": "month"}, guard=guard
        )

    assert found(engine, "SELECT count(*) FROM log") == [12]
    assert len(names(engine)) == 5
    execute(engine, "INSERT INTO log VALUES (99, '2026-02-28')")


@pytest.mark.parametrize("kind", KINDS)
def test_protected_table_keeps_all_its_partitions(kind: str, opened: Open) -> None:
    """The guard of the job stands before the whole table, too."""
    engine = opened(kind)
    months(engine)
    with pytest.raises(JobFailed, match="'log' is protected"):
        work(engine, partitions={"before": "2025-12-01", "action": "drop"}, guard={"protected": ["log"]})
    assert len(names(engine)) == 4


@pytest.mark.parametrize("kind", KINDS)
def test_rows_are_in_the_archive_before_their_partition_is_dropped(kind: str, opened: Open, tmp_path: Path) -> None:
    """All of them, in one file for all partitions; and once, when a second run finds nothing left."""
    engine = opened(kind)
    months(engine)
    rule = {"partitions": {"before": "2025-12-01", "action": "drop"}, "archive": {"to": "jsonl", "folder": "old"}}

    result = work(engine, folder=tmp_path, **rule)
    again = work(engine, folder=tmp_path, key="next", **rule)

    lines = (tmp_path / "old" / "log-run.jsonl").read_text().splitlines()
    assert [json.loads(line)[0] for line in lines[1:]] == [0, 1, 2, 3, 4, 5]
    assert (result["archived"], again["deleted"]) == ({"log": 6}, 0)
    assert len(names(engine)) == 2
    assert found(engine, "SELECT count(*) FROM log") == [6]


@pytest.mark.parametrize("kind", KINDS)
def test_rows_are_in_the_archive_table_before_their_partition_is_dropped(kind: str, opened: Open) -> None:
    """A table of the same database is as good as a file."""
    engine = opened(kind)
    months(engine)
    work(engine, partitions={"before": "2025-12-01", "action": "drop"}, archive={"table": "log_old"})
    assert found(engine, "SELECT id FROM log_old ORDER BY id") == [0, 1, 2, 3, 4, 5]
    assert found(engine, "SELECT id FROM log ORDER BY id") == [6, 7, 8, 9, 10, 11]


@pytest.mark.parametrize("kind", KINDS)
def test_archive_that_takes_nothing_keeps_the_partition(kind: str, opened: Open, tmp_path: Path) -> None:
    """PostgreSQL rolls back; on MariaDB the partition is a table by then, which the next attempt goes on with."""
    engine = opened(kind)
    months(engine)
    (tmp_path / "old").write_text("a file where the folder should be")
    rule = {"partitions": {"before": "2025-11-01", "action": "drop"}, "archive": {"to": "jsonl", "folder": "old"}}

    with pytest.raises(OSError, match="old"):
        work(engine, folder=tmp_path, **rule)

    table = "log" if kind == "postgresql" else "log_m10"
    assert found(engine, f"SELECT id FROM {table} WHERE id < 3 ORDER BY id") == [0, 1, 2]
    (tmp_path / "old").unlink()
    result = work(engine, folder=tmp_path, **rule)
    assert result["archived"] == {"log": 3}
    assert result["deleted"] == 3
    assert found(engine, "SELECT id FROM log ORDER BY id") == [3, 4, 5, 6, 7, 8, 9, 10, 11]
    if kind == "mariadb":
        assert "log_m10" not in found(engine, "SHOW TABLES")


@pytest.mark.parametrize(
    ("every", "to"),
    [
        pytest.param("day", ["2026-02-02", "2026-02-03", "2026-02-04", "2026-02-05"], marks=pytest.mark.slow),
        ("week", ["2026-02-02", "2026-02-09"]),
        ("month", ["2026-03-01"]),
        ("year", ["2027-01-01"]),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_partitions_ahead_begin_where_the_last_one_ends(kind: str, every: str, to: list[str], opened: Open) -> None:
    """At the boundaries of the calendar; and a second run makes no more."""
    engine = opened(kind)
    months(engine)
    rule = {"ahead": "34d12h", "every": every}

    result = work(engine, partitions=rule)

    assert [one["to"][:10] for one in result["ahead"]] == to
    assert result["ahead"][0]["from"] == "2026-02-01T00:00:00Z"
    execute(engine, "INSERT INTO log VALUES (99, '2026-02-04')")
    assert work(engine, partitions=rule, key="next")["ahead"] == []


@pytest.mark.slow
def test_last_partition_without_an_end_is_split(opened: Open) -> None:
    """What MariaDB keeps in MAXVALUE moves to where it belongs, and is said as long as it is there."""
    engine = opened("mariadb")
    execute(
        engine,
        """CREATE TABLE log (id int, made datetime) PARTITION BY RANGE (TO_DAYS(made)) (
        PARTITION a VALUES LESS THAN (TO_DAYS('2026-01-01')), PARTITION rest VALUES LESS THAN MAXVALUE);
        INSERT INTO log VALUES (1, '2025-12-31 23:59:59'), (2, '2026-01-01 00:00:00'), (3, '2026-01-31 23:59:59'), (4, '2026-02-01')""",
    )

    work(engine, partitions={"ahead": "30d", "every": "month"})

    assert names(engine) == ["a", "p202601", "rest"]
    assert found(engine, "SELECT id FROM log PARTITION (p202601) ORDER BY id") == [2, 3]
    assert found(engine, "SELECT id FROM log PARTITION (rest)") == [4]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("column", "by", "bound", "value", "unit"),
    [
        ("datetime", "RANGE (TO_DAYS(made))", "TO_DAYS('2025-12-01')", "'2025-11-30 23:59:59'", None),
        ("timestamp", "RANGE (UNIX_TIMESTAMP(made))", "UNIX_TIMESTAMP('2025-12-01')", "'2025-11-30'", None),
        ("date", "RANGE (YEAR(made))", "2025", "'2024-12-31'", None),
        ("datetime", "RANGE COLUMNS(made)", "'2025-12-01 00:00:00'", "'2025-11-30'", None),
        ("bigint", "RANGE (made)", "1764547200000", "1764547199999", "ms"),
    ],
)
def test_ways_in_which_mariadb_is_partitioned(
    column: str, by: str, bound: str, value: str, unit: str | None, opened: Open
) -> None:
    """Each of them ends in November 2025 or earlier; what is made ahead is read back as what was meant."""
    engine = opened("mariadb")
    execute(
        engine,
        f"""SET time_zone = '+00:00'; CREATE TABLE log (id int, made {column} NOT NULL) PARTITION BY {by}
        (PARTITION a VALUES LESS THAN ({bound})); INSERT INTO log VALUES (1, {value})""",
    )
    rule = {
        "before": "2025-12-01",
        "action": "drop",
        "ahead": "40d",
        "every": "year",
        **({"unit": unit} if unit else {}),
    }

    result = work(engine, partitions=rule)

    assert result["deleted"] == 0 if "a" in names(engine) else result["deleted"] == 1
    assert [one["name"] for one in result["partitions"]] == ["a"]
    assert work(engine, partitions=rule, key="next")["ahead"] == []


@pytest.mark.parametrize(
    ("column", "bounds", "unit"),
    [
        ("timestamptz", ("'2025-11-30 23:00:00+00'", "'2025-12-31 23:00:00+00'"), None),
        ("timestamp", ("'2025-12-01'", "'2026-01-01'"), None),
        ("bigint", ("1764543600", "1767222000"), "s"),
    ],
)
def test_ways_in_which_postgresql_is_partitioned(
    column: str, bounds: tuple[str, str], unit: str | None, opened: Open
) -> None:
    """Bounds are read in the rule's zone, and made there; a default partition never goes."""
    engine = opened("postgresql")
    execute(
        engine,
        f"""CREATE TABLE log (id int, made {column}) PARTITION BY RANGE (made);
        CREATE TABLE a PARTITION OF log FOR VALUES FROM (MINVALUE) TO ({bounds[0]});
        CREATE TABLE b PARTITION OF log FOR VALUES FROM ({bounds[0]}) TO ({bounds[1]});
        CREATE TABLE rest PARTITION OF log DEFAULT""",
    )
    rule = {"before": "2025-12-01", "zone": "Europe/Madrid", "ahead": "20d", "every": "month", "action": "drop"}

    result = work(engine, partitions={**rule, **({"unit": unit} if unit else {})})

    assert [one["name"] for one in result["partitions"]] == ["a"]
    assert [one["to"] for one in result["ahead"]] == ["2026-01-31T23:00:00Z"]
    assert sorted(names(engine)) == ["b", "log_2026_01", "rest"]


def test_rows_that_refer_to_a_partition_keep_it(opened: Open) -> None:
    """Whatever their foreign key would do when rows are deleted: a partition is detached, which nothing follows."""
    engine = opened("postgresql")
    months(engine)
    execute(
        engine,
        """CREATE TABLE note (id int PRIMARY KEY, log int, made date,
        FOREIGN KEY (log, made) REFERENCES log (id, made) ON DELETE CASCADE); INSERT INTO note VALUES (1, 1, '2025-10-11')""",
    )
    rule = {"partitions": {"before": "2025-12-01", "action": "drop"}}

    with pytest.raises(GiveUp, match=r"1 row of 'note' \(log, made\) refer to rows of partition 'm10'"):
        work(engine, **rule)
    execute(engine, "DELETE FROM note")
    assert work(engine, **rule)["deleted"] == 6


@pytest.mark.slow
def test_rows_without_a_date_are_in_no_partition_that_goes(opened: Open) -> None:
    """MariaDB puts them into the first one."""
    engine = opened("mariadb")
    months(engine, key="KEY (id)")
    execute(engine, "INSERT INTO log VALUES (99, NULL)")
    with pytest.raises(GiveUp, match="partition 'm10' holds 1 row without a date"):
        work(engine, partitions={"before": "2025-12-01", "action": "drop"})


@pytest.mark.slow
def test_mariadb_keeps_one_partition(opened: Open) -> None:
    """It refuses to drop the last one, so that the plan says so first."""
    engine = opened("mariadb")
    months(engine)
    execute(engine, "ALTER TABLE log DROP PARTITION m01")
    with pytest.raises(GiveUp, match="every partition would go"):
        work(engine, partitions={"before": "2026-01-01", "action": "drop"})
    assert len(names(engine)) == 3


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("CREATE TABLE log (id int PRIMARY KEY, made date)", "is not partitioned by range"),
        ("CREATE TABLE log (id int, made date) PARTITION BY HASH (made)", "is not partitioned by range"),
        ("CREATE TABLE log (id int, made date) PARTITION BY RANGE (id, made)", "an expression or several columns"),
        ("CREATE TABLE log (id int, made date) PARTITION BY RANGE ((made + 1))", "an expression or several columns"),
        ("CREATE TABLE log (id int, made date) PARTITION BY RANGE (id)", "if its numbers count from 1970"),
        (
            "CREATE TABLE log (id text, made date) PARTITION BY RANGE (id)",
            "'id', which is text, whose bounds tell no moment",
        ),
    ],
)
def test_table_whose_partitions_tell_no_time_is_refused(table: str, said: str, opened: Open) -> None:
    """With how it is partitioned, and what to write where something helps."""
    engine = opened("postgresql")
    execute(engine, table)
    with pytest.raises(JobFailed, match=said):
        work(engine, partitions={"age": "1d"})


def test_sqlite_has_none(opened: Open) -> None:
    """And the way out is an age of rows."""
    engine = opened("sqlite")
    execute(engine, "CREATE TABLE log (id int, made date)")
    with pytest.raises(JobFailed, match="SQLite has no partitions; write older_than"):
        work(engine, partitions={"age": "1d"})


@pytest.mark.slow
def test_lock_of_somebody_else_is_tried_again_and_then_told(opened: Open) -> None:
    """Nobody waits behind us for long: the lock is asked for briefly, several times."""
    engine = opened("postgresql")
    months(engine)
    with engine.begin() as other:
        other.exec_driver_sql("SELECT * FROM log FOR SHARE")
        with pytest.raises(JobFailed, match="stayed locked for 8 tries"):
            work(engine, partitions={"before": "2025-12-01", "action": "drop"})
    assert len(names(engine)) == 4


def test_names_that_need_quotes(opened: Open) -> None:
    """A table, a schema and a partition with blanks, quotes and capitals."""
    engine = opened("postgresql")
    execute(
        engine,
        '''CREATE SCHEMA "Old Data"; CREATE TABLE "Old Data"."Log ""x"" 5%s" (id int, "Made At" date) PARTITION BY RANGE ("Made At");
        CREATE TABLE "Old Data"."a %s b" PARTITION OF "Old Data"."Log ""x"" 5%s" FOR VALUES FROM ('2025-01-01') TO ('2025-02-01')'''.replace("%", "%%"),
    )  # fmt: skip
    rule = {"before": "2025-03-01", "action": "drop", "ahead": "10d", "every": "year"}

    result = work(engine, table='Old Data.Log "x" 5%s', partitions=rule, after=["analyze"])

    assert [one["name"] for one in result["partitions"]] == ["a %s b"]
    assert result["ahead"][0]["name"] == 'Log "x" 5%s_2025_02_01'
    assert [one["did"] for one in result["after"]] == ['ANALYZE "Old Data"."Log ""x"" 5%s"']
    left = 'SELECT inhrelid FROM pg_inherits WHERE inhparent = \'"Old Data"."Log ""x"" 5%%s"\'::regclass'
    assert len(found(engine, left)) == len(result["ahead"]) == result["partitions_left"]


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_killed_between_the_last_partition_and_the_end_it_goes_on(
    form: str, opened: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another attempt of the run finds no partition, finishes the archive and tells what went; a third one tells it too."""
    engine = opened("postgresql")
    months(engine)
    rule = {"partitions": {"before": "2025-12-01", "action": "drop"}, "archive": {"to": form, "folder": "old"}}
    with monkeypatch.context() as patch:
        patch.setattr("automation.cleanup.checkpoint.Checkpoint.finish", dies)
        with pytest.raises(SystemExit):
            work(engine, folder=tmp_path, **rule)

    for _ in range(2):
        result = work(engine, folder=tmp_path, **rule)
        assert (result["deleted"], result["archived"]) == (6, {"log": 6})
        assert result["files"] == [str(tmp_path / "old" / f"log-run.{form}")]
    assert [path.name for path in (tmp_path / "old").iterdir()] == [f"log-run.{form}"]


def dies(*_: object) -> None:
    raise SystemExit
