"""Clean-up on SQLite, where every column may hold anything and names ignore their case."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from automation.clock import FrozenClock
from automation.database import make_engine
from automation.errors import FailureClass, GiveUp, JobFailed

Sweep = Callable[..., dict[str, Any]]
Made = Callable[[str], sa.Engine]


@pytest.fixture
def made(tmp_path: Path, open_database: Made) -> Made:
    """`made(script)`: a database that the script made by the standard library alone."""

    def make(script: str) -> sa.Engine:
        with sqlite3.connect(tmp_path / "shop.db") as connection:
            connection.executescript(script)
        connection.close()
        return open_database(f"sqlite:///{tmp_path / 'shop.db'}")

    return make


def ids(engine: sa.Engine, table: str = "t") -> list[Any]:
    with engine.connect() as connection:
        return list(
            connection.execute(
                sa.select(sa.column("id")).select_from(sa.table(table)).order_by(sa.column("id"))
            ).scalars()
        )


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_journal_mode_stays(made: Made, sweep: Sweep, tmp_path: Path, mode: str) -> None:
    """A user's database keeps its own settings."""
    engine = made(
        f"PRAGMA journal_mode = {mode}; CREATE TABLE t (id INTEGER PRIMARY KEY, made TEXT); INSERT INTO t VALUES (1, '2020-01-01')"
    )

    assert sweep(engine, table="t")["deleted"] == 1
    engine.dispose()
    connection = sqlite3.connect(tmp_path / "shop.db")
    assert connection.execute("PRAGMA journal_mode").fetchone() == (mode,)
    connection.close()


@pytest.mark.parametrize(
    "definition",
    [
        "(id INTEGER, made TEXT)",
        "(id INTEGER, made TEXT, PRIMARY KEY (id)) WITHOUT ROWID",
        "(id TEXT PRIMARY KEY, made TEXT)",
        "(id INTEGER, rowid TEXT, made TEXT)",
        "(id INTEGER PRIMARY KEY, rowid TEXT, _rowid_ TEXT, oid TEXT, made TEXT)",
    ],
)
def test_rows_are_told_apart_with_and_without_a_key(made: Made, sweep: Sweep, definition: str) -> None:
    """SQLite's own row number serves where there is one, the primary key where there is not."""
    engine = made(
        f"CREATE TABLE t {definition}; INSERT INTO t (id, made) VALUES (1, '2020-01-01'), (2, '2024-01-01'), (3, '2020-01-01')"
    )

    assert sweep(engine, table="t", batch=1)["deleted"] == 2
    assert [str(key) for key in ids(engine)] == ["2"]


def test_rows_with_an_empty_key_go_too(made: Made, sweep: Sweep) -> None:
    """SQLite lets primary keys be NULL."""
    engine = made("""CREATE TABLE t (id TEXT PRIMARY KEY, made TEXT);
        INSERT INTO t VALUES (NULL, '2020-01-01'), (NULL, '2020-01-01'), ('a', '2020-01-01'), (NULL, '2024-01-01')""")
    assert sweep(engine, table="t", batch=1)["deleted"] == 3
    assert ids(engine) == [None]


def test_foreign_keys_are_found_in_any_case_and_without_columns(made: Made, sweep: Sweep) -> None:
    """`references ORDERS` means the primary key of Orders; brackets and actions are read as SQLite reads them."""
    engine = made("""CREATE TABLE [Orders] ([Id] INTEGER PRIMARY KEY, made TEXT);
        CREATE TABLE [Order Details] (id INTEGER PRIMARY KEY, [Order] INTEGER REFERENCES ORDERS ON DELETE CASCADE);
        CREATE TABLE gift (id INTEGER PRIMARY KEY, line INTEGER, FOREIGN KEY (LINE) REFERENCES [order details] (ID));
        INSERT INTO Orders VALUES (1, '2020-01-01'), (2, '2024-01-01'); INSERT INTO [Order Details] VALUES (1, 1), (2, 2);
        INSERT INTO gift VALUES (1, 1), (2, 2)""")

    with pytest.raises(GiveUp, match=r"'Order Details' .*unasked"):
        sweep(engine, table="Orders")
    result = sweep(engine, table="Orders", children=["Order Details", "gift"])
    assert result["children"] == {"Order Details": 1, "gift": 1}
    assert ids(engine, "gift") == [2]


def test_broken_foreign_key_is_named(made: Made, sweep: Sweep) -> None:
    """SQLite accepts keys that point nowhere; the run says which table has one."""
    engine = made("""CREATE TABLE t (id INTEGER, made TEXT); CREATE TABLE odd (id INTEGER PRIMARY KEY, t REFERENCES t (number));
        CREATE TABLE lost (id INTEGER PRIMARY KEY, t REFERENCES gone); INSERT INTO t VALUES (1, '2020-01-01')""")
    with pytest.raises(JobFailed, match="points at column 'number' of 't'"):
        sweep(engine, table="t")


def test_offsets_in_text_are_honoured(made: Made, sweep: Sweep) -> None:
    """Each value is read by its own offset, and by the rule's zone where it has none."""
    engine = made("""CREATE TABLE t (id INTEGER PRIMARY KEY, made DATETIME);
        INSERT INTO t VALUES (1, '2022-01-01T00:30:00+01:00'), (2, '2021-12-31T23:30:00-01:00'), (3, '2022-01-01 00:30:00'),
        (4, '2021-12-31 23:30:00.123456'), (5, '2021-12-31T23:30Z'), (6, '2022-01-01T00:00:00z')""")

    sweep(engine, table="t", older_than={"column": "made", "before": "2022-01-01T00:00:00Z", "zone": "Asia/Tokyo"})
    assert ids(engine) == [2, 6]


def test_mixed_column_loses_only_what_is_plainly_old(made: Made, sweep: Sweep) -> None:
    """Numbers, bytes and other text among the dates stay, and are counted."""
    engine = made("""CREATE TABLE t (id INTEGER PRIMARY KEY, made);
        INSERT INTO t VALUES (1, '2020-01-01'), (2, 1577836800), (3, 2458849.5), (4, x'323032302d30312d3031'), (5, '1577836800')""")
    assert sweep(engine, table="t")["unreadable"] == 4
    assert ids(engine) == [2, 3, 4, 5]


@pytest.mark.parametrize("column", ["INTEGER", "NUMERIC", "DATETIME", ""])
def test_column_of_numbers_needs_a_unit(made: Made, sweep: Sweep, column: str) -> None:
    """Whatever the column is called, numbers are only read with a unit."""
    engine = made(f"CREATE TABLE t (id INTEGER PRIMARY KEY, made {column}); INSERT INTO t VALUES (1, 1577836800)")
    with pytest.raises(JobFailed, match=r"holds no dates, for example 1577836800; .*unit"):
        sweep(engine, table="t")


def test_missing_file_is_not_created(tmp_path: Path, sweep: Sweep) -> None:
    """A mistyped path fails and leaves nothing behind."""
    with pytest.raises(JobFailed, match=r"no database file .*typo\.db") as raised:
        sweep(make_engine(f"sqlite:///{tmp_path / 'typo.db'}"), table="t")
    assert raised.value.failure_class is FailureClass.CONFIG
    assert list(tmp_path.iterdir()) == []


def test_trigger_that_refuses_rolls_its_batch_back(made: Made, sweep: Sweep) -> None:
    """The database's own words are in the message; earlier batches stay deleted."""
    engine = made("""CREATE TABLE t (id INTEGER PRIMARY KEY, made TEXT);
        INSERT INTO t VALUES (1, '2020-01-01'), (2, '2020-01-01'), (3, '2020-01-01');
        CREATE TRIGGER keep BEFORE DELETE ON t WHEN old.id = 3 BEGIN SELECT RAISE(ABORT, 'three is sacred'); END""")

    with pytest.raises(JobFailed, match=r"three is sacred.*rolled back") as raised:
        sweep(engine, table="t", batch=2)
    assert (raised.value.failure_class, ids(engine)) == (FailureClass.DATA_INVALID, [3])


def test_trigger_that_silently_keeps_rows_is_noticed(made: Made, sweep: Sweep) -> None:
    """What was not deleted is not called deleted."""
    engine = made("""CREATE TABLE t (id INTEGER PRIMARY KEY, made TEXT); INSERT INTO t VALUES (1, '2020-01-01');
        CREATE TRIGGER keep BEFORE DELETE ON t BEGIN SELECT RAISE(IGNORE); END""")
    with pytest.raises(JobFailed, match="deleted 0 of 1 row of 't'; a trigger"):
        sweep(engine, table="t")


def test_locked_database_is_tried_again_and_then_given_back(
    made: Made, sweep: Sweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lock that stays is a failure that may be retried; one that goes is no failure."""
    monkeypatch.setattr("automation.database._BUSY_SECONDS", 0.01)
    made("CREATE TABLE t (id INTEGER PRIMARY KEY, made TEXT); INSERT INTO t VALUES (1, '2020-01-01')")
    engine = make_engine(f"sqlite:///{tmp_path / 'shop.db'}", pooled=False)
    writer = sqlite3.connect(tmp_path / "shop.db", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")

    with pytest.raises(JobFailed, match="stayed locked for 8 tries") as raised:
        sweep(engine, table="t")
    assert raised.value.failure_class is FailureClass.DB_LOCK

    class Releasing(FrozenClock):
        def sleep(self, seconds: float) -> None:
            if writer.in_transaction:
                writer.execute("ROLLBACK")

    assert sweep(engine, table="t", clock=Releasing(datetime(2026, 1, 1, tzinfo=UTC)))["deleted"] == 1
    writer.close()


def test_rows_that_come_meanwhile_are_not_more_than_were_counted(made: Made, sweep: Sweep, tmp_path: Path) -> None:
    """What the guards let pass is all that goes; the rest waits for the next run."""
    engine = made(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, made TEXT); INSERT INTO t VALUES (1, '2020-01-01'), (2, '2020-01-01')"
    )

    def late(_done: int, _total: int) -> None:
        with sqlite3.connect(tmp_path / "shop.db") as connection:
            connection.execute("INSERT INTO t (made) VALUES ('2020-01-01'), ('2020-01-01')")
        connection.close()

    assert sweep(engine, table="t", batch=1, max_rows=2, progress=late)["deleted"] == 2


def test_cascade_that_comes_meanwhile_is_refused(made: Made, sweep: Sweep, tmp_path: Path) -> None:
    """A row that arrives after the plan is not deleted unasked."""
    engine = made("""CREATE TABLE t (id INTEGER PRIMARY KEY, made TEXT); INSERT INTO t VALUES (1, '2020-01-01'), (2, '2020-01-01');
        CREATE TABLE note (id INTEGER PRIMARY KEY, t INTEGER REFERENCES t ON DELETE CASCADE)""")

    def late(_done: int, _total: int) -> None:
        with sqlite3.connect(tmp_path / "shop.db") as connection:
            connection.execute("INSERT INTO note VALUES (1, 2)")
        connection.close()

    with pytest.raises(GiveUp, match="'note' came to refer to rows of 't'"):
        sweep(engine, table="t", batch=1, progress=late)
    assert (ids(engine), ids(engine, "note")) == ([2], [1])


def test_real_shop_loses_its_old_invoices_and_nothing_else(
    needs: Any, tmp_path: Path, open_database: Made, sweep: Sweep
) -> None:
    """Chinook: every table but two stays as it was, and those two are what plain SQL leaves."""
    path = tmp_path / "chinook.sqlite"
    path.write_bytes((needs("shared-data") / "chinook.sqlite").read_bytes())
    before = _contents(path)
    engine = open_database(f"sqlite:///{path}")

    older = {"column": "InvoiceDate", "before": "2022-01-01"}
    result = sweep(engine, table="Invoice", children=["InvoiceLine"], older_than=older, batch=10)

    gone = {row[0] for row in before["Invoice"] if row[2] < "2022-01-01"}
    before["Invoice"] = [row for row in before["Invoice"] if row[0] not in gone]
    lines = len(before["InvoiceLine"])
    before["InvoiceLine"] = [row for row in before["InvoiceLine"] if row[1] not in gone]
    assert _contents(path) == before
    assert (result["deleted"], result["children"]) == (len(gone), {"InvoiceLine": lines - len(before["InvoiceLine"])})


def _contents(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    found = {name: connection.execute(f'SELECT * FROM "{name}" ORDER BY 1, 2').fetchall() for name in names}
    connection.close()
    return found
