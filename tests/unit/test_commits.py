"""Commits to our own SQLite file: what is on disk when, and who waits for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from automation.commits import light, synced
from automation.database import make_engine

TABLE = sa.Table("t", sa.MetaData(), sa.Column("k", sa.String(5), primary_key=True))


@pytest.fixture
def ours(tmp_path: Path) -> Any:
    """A file of our own: WAL, and every commit on disk."""
    made = make_engine(f"sqlite:///{tmp_path}/ours.db", durable=True)
    TABLE.metadata.create_all(made)
    yield made
    made.dispose()


def test_others_write_while_a_commit_goes_to_disk(ours: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is committed before, and on disk when the block has ended."""
    seen: list[list[str]] = []

    def sync(_file: int) -> None:
        with ours.begin() as other:
            other.execute(TABLE.insert().values(k="b"))
            seen.append(sorted(other.scalars(sa.select(TABLE.c.k))))

    monkeypatch.setattr("automation.turns._SYNC", sync)
    with synced(ours) as connection:
        connection.execute(TABLE.insert().values(k="a"))

    assert seen == [["a", "b"]]


@pytest.mark.parametrize(("begin", "synchronised"), [(light, 0), (synced, 1)])
def test_light_commits_wait_for_no_disk(
    ours: Any, monkeypatch: pytest.MonkeyPatch, begin: Callable[..., Any], synchronised: int
) -> None:
    """Whoever has the connection afterwards commits to the disk as ever."""
    waits: list[int] = []
    monkeypatch.setattr("automation.turns._SYNC", waits.append)
    with begin(ours) as connection:
        connection.execute(TABLE.insert().values(k="a"))
        during = connection.exec_driver_sql("PRAGMA synchronous").scalar_one()
    with ours.begin() as connection:
        after = connection.exec_driver_sql("PRAGMA synchronous").scalar_one()

    assert (during, after, len(waits)) == (1, 2, synchronised)


@pytest.mark.parametrize("begin", [light, synced])
def test_what_fails_in_a_light_transaction_is_undone(ours: Any, begin: Callable[..., Any]) -> None:
    """As in any other, and the connection is as it was."""

    def fail() -> None:
        with begin(ours) as connection:
            connection.execute(TABLE.insert().values(k="a"))
            raise KeyError("no")

    with pytest.raises(KeyError):
        fail()
    with ours.begin() as connection:
        found = connection.scalars(sa.select(TABLE.c.k)).all()
        mode = connection.exec_driver_sql("PRAGMA synchronous").scalar_one()

    assert (found, mode) == ([], 2)


@pytest.mark.parametrize("begin", [light, synced])
def test_file_of_a_user_keeps_its_settings(tmp_path: Path, begin: Callable[..., Any]) -> None:
    """How its commits go to disk is not ours to say."""
    engine = make_engine(f"sqlite:///{tmp_path}/theirs.db", pooled=False)
    with engine.connect() as connection:
        before = connection.exec_driver_sql("PRAGMA synchronous").scalar_one()
    with begin(engine) as connection:
        during = connection.exec_driver_sql("PRAGMA synchronous").scalar_one()

    assert during == before
