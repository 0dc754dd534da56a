"""Clean-up on PostgreSQL and MariaDB: what only they have."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from automation.database import make_engine
from automation.errors import FailureClass, GiveUp, JobFailed

Sweep = Callable[..., dict[str, Any]]
Open = Callable[[str], sa.Engine]


@pytest.fixture
def postgresql(fresh_database: Callable[[str], str], open_database: Open) -> sa.Engine:
    return open_database(fresh_database("postgresql"))


@pytest.fixture
def mariadb(fresh_database: Callable[[str], str], open_database: Open) -> sa.Engine:
    return open_database(fresh_database("mariadb"))


def execute(engine: sa.Engine, script: str) -> None:
    with engine.begin() as connection:
        for statement in script.split(";"):
            connection.exec_driver_sql(statement)


def ids(engine: sa.Engine, table: str = "t", schema: str | None = None) -> list[Any]:
    with engine.connect() as connection:
        rows = sa.select(sa.column("id")).select_from(sa.table(table, schema=schema)).order_by(sa.column("id"))
        return list(connection.execute(rows).scalars())


def test_instants_are_compared_as_instants(postgresql: sa.Engine, sweep: Sweep) -> None:
    """TIMESTAMPTZ knows its zone; neither the rule's nor the server's matters. Infinity is no moment."""
    execute(
        postgresql,
        """CREATE TABLE t (id int PRIMARY KEY, made timestamptz);
        INSERT INTO t VALUES (1, '2022-01-01 00:59:59+01'), (2, '2022-01-01 01:00:00+01'), (3, '-infinity'), (4, 'infinity'),
        (5, '2021-12-31 20:00:00-05'), (6, '0044-03-15 12:00:00+00 BC')""",
    )
    older = {"column": "made", "before": "2022-01-01T00:00:00Z", "zone": "Asia/Tokyo"}

    result = sweep(postgresql, table="t", older_than=older)

    assert ids(postgresql) == [2, 3, 4, 5]
    assert (result["unreadable"], result["read_as"]) == (2, "instants")


@pytest.mark.parametrize("column", ["timestamp", "varchar(30)", "text", "char(30)"])
def test_values_without_offset_are_in_the_rules_zone(postgresql: sa.Engine, sweep: Sweep, column: str) -> None:
    """Midnight in Tokyo is 15 o'clock of the day before in UTC."""
    execute(
        postgresql,
        f"""CREATE TABLE t (id int PRIMARY KEY, made {column});
        INSERT INTO t VALUES (1, '2021-12-31 23:59:59'), (2, '2022-01-01 00:00:00')""",
    )
    older = {"column": "made", "before": "2021-12-31T15:00:00Z", "zone": "Asia/Tokyo"}

    sweep(postgresql, table="t", older_than=older)
    assert ids(postgresql) == [2]


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("uuid", ("'00000000-0000-0000-0000-000000000001'", "'ffffffff-0000-0000-0000-000000000002'")),
        ("kind", ("'b'", "'a'")),
        ("numeric(30,10)", ("1.0000000001", "1.0000000002")),
        ("timestamptz", ("'2020-01-01 00:00:00.000001+00'", "'2020-01-01 00:00:00.000002+00'")),
        ("bytea", (r"'\x00'", r"'\xff'")),
        ("date", ("'2020-01-01'", "'2020-01-02'")),
        ("bigint", ("-9000000000000000000", "9000000000000000000")),
    ],
)
def test_keys_and_references_of_any_type(
    postgresql: sa.Engine, sweep: Sweep, key: str, values: tuple[str, str]
) -> None:
    """A key that was read is bound as it was, and finds its row and its children again."""
    one, two = values
    execute(
        postgresql,
        f"""CREATE TYPE kind AS ENUM ('a', 'b'); CREATE TABLE t (id {key} PRIMARY KEY, made date);
        CREATE TABLE child (id {key} REFERENCES t); CREATE TABLE pair (id {key}, n int, made date, PRIMARY KEY (id, n));
        INSERT INTO t VALUES ({one}, '2020-01-01'), ({two}, '2020-01-01'); INSERT INTO child VALUES ({one}), ({two}), (NULL);
        INSERT INTO pair VALUES ({one}, 1, '2020-01-01'), ({one}, 2, '2020-01-01'), ({two}, 1, '2024-01-01')""",
    )

    assert sweep(postgresql, table="t", children=["child"], batch=1)["children"] == {"child": 2}
    assert (ids(postgresql), ids(postgresql, "child")) == ([], [None])
    assert sweep(postgresql, table="pair", batch=1)["remaining"] == 1


def test_schemas_are_told_apart(postgresql: sa.Engine, sweep: Sweep) -> None:
    """A schema may be named; tables of other schemas that refer to rows are seen."""
    execute(
        postgresql,
        """CREATE SCHEMA main; CREATE SCHEMA "Odd"; CREATE TABLE t (id int PRIMARY KEY, made date);
        CREATE TABLE main.t (id int PRIMARY KEY, made date); CREATE TABLE "Odd".line (id int PRIMARY KEY, t int REFERENCES main.t);
        INSERT INTO t VALUES (1, '2020-01-01'); INSERT INTO main.t VALUES (1, '2020-01-01'); INSERT INTO "Odd".line VALUES (1, 1)""",
    )

    with pytest.raises(GiveUp, match=r"1 row of 'line' \(t\)"):
        sweep(postgresql, table="main.t")
    assert sweep(postgresql, table="main.t", children=["Odd.line"])["deleted"] == 1
    assert (ids(postgresql), ids(postgresql, "t", "main")) == ([1], [])
    with pytest.raises(JobFailed, match="no table 'x' in schema 'main'"):
        sweep(postgresql, table="main.x")


def test_partitioned_tables_count_once(postgresql: sa.Engine, sweep: Sweep) -> None:
    """Rows and references of partitions belong to their table."""
    execute(
        postgresql,
        """CREATE TABLE t (id int, made date, PRIMARY KEY (id, made)) PARTITION BY RANGE (made);
        CREATE TABLE t_old PARTITION OF t FOR VALUES FROM ('2000-01-01') TO ('2022-01-01');
        CREATE TABLE t_new PARTITION OF t FOR VALUES FROM ('2022-01-01') TO ('2030-01-01');
        CREATE TABLE line (id int, t int, made date, PRIMARY KEY (id), FOREIGN KEY (t, made) REFERENCES t) PARTITION BY HASH (id);
        CREATE TABLE line_0 PARTITION OF line FOR VALUES WITH (MODULUS 1, REMAINDER 0);
        INSERT INTO t VALUES (1, '2020-01-01'), (2, '2024-01-01'); INSERT INTO line VALUES (1, 1, '2020-01-01'), (2, 2, '2024-01-01')""",
    )

    with pytest.raises(GiveUp, match=r"1 row of 'line' \(t, made\)"):
        sweep(postgresql, table="t_old")
    result = sweep(postgresql, table="t", children=["line"])
    assert (result["deleted"], result["children"], ids(postgresql), ids(postgresql, "line")) == (
        1,
        {"line": 1},
        [2],
        [2],
    )


@pytest.mark.parametrize("column", ["interval", "time", "boolean", "json", "mood", "inet", "date[]"])
def test_column_that_cannot_hold_a_moment_is_refused(postgresql: sa.Engine, sweep: Sweep, column: str) -> None:
    """Its type is named."""
    execute(postgresql, f"CREATE TYPE mood AS ENUM ('2020-01-01'); CREATE TABLE t (id int PRIMARY KEY, made {column})")
    with pytest.raises(JobFailed, match=r"column 'made' is .* and not a date") as raised:
        sweep(postgresql, table="t")
    assert raised.value.code == "column_type"


@pytest.mark.parametrize("kind", ["VIEW", "MATERIALIZED VIEW"])
def test_views_are_refused(postgresql: sa.Engine, sweep: Sweep, kind: str) -> None:
    """Rows are deleted where they are kept."""
    execute(postgresql, f"CREATE {kind} seen AS SELECT 1 AS id, date '2020-01-01' AS made")
    with pytest.raises(JobFailed, match="'seen' is a view"):
        sweep(postgresql, table="seen")


def test_missing_right_is_a_failure_that_says_so(
    postgresql: sa.Engine, sweep: Sweep, request: Any, open_database: Open
) -> None:
    """What the server answers is shown, and nothing is half done."""
    role = f"reader_{postgresql.url.database}"
    execute(
        postgresql,
        f"CREATE TABLE t (id int PRIMARY KEY, made date); INSERT INTO t VALUES (1, '2020-01-01'); CREATE ROLE {role} LOGIN",
    )
    request.addfinalizer(lambda: execute(postgresql, f"DROP OWNED BY {role}; DROP ROLE {role}"))
    reader = open_database(postgresql.url.set(username=role).render_as_string(hide_password=False))

    with pytest.raises(JobFailed, match="cannot be read: permission denied for table t"):
        sweep(reader, table="t")
    execute(postgresql, f"GRANT SELECT ON t TO {role}")
    with pytest.raises(JobFailed, match=r"refused to clean up 't': permission denied.*; grant this user") as refused:
        sweep(reader, table="t")
    assert refused.value.failure_class is FailureClass.CONFIG


def test_locked_row_is_waited_for_and_given_back(
    postgresql: sa.Engine, sweep: Sweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row that somebody holds makes the run fail as locked, for a later attempt."""
    monkeypatch.setattr("automation.cleanup.connection._LOCK_WAIT", "20ms")
    execute(
        postgresql,
        "CREATE TABLE t (id int PRIMARY KEY, made date); INSERT INTO t VALUES (1, '2020-01-01'), (2, '2020-01-01')",
    )
    with postgresql.begin() as holder:
        holder.exec_driver_sql("SELECT * FROM t WHERE id = 2 FOR UPDATE")
        with pytest.raises(JobFailed, match="stayed locked") as raised:
            sweep(postgresql, table="t")

    assert raised.value.failure_class is FailureClass.DB_LOCK
    assert sweep(postgresql, table="t")["remaining"] == 0


def test_where_nothing_may_be_made_the_count_says_at_least(
    postgresql: sa.Engine, sweep: Sweep, request: Any, open_database: Open
) -> None:
    """Without the right to make a table rows still go, and the result does not claim to know of former attempts."""
    role = f"cleaner_{postgresql.url.database}"
    execute(
        postgresql,
        f"""CREATE TABLE t (id int PRIMARY KEY, made date); INSERT INTO t VALUES (1, '2020-01-01'), (2, '2024-01-01');
        REVOKE CREATE ON SCHEMA public FROM PUBLIC; CREATE ROLE {role} LOGIN; GRANT SELECT, DELETE ON t TO {role}""",
    )
    request.addfinalizer(lambda: execute(postgresql, f"DROP OWNED BY {role}; DROP ROLE {role}"))
    cleaner = open_database(postgresql.url.set(username=role).render_as_string(hide_password=False))

    result = sweep(cleaner, table="t", key="run1")

    assert (ids(postgresql), result["deleted"], result["deleted_is"]) == ([2], 1, "at least")
    execute(postgresql, f"GRANT CREATE ON SCHEMA public TO {role}; UPDATE t SET made = '2020-01-01'")
    assert sweep(cleaner, table="t", key="run2")["deleted_is"] == "exact"


def test_where_no_table_may_be_made_a_file_follows_the_commits(
    postgresql: sa.Engine, sweep: Sweep, request: Any, open_database: Open, tmp_path: Path
) -> None:
    """An attempt that dies is gone on with; what it did is counted, also by one that finds all done."""
    role = f"cleaner_{postgresql.url.database}"
    execute(
        postgresql,
        f"""CREATE TABLE t (made date, id numeric PRIMARY KEY); INSERT INTO t SELECT '2020-01-01', n FROM generate_series(1, 100) n;
        REVOKE CREATE ON SCHEMA public FROM PUBLIC; CREATE ROLE {role} LOGIN; GRANT SELECT, DELETE ON t TO {role}""",
    )
    request.addfinalizer(lambda: execute(postgresql, f"DROP OWNED BY {role}; DROP ROLE {role}"))
    cleaner = open_database(postgresql.url.set(username=role).render_as_string(hide_password=False))

    def dies(done: int, _total: int) -> None:
        if done == 30:
            raise MemoryError

    with pytest.raises(MemoryError):
        sweep(cleaner, table="t", key="run/1", batch=10, marks=tmp_path, progress=dies)
    (kept,) = tmp_path.iterdir()
    place = json.loads(kept.read_text())["place"]
    result = sweep(cleaner, table="t", key="run/1", batch=10, marks=tmp_path)

    assert (place, ids(postgresql)) == ('[{"$decimal":"30"}]', [])
    assert (result["deleted"], result["matched"], result["batches"], result["resumed"]) == (100, 100, 10, True)
    assert result["deleted_is"] == "at least"
    assert sweep(cleaner, table="t", key="run/1", marks=tmp_path)["deleted"] == 100
    assert list(tmp_path.iterdir()) == [kept]


def test_session_is_given_back_as_it_was(fresh_database: Callable[[str], str], sweep: Sweep) -> None:
    """What a clean-up sets for itself is not there for the next user of the connection."""
    engine = make_engine(fresh_database("postgresql"))
    execute(engine, "CREATE TABLE t (id int PRIMARY KEY, made date); INSERT INTO t VALUES (1, '2020-01-01')")

    assert sweep(engine, table="t")["deleted"] == 1

    with engine.connect() as connection:
        for name, value in (("lock_timeout", "0"), ("plan_cache_mode", "auto")):
            assert connection.exec_driver_sql(f"SHOW {name}").scalar() == value
    engine.dispose()


@pytest.mark.parametrize("zone", ["+09:00", "-08:00", "SYSTEM"])
def test_timestamps_of_mariadb_are_instants(mariadb: sa.Engine, sweep: Sweep, zone: str) -> None:
    """TIMESTAMP is shown in the session's zone and compared in UTC; the session keeps its zone."""

    @sa.event.listens_for(mariadb, "connect")
    def speak(connection: Any, _record: object) -> None:
        connection.cursor().execute(f"SET time_zone = '{zone}'")

    execute(
        mariadb,
        """CREATE TABLE t (id INT PRIMARY KEY, made TIMESTAMP NULL); SET time_zone = '+00:00';
        INSERT INTO t VALUES (1, '2021-12-31 23:59:59'), (2, '2022-01-01 00:00:00'), (3, NULL)""",
    )
    older = {"column": "made", "before": "2022-01-01T00:00:00Z", "zone": "Asia/Tokyo"}

    result = sweep(mariadb, table="t", older_than=older)

    assert (ids(mariadb), result["oldest"]) == ([2, 3], "2021-12-31 23:59:59")
    with mariadb.connect() as connection:
        assert connection.exec_driver_sql("SELECT @@session.time_zone").scalar() == zone


def test_zero_dates_of_mariadb_are_no_moments(mariadb: sa.Engine, sweep: Sweep) -> None:
    """'0000-00-00' stays and is counted."""
    execute(
        mariadb,
        """SET sql_mode = ''; CREATE TABLE t (id INT PRIMARY KEY, made DATE, seen DATETIME);
        INSERT INTO t VALUES (1, '0000-00-00', '0000-00-00'), (2, '2020-01-01', '2020-01-01'), (3, '2020-00-00', '2020-01-00')""",
    )

    result = sweep(mariadb, table="t", where=[{"column": "id", "op": "<", "value": 3}])
    assert (ids(mariadb), result["unreadable"]) == ([1, 3], 1)
    assert sweep(mariadb, table="t", older_than={"column": "seen", "before": "2019-01-01"})["deleted"] == 0


def test_table_of_mariadb_without_a_key_is_refused_with_a_way_out(mariadb: sa.Engine, sweep: Sweep) -> None:
    """Rows that cannot be told apart cannot go in batches."""
    execute(mariadb, "CREATE TABLE t (id INT, made DATE)")
    with pytest.raises(JobFailed, match=r"no primary key.*ADD PRIMARY KEY"):
        sweep(mariadb, table="t")
