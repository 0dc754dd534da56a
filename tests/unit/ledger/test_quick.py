"""Statements on the driver itself: as SQLAlchemy's in all that matters."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError, OperationalError

from automation.database import UtcDateTime, make_engine
from automation.ledger.quick import brief, read_one

TABLE = sa.Table(
    "t",
    sa.MetaData(),
    sa.Column("k", sa.String(5), primary_key=True),
    sa.Column("at", UtcDateTime),
    sa.Column("held", sa.JSON(none_as_null=True)),
)
K, AT, HELD = (sa.bindparam(name, type_=TABLE.c[name].type) for name in ("k", "at", "held"))
ADD = TABLE.insert().values(k=K, at=AT, held=HELD)
READ = sa.select(TABLE).where(TABLE.c.k == sa.bindparam("one", type_=TABLE.c.k.type))
ROW = {"k": "a", "at": datetime(2026, 3, 29, 1, 30, 0, 7, UTC), "held": {"é": [1, None]}}
EMPTY = {"k": "b", "at": None, "held": None}


@pytest.fixture
def ours(tmp_path: Path) -> Any:
    """A file of our own: WAL, and every commit on disk."""
    made = make_engine(f"sqlite:///{tmp_path}/ours.db", durable=True)
    TABLE.metadata.create_all(made)
    yield made
    made.dispose()


def synchronous(engine: Any) -> int:
    """How the pool's connection commits: 2 waits for the disk."""
    with engine.begin() as connection:
        return int(connection.exec_driver_sql("PRAGMA synchronous").scalar_one())


@pytest.mark.parametrize("row", [ROW, EMPTY])
def test_what_is_written_reads_the_same_both_ways(ours: Any, row: dict[str, Any]) -> None:
    """The conversions are those of the columns."""
    with brief(ours) as connection:
        assert connection.execute(ADD, row).rowcount == 1
    with ours.begin() as connection:
        theirs = connection.execute(READ, {"one": row["k"]}).mappings().one()

    assert read_one(ours, READ, {"one": row["k"]}) == theirs == row
    assert read_one(ours, READ, {"one": "zzz"}) is None


@pytest.mark.parametrize(("sync", "waits"), [(False, 0), (True, 1)])
def test_others_write_while_it_goes_to_disk(ours: Any, monkeypatch: pytest.MonkeyPatch, sync: bool, waits: int) -> None:
    """It is committed before; and who has the connection afterwards commits to the disk as ever."""
    seen: list[Any] = []

    def work(_file: int) -> None:
        with ours.begin() as other:
            other.execute(ADD, EMPTY)
            seen.append(sorted(other.scalars(sa.select(TABLE.c.k))))

    monkeypatch.setattr("automation.turns._SYNC", work)
    with brief(ours, sync=sync) as connection:
        connection.execute(ADD, ROW)

    assert seen == [["a", "b"]] * waits
    assert synchronous(ours) == 2


@pytest.mark.parametrize(
    ("row", "refused"),
    [
        ({**ROW, "k": "b"}, IntegrityError),
        ({**ROW, "at": datetime(2026, 1, 1)}, ValueError),
        ({**ROW, "held": object()}, TypeError),
        ({"k": "c"}, KeyError),
    ],
)
def test_what_fails_is_undone(ours: Any, row: dict[str, Any], refused: type[Exception]) -> None:
    """With all of its transaction, whether the database or a conversion refuses it."""
    with brief(ours) as connection:
        connection.execute(ADD, EMPTY)

    def fail() -> None:
        with brief(ours, sync=True) as connection:
            connection.execute(ADD, ROW)
            connection.execute(ADD, row)

    with pytest.raises(refused):
        fail()

    assert read_one(ours, READ, {"one": "a"}) is None
    assert synchronous(ours) == 2


def test_file_that_is_gone_is_an_error_of_sqlalchemy(tmp_path: Path) -> None:
    """As everybody who asks the ledger expects."""
    engine = make_engine(f"sqlite:///{tmp_path}/no/such.db", durable=True)

    with pytest.raises(OperationalError), brief(engine):
        pytest.fail("it began")
    with pytest.raises(OperationalError):
        read_one(engine, READ, {"one": "a"})


def test_statement_whose_text_depends_on_its_values_is_refused(ours: Any) -> None:
    """It could not be kept."""
    with pytest.raises(ValueError, match="Write 'or' in place of 'in'"):
        read_one(ours, sa.select(TABLE).where(TABLE.c.k.in_(["a"])), {})
