"""SQL databases: their URLs, their moments, and what may be tried again."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.exc import OperationalError

from automation.database import (
    UtcDateTime,
    database_url,
    execute_many,
    insert_many,
    insert_or_ignore,
    make_engine,
    reading,
    transient,
)
from automation.errors import InvalidInput

TABLE = sa.Table("t", sa.MetaData(), sa.Column("k", sa.String(5), primary_key=True), sa.Column("at", UtcDateTime))
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@pytest.fixture
def engine(tmp_path: Path) -> Any:
    made = make_engine(f"sqlite:///{tmp_path}/x.db")
    TABLE.metadata.create_all(made)
    yield made
    made.dispose()


@pytest.mark.parametrize(
    ("text", "driver"),
    [
        ("sqlite:///x.db", "sqlite+pysqlite"),
        ("postgres://h/n", "postgresql+psycopg"),
        ("postgresql://h/n", "postgresql+psycopg"),
        ("mysql://h/n", "mysql+pymysql"),
        ("mariadb://h/n", "mariadb+pymysql"),
        ("postgresql+psycopg2://h/n", "postgresql+psycopg2"),
    ],
)
def test_url_gets_the_driver_that_we_ship(text: str, driver: str) -> None:
    """Unless it names one itself."""
    assert database_url(text).drivername == driver


def test_relative_file_starts_from_the_project(tmp_path: Path) -> None:
    """Wherever the process stands; an absolute path and a memory stay what they are."""
    assert database_url("sqlite:///shop.db", tmp_path).database == str(tmp_path / "shop.db")
    assert database_url("sqlite:////srv/shop.db", tmp_path).database == "/srv/shop.db"
    assert database_url("sqlite:///:memory:", tmp_path).database == ":memory:"


@pytest.mark.parametrize(
    ("text", "said"),
    [("shop", "'shop' is not a database URL; write sqlite:"), ("oracle://u:hunter2@h", "'oracle' is not a supported")],
)
def test_url_that_cannot_be_used_is_a_sentence(text: str, said: str) -> None:
    """Without its password."""
    with pytest.raises(InvalidInput, match=said) as refused:
        database_url(text)

    assert "hunter2" not in str(refused.value)


def test_missing_driver_says_what_to_install() -> None:
    """By the name of our extra, or the driver's own."""
    with pytest.raises(
        InvalidInput, match=r"'asyncmy_x' is not installed; run: pip install asyncmy_x, or leave '\+asyncmy_x' out"
    ):
        make_engine("mysql+asyncmy_x://h/n")


@given(st.datetimes(datetime(1000, 1, 2), datetime(9999, 12, 30), timezones=ZONES))
def test_moment_goes_round_through_every_dialect(moment: datetime) -> None:
    """To the microsecond, in UTC, whatever its zone was."""
    for dialect in (sa.create_engine("sqlite://").dialect, postgresql.dialect(), mysql.dialect()):
        kind = UtcDateTime()
        stored = kind.process_bind_param(moment, dialect)
        back = kind.process_result_value(stored, dialect)
        assert back == moment
        assert back is not None
        assert back.tzinfo is UTC


def test_naive_moment_is_refused() -> None:
    """Nobody knows when it was; no moment is none."""
    with pytest.raises(ValueError, match="naive datetime cannot be stored"):
        UtcDateTime().process_bind_param(datetime(2026, 3, 1), postgresql.dialect())
    assert UtcDateTime().process_bind_param(None, postgresql.dialect()) is None


def test_row_that_is_there_stays(engine: sa.Engine) -> None:
    """The insert tells how many rows are new."""
    with engine.begin() as connection:
        counts = [connection.execute(insert_or_ignore(TABLE, "sqlite").values(k="a")).rowcount for _ in range(2)]

    assert counts == [1, 0]


def test_many_rows_are_written_as_one_is(engine: sa.Engine) -> None:
    """Moments come back as they went, also the one that two rows share; what is there stays, also here."""
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    rows = [{"k": "a", "at": noon}, {"k": "b", "at": noon}, {"k": "c", "at": None}]
    with engine.begin() as connection:
        insert_many(connection, TABLE, rows)
        insert_many(connection, TABLE, [{"k": "a", "at": None}])
        insert_many(connection, TABLE, [])
        found = [dict(row) for row in connection.execute(sa.select(TABLE).order_by(TABLE.c.k)).mappings()]

    assert found == rows


def test_row_without_a_value_is_refused(engine: sa.Engine) -> None:
    """Of many rows, each names all that the statement asks for."""
    move = TABLE.update().where(TABLE.c.k == sa.bindparam("key")).values(at=sa.bindparam("to"))
    with engine.begin() as connection, pytest.raises(ValueError, match="No value for to; give each row all of them"):
        execute_many(connection, move, [{"key": "a"}])


def test_each_database_says_it_in_its_words() -> None:
    """One insert for all three."""
    assert "ON CONFLICT DO NOTHING" in str(insert_or_ignore(TABLE, "postgresql").compile(dialect=postgresql.dialect()))
    assert "INSERT IGNORE" in str(insert_or_ignore(TABLE, "mysql").compile(dialect=mysql.dialect()))


def test_reader_does_not_wait_for_a_writer(engine: sa.Engine) -> None:
    """While a transaction writes, another one reads what was there before."""
    with engine.begin() as writer:
        writer.execute(TABLE.insert().values(k="a"))
        with reading(engine) as reader:
            assert reader.execute(sa.select(sa.func.count()).select_from(TABLE)).scalar_one() == 0


def test_read_only_engine_writes_nothing(engine: sa.Engine) -> None:
    """Not even into a file that it could write."""
    only = make_engine(engine.url, read_only=True, pooled=False)
    with pytest.raises(OperationalError, match="readonly"), only.begin() as connection:
        connection.execute(TABLE.insert().values(k="a"))


@pytest.mark.parametrize(("durable", "mode"), [(True, "wal"), (False, "delete")])
def test_only_our_own_file_gets_a_journal_mode(tmp_path: Path, durable: bool, mode: str) -> None:
    """A user's database keeps its settings."""
    engine = make_engine(f"sqlite:///{tmp_path}/x.db", durable=durable, pooled=False)
    with reading(engine) as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == mode
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar_one() == 1


@pytest.mark.parametrize(
    ("make", "again"),
    [
        (lambda: sqlite3.OperationalError("database is locked"), True),
        (lambda: sqlite3.OperationalError("no such table: t"), False),
        (type("Deadlock", (Exception,), {"sqlstate": "40P01"}), True),
        (type("Unique", (Exception,), {"sqlstate": "23505"}), False),
        (lambda: Exception(1213, "Deadlock found"), True),
        (lambda: Exception(1062, "Duplicate entry"), False),
    ],
)
def test_lock_may_be_tried_again_and_a_fault_not(make: Callable[[], Exception], again: bool) -> None:
    """By each driver's own number."""
    assert transient(OperationalError("UPDATE", {}, make())) is again
    assert not transient(make())
