"""A SQLite ledger whose file is moved, replaced, or without its log while a process has it open."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from automation.ledger.schema import open_engine

NOTES = sa.table("notes", sa.column("word"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
def engine(path: Path) -> Iterator[sa.Engine]:
    made = open_engine(f"sqlite:///{path}")
    with made.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE notes (word TEXT)")
    yield made
    made.dispose()


@pytest.fixture
def words(engine: sa.Engine) -> Callable[..., list[str]]:
    """`words("new")`: write this one, if any; all that the engine reads."""

    def write_and_read(*new: str) -> list[str]:
        with engine.begin() as connection:
            for word in new:
                connection.execute(NOTES.insert().values(word=word))
            return list(connection.scalars(sa.select(NOTES.c.word)))

    return write_and_read


def test_file_that_is_gone_is_missed_and_not_made_anew(path, words):
    """The connection that is open would write on into a file without a name; put back, the file is used again."""
    words("kept")
    path.rename(path.with_name("aside.db"))
    with pytest.raises(OperationalError, match=r"ledger\.db is gone; put it back"):
        words("lost")
    assert not path.exists()
    path.with_name("aside.db").rename(path)
    assert words() == ["kept"]


def test_file_that_was_replaced_is_the_one_that_counts(path, words, caplog):
    """A backup that was restored: its rows are read, the log says that the file is another one."""
    words("lost")
    with closing(sqlite3.connect(path.with_name("backup.db"))) as backup:
        backup.execute("CREATE TABLE notes (word TEXT)")
        backup.execute("INSERT INTO notes VALUES ('restored')")
        backup.commit()
    for ending in ("", "-wal", "-shm"):
        path.with_name(f"ledger.db{ending}").unlink()
    path.with_name("backup.db").rename(path)

    assert words() == ["restored"]
    assert "ledger.db is another file than it was" in caplog.text


def test_file_without_its_log_is_refused(path, engine, tmp_path):
    """What was written last is in the log alone; a copy of the rest would look whole, and is not."""
    copy = tmp_path / "copy"
    copy.mkdir()
    for ending in ("", "-shm"):
        (copy / f"ledger.db{ending}").write_bytes(path.with_name(f"ledger.db{ending}").read_bytes())
    with pytest.raises(OperationalError, match=r"ledger\.db-wal is missing"):
        open_engine(f"sqlite:///{copy / 'ledger.db'}").connect()


def test_file_whose_log_was_worked_in_needs_none(path, engine):
    """Who leaves in order takes the log with it; a wal-index that was left behind owes nothing."""
    index = path.with_name("ledger.db-shm")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    left = index.read_bytes()
    engine.dispose()
    index.write_bytes(left)
    with open_engine(f"sqlite:///{path}").connect() as connection:
        assert connection.exec_driver_sql("SELECT COUNT(*) FROM notes").scalar_one() == 0
