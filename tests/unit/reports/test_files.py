"""Files of another job, asked in SQL: these and no others."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from automation.clock import SystemClock
from automation.errors import JobFailed
from automation.reports import QueryParams, changes_of
from automation.reports.files import ask_files
from automation.reports.stored import Spool


@pytest.fixture
def ask(tmp_path):
    """`ask(sql, …)`: a query over one CSV file of two rows."""
    (tmp_path / "it's.csv").write_text("a,b\n1,x\n2,y\n")

    def run(sql, paths=None, **values):
        query = QueryParams.model_validate({"sql": sql, "files": {"job": "j"}})
        spool = Spool(tmp_path / "rows.gz", 100)
        found = [tmp_path / "it's.csv"] if paths is None else paths
        try:
            return ask_files(found, "q", query, values, max_rows=1, clock=SystemClock(), spool=spool)
        finally:
            spool.close()

    return run


def test_files_are_a_table(ask):
    """Values are bound; files have the rows that pages do not show."""
    answer = ask("SELECT b, a FROM files WHERE a >= :low ORDER BY a", low=1)

    assert (answer.columns, answer.rows, answer.found, answer.truncated) == (("b", "a"), (("x", 1),), 2, True)
    assert [row for rows in answer.portions() for row in rows] == [("x", 1), ("y", 2)]


@pytest.mark.parametrize(
    "sql", ["SELECT * FROM read_csv('/etc/passwd')", "SELECT * FROM read_text('/etc/passwd')", "SELECT * FROM nowhere"]
)
def test_no_other_file_is_read(ask, sql):
    """The engine opens what it was given, and says so."""
    with pytest.raises(JobFailed, match="query 'q': "):
        ask(sql)


def test_nothing_to_ask_is_told(ask):
    """The job and the pattern."""
    with pytest.raises(JobFailed, match=r"the job 'j' left no file that fits '\*.csv'"):
        ask("SELECT 1", paths=[])


@pytest.fixture
def parquet(tmp_path):
    """Two Parquet files of the same columns, of every type that a report shows."""
    noon = datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    table = pa.table({
        "id": [1, 2], "name": ["a", None], "price": pa.array([Decimal("1.10"), None], pa.decimal128(10, 2)),
        "day": [date(2026, 1, 1), None], "moment": pa.array([noon, None], pa.timestamp("us", tz="Europe/Berlin")),
        "raw": [b"\0x", None], "tags": [["x", "y"], None],
    })  # fmt: skip
    paths = [tmp_path / "one.parquet", tmp_path / "two.parquet"]
    for path in paths:
        pq.write_table(table, path)
    return paths


def test_parquet_files_are_a_table(ask, parquet):
    """Every type as it is, moments in UTC whatever the machine's zone, and bound moments compare."""
    answer = ask("SELECT * FROM files WHERE moment > :since", parquet, since=datetime(2026, 1, 1, 9, tzinfo=UTC))

    assert answer.columns == ("id", "name", "price", "day", "moment", "raw", "tags")
    (row,) = answer.rows
    assert row[:4] == (1, "a", Decimal("1.10"), date(2026, 1, 1))
    assert row[4] == datetime(2026, 1, 1, 10, tzinfo=UTC)
    assert row[4].utcoffset() == timedelta(0)
    assert row[5:] == (b"\0x", ["x", "y"])
    assert (answer.found, ask("SELECT count(*) FROM files", parquet).rows) == (2, ((4,),))


def test_lists_tell_rows_apart(ask, parquet):
    """Where no key is named, all columns are one."""
    answer = ask("SELECT DISTINCT name, tags FROM files ORDER BY name", parquet)
    query = QueryParams.model_validate({"sql": "SELECT 1"})

    assert [row[0] for row in changes_of(answer, answer, query).rows] == []
    assert [row[0] for row in changes_of(answer, None, query).rows] == ["new"]


def test_files_of_two_kinds_are_told(ask, parquet, tmp_path):
    """And one that is neither CSV nor Parquet, or only says so."""
    with pytest.raises(JobFailed, match=r"all CSV or all Parquet; found it's.csv, one\.parquet"):
        ask("SELECT 1 FROM files", [parquet[0], tmp_path / "it's.csv"])
    parquet[0].write_text("no parquet")
    with pytest.raises(JobFailed, match=r"query 'q': .*one\.parquet"):
        ask("SELECT 1 FROM files", parquet)
