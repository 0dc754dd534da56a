"""Archives: what goes is copied first, and comes back as it was."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from automation.cleanup.archive_forms import read
from automation.cleanup.restore import restore
from automation.clock import FrozenClock
from automation.errors import InvalidInput, JobFailed, Refused

Sweep = Callable[..., dict[str, Any]]

#: Columns and values that copies are known to spoil, by database: the type, and how each value is written in SQL.
AWKWARD = {
    "sqlite": {
        "text": ("TEXT", ["'a,\"b\"\nc;\\N'", "''", "NULL", "'\\x41'", "'größe 😀'", "'null'"]),
        "mixed": ("", ["1", "'1'", "1.5", "x'00ff'", "NULL", "9007199254740993"]),
        "blob": ("BLOB", ["x'00ff0a5c'", "x''", "NULL", "'text'", "x'7b7d'", "7"]),
        "real": ("REAL", ["0.1", "1e308", "-0.0", "NULL", "9e999", "2.0"]),
        "big": ("INTEGER", ["9223372036854775807", "-9223372036854775808", "0", "NULL", "1", "2"]),
    },
    "postgresql": {
        "text": ("text", ["E'a,\"b\"\\nc;\\\\N'", "''", "NULL", "E'\\\\x41'", "'größe 😀'", "'null'"]),
        "money": ("numeric(30,10)", ["1.0000000001", "-0.5", "NULL", "'NaN'", "12345678901234567890", "0"]),
        "at": ("timestamptz", ["'2020-02-29 23:59:59.123456+05:30'", "NULL", "'1970-01-01Z'", *["now()"] * 3]),
        "day": ("date", ["'2020-02-29'", "NULL", *["'1999-12-31'"] * 4]),
        "span": ("interval", ["'1 day 2 seconds'", "NULL", *["'-3 hours'"] * 4]),
        "id2": ("uuid", ["'00000000-0000-0000-0000-000000000001'", "NULL", *["gen_random_uuid()"] * 4]),
        "doc": ("jsonb", ["'{\"$decimal\": [1, null]}'", "'null'", "NULL", "'\"x\"'", "'[]'", "'7'"]),
        "many": ("text[]", ["'{a,NULL,\"b,c\"}'", "'{}'", "NULL", *["'{x}'"] * 3]),
        "raw": ("bytea", [r"'\x00ff0a5c'", r"'\x'", "NULL", *[r"'\x41'"] * 3]),
        "real": ("double precision", ["0.1", "'NaN'", "'-Infinity'", "NULL", "1e308", "2"]),
        "flag": ("boolean", ["true", "false", "NULL", *["true"] * 3]),
        "host": ("inet", ["'10.0.0.1'", "'10.0.0.0/8'", "NULL", *["'::1'"] * 3]),
    },
    "mariadb": {
        "text": ("TEXT", ["'a,\"b\"\nc;\\\\N'", "''", "NULL", "'\\\\x41'", "'größe 😀'", "'null'"]),
        "money": ("DECIMAL(30,10)", ["1.0000000001", "-0.5", "NULL", "0", "12345678901234567890", "1"]),
        "at": ("DATETIME(6)", ["'2020-02-29 23:59:59.123456'", "NULL", *["'1999-12-31'"] * 4]),
        "stamp": ("TIMESTAMP NULL", ["'2020-02-29 23:59:59'", "NULL", *["'1999-12-31'"] * 4]),
        "span": ("TIME", ["'-100:00:01'", "NULL", *["'01:02:03'"] * 4]),
        "raw": ("BLOB", ["x'00ff0a5c'", "x''", "NULL", *["x'41'"] * 3]),
        "bits": ("BIT(8)", ["b'10000001'", "b'0'", "NULL", *["b'1'"] * 3]),
        "dbl": ("DOUBLE", ["0.1", "1e308", "-0.0", "NULL", "2", "3"]),
        "pick": ("ENUM('a', 'b,c')", ["'b,c'", "NULL", *["'a'"] * 4]),
        "doc": ("JSON", ["'{\"$decimal\": [1, null]}'", "NULL", *["'[]'"] * 4]),
        "flag": ("BOOLEAN", ["true", "false", "NULL", *["true"] * 3]),
    },
}


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def engine(
    request: pytest.FixtureRequest, fresh_database: Callable[[str], str], open_database: Callable[[str], sa.Engine]
) -> sa.Engine:
    """A database with a table `t` of awkward values, all of which are old, and a child of it."""
    engine = open_database(fresh_database(request.param))
    columns = AWKWARD[request.param]
    declared = ", ".join(f"{name} {kind}" for name, (kind, _) in columns.items())
    percent = (lambda text: text.replace("%", "%%")) if request.param != "sqlite" else str
    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE TABLE t (id INTEGER PRIMARY KEY, made DATE, {declared})")
        connection.exec_driver_sql(
            "CREATE TABLE child (id INTEGER PRIMARY KEY, t INTEGER, note VARCHAR(9), FOREIGN KEY (t) REFERENCES t (id))"
        )
        for number in range(6):
            values = ", ".join(value[number] for _, value in columns.values())
            connection.exec_driver_sql(percent(f"INSERT INTO t VALUES ({number}, '2020-01-01', {values})"))
            connection.exec_driver_sql(f"INSERT INTO child VALUES ({number}, {number % 2}, 'n{number}')")
        connection.exec_driver_sql("INSERT INTO t (id, made) VALUES (99, '2024-01-01')")
    return engine


def content(engine: sa.Engine, table: str = "t") -> list[str]:
    """Every row as text, so that NaN is equal to itself."""
    with engine.connect() as connection:
        rows = connection.exec_driver_sql(f"SELECT * FROM {table} ORDER BY id")
        return [repr(tuple(row)) for row in rows]


@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet"])
def test_rows_come_back_from_a_file_as_they_were(engine: sa.Engine, sweep: Sweep, tmp_path: Path, form: str) -> None:
    """The children too, and only into a table that has no such rows."""
    before, children = content(engine), content(engine, "child")
    archive = {"to": form, "folder": "old"}

    result = sweep(engine, table="t", children=["child"], batch=2, archive=archive, key="run1", folder=tmp_path)

    assert (result["deleted"], result["archived"], len(content(engine))) == (6, {"t": 6, "child": 6}, 1)
    files = [tmp_path / "old" / f"{name}-run1.{form}" for name in ("t", "child")]
    assert (sorted(result["files"]), sorted((tmp_path / "old").iterdir())) == (sorted(map(str, files)), sorted(files))
    for name, path in zip(("t", "child"), files, strict=True):
        assert restore(engine, path, name).inserted == 6
    with pytest.raises(Refused, match="nothing was restored"):
        restore(engine, files[0], "t")
    assert restore(engine, files[0], "t", skip_existing=True).skipped == 6
    if form == "csv" and engine.dialect.name == "sqlite":  # which keeps numbers and texts in one column apart
        before, now = ([row.partition(", 'n")[0].split(",")[0] for row in rows] for rows in (before, content(engine)))
        assert now == before
    else:
        assert (content(engine), content(engine, "child")) == (before, children)


def test_rows_come_into_a_table_as_they_were(
    engine: sa.Engine, sweep: Sweep, fresh_database: Callable[[str], str], open_database: Callable[[str], sa.Engine]
) -> None:
    """Of the same database, or of another one of its kind, which is committed first."""
    before, children = content(engine)[:6], content(engine, "child")
    cold = open_database(fresh_database("sqlite" if engine.dialect.name == "sqlite" else _kind(engine)))

    with cold.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE unrelated (id INTEGER)")
    rule = {"table": "t", "children": ["child"], "batch": 2}
    here = sweep(engine, **rule, where={"id": [0, 1]}, archive={"table": "t_old"})
    there = sweep(engine, **rule, archive={"table": "t_old", "database": "cold"}, databases=lambda _name: cold)

    assert (here["archived"], there["archived"]) == ({"t": 2, "child": 6}, {"t": 4, "child": 0})
    assert content(engine, "t_old") + content(cold, "t_old") == before
    assert content(engine, "child_old") == children


def _kind(engine: sa.Engine) -> str:
    return "postgresql" if engine.dialect.name == "postgresql" else "mariadb"


def test_row_that_does_not_fit_its_archive_stays(engine: sa.Engine, sweep: Sweep) -> None:
    """An archive with narrower columns would keep something else; nothing of the batch goes."""
    if engine.dialect.name == "sqlite":
        columns, said = "id INTEGER PRIMARY KEY, made DATE", "has no column 'text'"
    else:
        names = ", ".join(f"{name} VARCHAR(3)" for name in AWKWARD[_kind(engine)])
        columns, said = f"id INTEGER PRIMARY KEY, made DATE, {names}", "(does not take|not what was put)"
    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE TABLE narrow ({columns})")

    with pytest.raises(JobFailed, match=said):
        sweep(engine, table="t", children=["child"], archive={"table": "narrow"})
    assert (len(content(engine)), content(engine, "narrow")) == (7, [])


def test_what_is_no_archive_is_refused(engine: sa.Engine, tmp_path: Path) -> None:
    """With the place and what was expected."""
    cases = {
        "a.xml": ("", "it ends with .jsonl, .csv, .parquet"),
        "a.jsonl": ("{}\n", "its first line does not say so"),
        "b.jsonl": ('["automation archive 1","t",["id"],["INTEGER"]]\n[1]\n[\n', "b.jsonl:3: is no row"),
        "c.csv": ("id,txt\n7,x\n", "has a column 'txt', which 't' has not; did you mean 'text'"),
    }
    for name, (text, said) in cases.items():
        (tmp_path / name).write_text(text)
        with pytest.raises(InvalidInput, match=said):
            restore(engine, tmp_path / name, "t")
    with pytest.raises(InvalidInput, match="no table 'tt'"):
        restore(engine, tmp_path / "c.csv", "tt")
    assert len(content(engine)) == 7


@pytest.fixture
def small(open_database: Callable[[str], sa.Engine], tmp_path: Path) -> sa.Engine:
    """Two old rows and a young one."""
    engine = open_database(f"sqlite:///{tmp_path / 'shop.db'}")
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t (id INTEGER PRIMARY KEY, made TEXT)")
        connection.exec_driver_sql("INSERT INTO t VALUES (1, '2020-01-01'), (2, '2020-01-02'), (3, '2024-01-01')")
    return engine


@pytest.mark.parametrize("form", ["jsonl", "csv"])
@pytest.mark.parametrize(
    "killed",
    [
        "archive_file.FileArchive.finish",
        "archive_forms._fingerprint",
        "checkpoint.Checkpoint.finish",
        "clean.result_of",
    ],
)
def test_killed_after_the_last_batch_it_finishes_the_archive(
    killed: str, form: str, small: sa.Engine, sweep: Sweep, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Another attempt finds no row, gives the archive its name, and tells what went; nobody else may read it."""
    engine = small
    rule = {"table": "t", "key": "run", "folder": tmp_path, "archive": {"to": form, "folder": "old"}}

    def dies(*_: object, **_too: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patch, suppress(SystemExit):
        patch.setattr(f"automation.cleanup.{killed}", dies)
        sweep(engine, **rule)

    for _ in range(2):
        result = sweep(engine, **rule)
        assert (result["matched"], result["deleted"], result["archived"]) == (2, 2, {"t": 2})
    (file,) = (tmp_path / "old").iterdir()
    assert (result["files"], [str(row[0]) for row in read(file)[1]]) == ([str(file)], ["1", "2"])
    assert file.stat().st_mode & 0o777 == 0o600


def test_run_that_was_stopped_by_its_budget_has_its_archive(small: sa.Engine, sweep: Sweep, tmp_path: Path) -> None:
    """Such a run has succeeded and never comes back: what it copied gets its name and form."""
    clock = FrozenClock(datetime(2026, 1, 1, tzinfo=UTC))
    result = sweep(
        small, table="t", key="run", folder=tmp_path, archive={"to": "csv", "folder": "old"}, batch=1, clock=clock,
        pace={"budget": "1m"}, progress=lambda _done, _total: clock.advance(minutes=2),
    )  # fmt: skip

    (file,) = (tmp_path / "old").iterdir()
    assert (result["deleted"], result["complete"], result["archived"]) == (1, False, {"t": 1})
    assert (result["files"], file.name, len(list(read(file)[1]))) == ([str(file)], "t-run.csv", 1)


@pytest.mark.parametrize("way", ["asked", "refused"])
def test_run_that_ends_before_its_work_leaves_lines_that_can_be_restored(
    way: str, small: sa.Engine, sweep: Sweep, tmp_path: Path
) -> None:
    """Nobody may come back for a cancelled or dead run; another attempt of it goes on with the same lines."""
    told: list[int] = []

    def progress(done: int, _total: int) -> None:
        told.append(done)
        if way == "refused":
            raise JobFailed("no")

    rule = {"table": "t", "key": "run", "folder": tmp_path, "archive": {"to": "csv", "folder": "old"}, "batch": 1}
    with suppress(JobFailed):
        sweep(small, **rule, progress=progress, cancelled=lambda: bool(told))

    (left,) = (tmp_path / "old").iterdir()
    assert (left.name, restore(small, left, "t").inserted) == ("t-run.jsonl", 1)
    with small.begin() as connection:
        connection.exec_driver_sql("DELETE FROM t WHERE id = 1")
    result = sweep(small, **rule)
    (file,) = (tmp_path / "old").iterdir()
    assert (result["deleted"], file.name, len(list(read(file)[1]))) == (2, "t-run.csv", 2)


def test_lines_of_a_killed_run_can_be_restored(small: sa.Engine, tmp_path: Path) -> None:
    """A line that was cut off is of a row that never went."""
    part = tmp_path / ".t-run.jsonl.part"
    part.write_text('["automation archive 1","t",["id","made"],["INTEGER","TEXT"]]\n[8,"2020-01-01"]\n[9,"20')

    assert restore(small, part, "t").inserted == 1


def test_others_may_write_while_the_archive_waits_for_its_disk(
    small: sa.Engine, sweep: Sweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite's lock is taken when the copies are safe, and what changed before that is copied as it went."""
    real, writers = os.fsync, [4, 5]

    def fsync(descriptor: int) -> None:
        if writers:
            with closing(sqlite3.connect(tmp_path / "shop.db", timeout=0, isolation_level=None)) as other:
                other.execute("INSERT INTO t VALUES (?, '2024-01-01')", [writers.pop()])
                other.execute("UPDATE t SET made = '2020-07-07' WHERE id = 2")
        real(descriptor)

    monkeypatch.setattr("automation.cleanup.archive_file.os.fsync", fsync)
    result = sweep(small, table="t", key="run", folder=tmp_path, archive={"to": "jsonl", "folder": "old"})

    assert (result["deleted"], result["remaining"], writers) == (2, 3, [])
    assert [row[1] for row in read(tmp_path / "old" / "t-run.jsonl")[1]] == ["2020-01-01", "2020-07-07"]
