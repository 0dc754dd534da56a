"""The stored answers of a run are the answers, type by type."""

from __future__ import annotations

import gzip
import math
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automation.errors import JobFailed
from automation.reports.stored import Origin, Spool, join, load

MOMENT = datetime(2026, 1, 1, 7, tzinfo=UTC)
ORIGIN = Origin("sales", "r1", MOMENT, MOMENT, MOMENT)
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(), st.binary(max_size=20),
    st.decimals(allow_nan=False), st.datetimes(), st.dates(), st.times(), st.timedeltas(), st.uuids(),
)  # fmt: skip


def stored(folder, *portions, limit=10**9, max_rows=1000):
    """These portions of rows, written and read back."""
    spool = Spool(folder / "0.gz", limit)
    spool.begin("q", [f"c{at}" for at in range(len(portions[0][0]))])
    for rows in portions:
        spool.add(rows)
    spool.end(truncated=False, cut=False, seconds=0.5)
    return load(join(folder / "data.gz", ORIGIN, {"sources": []}, [spool, spool_of(folder)]), folder, max_rows)


def spool_of(folder):
    """A second answer behind the first."""
    spool = Spool(folder / "1.gz", 10)
    spool.begin("other", ["n"])
    spool.add([(1,)])
    spool.end(truncated=False, cut=True, seconds=1.0)
    return spool


def test_answers_origin_and_facts_come_back(tmp_path):
    """Each answer by its name, with what was said of it."""
    origin, facts, answers = stored(tmp_path, [(1, "a"), (2, None)])

    assert (origin, facts) == (ORIGIN, {"sources": []})
    assert answers["q"].rows == ((1, "a"), (2, None))
    assert (answers["q"].columns, answers["q"].seconds, answers["q"].truncated) == (("c0", "c1"), 0.5, False)
    assert (answers["other"].cut, answers["other"].truncated) == (True, True)


@pytest.mark.parametrize(
    "value",
    [
        Decimal("1.10"), date(1, 1, 1), MOMENT, datetime(2026, 1, 1), time(1, 2, 3), timedelta(-1, 5, 7), b"\x00\xff",
        UUID(int=5), 10**40, "\ud800", math.inf, True,
    ],
)  # fmt: skip
def test_a_value_keeps_its_type(tmp_path, value):
    """Alone in its column, and beside others."""
    _, _, answers = stored(tmp_path, [(value, value), (None, "x"), (value, 1)])

    assert answers["q"].rows == ((value, value), (None, "x"), (value, 1))
    assert type(answers["q"].rows[0][0]) is type(value)


@settings(max_examples=30)
@given(rows=st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=6))
def test_any_rows_come_back(tmp_path_factory, rows):
    """Mixed as they may be."""
    _, _, answers = stored(tmp_path_factory.mktemp("s"), rows)

    assert answers["q"].rows == tuple(rows)


def test_rows_that_a_page_does_not_show_are_there_for_files(tmp_path):
    """Memory holds the first; all of them go by in portions, as often as they are asked for."""
    _, _, answers = stored(tmp_path, [(at,) for at in range(5)], [(at,) for at in range(5, 9)], max_rows=3)

    answer = answers["q"]
    assert (answer.rows, answer.found, answer.truncated) == (((0,), (1,), (2,)), 9, True)
    for _ in range(2):
        assert [row[0] for rows in answer.portions() for row in rows] == list(range(9))


@pytest.mark.parametrize("damage", [b"", b"{}", b'{"version": 1}\n', b"\x1f\x8b cut"])
def test_a_damaged_file_is_told(tmp_path, damage):
    """Its name and what is wrong, and no traceback."""
    path = tmp_path / "data.gz"
    path.write_bytes(damage if damage.startswith(b"\x1f") else gzip.compress(damage))
    with pytest.raises(JobFailed, match=r"data\.gz cannot be read"):
        load(path, tmp_path, 10)
