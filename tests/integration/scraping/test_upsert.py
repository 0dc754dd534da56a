"""Rows over several runs: new, changed, unchanged, on every database."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa

from automation.database import make_engine
from automation.errors import JobFailed
from automation.scraping.params import ScrapeParams
from automation.scraping.store import Store

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
FIELDS = {
    "url": {"css": "a", "type": "url"}, "title": "h3", "price": {"css": "p", "type": "money"},
    "stock": {"css": "i", "type": "int"}, "tags": {"css": "b", "many": True}, "sold": {"css": "u", "type": "bool"},
    "rating": {"css": "s", "type": "number"}, "day": {"css": "em", "type": "date"},
}  # fmt: skip
ROW = {
    "url": "https://x.example/ä?a=1", "title": "Ünïcode 📚", "price": Decimal("51.77"), "price_currency": "GBP",
    "stock": 2**40, "tags": ["a", "é"], "sold": False, "rating": 4.1, "day": "2026-01-01",
}  # fmt: skip


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def engine(request, fresh_database):
    """An empty database of each kind."""
    engine = make_engine(fresh_database(request.param), pooled=False)
    yield engine
    engine.dispose()


@pytest.fixture
def store(engine):
    """`store(moment, run_id=…, key=…)`: the table made ready for a run."""

    def make(moment=NOW, run_id="r1", key=("url",), fields=FIELDS):
        rules = ScrapeParams(start="https://x.example/", fields=fields).all_fields
        store = Store(engine, "books", rules, key, moment=moment, run_id=run_id, log=logging.getLogger("test"))
        store.prepare()
        return store

    return make


def content(engine, sql):
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(sa.text(sql))]


def test_a_row_comes_back_as_it_went_in(engine, store):
    """Money is exact, lists and truth keep their kind, and nothing counts as changed."""
    one = store()
    one.write([ROW])

    with engine.connect() as connection:
        found = dict(connection.execute(sa.select(one.table)).mappings().one())
    assert {name: found[name] for name in ROW} == ROW
    assert (found["first_seen"], found["changed_at"]) == (NOW, NOW)
    assert store(LATER, "r2").write([ROW]).unchanged == 1


def test_a_changed_value_is_recorded_with_both_values(engine, store):
    """The item is updated, and the change has its own row."""
    store().write([ROW])
    tally = store(LATER, "r2").write([{**ROW, "price": Decimal("49.9900"), "title": None}])

    assert (tally.new, tally.changed, tally.unchanged) == (0, 1, 0)
    assert content(engine, "SELECT field, old, new, run_id FROM books_changes ORDER BY field") == [
        ("price", "51.77", "49.99", "r2"),
        ("title", "Ünïcode 📚", None, "r2"),
    ]
    assert "https://x.example/ä?a=1" in content(engine, "SELECT * FROM books_changes")[0][1]


def test_a_second_attempt_doubles_nothing_and_counts_alike(engine, store):
    """Written twice by the same run, rows and counts are those of once."""
    other = {**ROW, "url": "https://x.example/2"}
    store().write([ROW])
    changed = {**ROW, "stock": 3}
    first = store(LATER, "r2").write([changed, other])
    second = store(LATER, "r2").write([changed, other])

    assert (first.new, first.changed) == (second.new, second.changed) == (1, 1)
    assert content(engine, "SELECT count(*) FROM books") == [(2,)]
    assert content(engine, "SELECT count(*) FROM books_changes") == [(1,)]


def test_keys_that_differ_in_case_alone_are_two_items(engine, store):
    """Two addresses are the same only when they are the same."""
    store().write([ROW, {**ROW, "url": ROW["url"].upper()}])

    assert content(engine, "SELECT count(*) FROM books") == [(2,)]


def test_a_new_field_is_a_new_column(engine, store):
    """A table grows with its fields; a first value there is no change of the item."""
    small = {name: FIELDS[name] for name in ("url", "title")}
    store(fields=small).write([{"url": ROW["url"], "title": "old"}])
    tally = store(LATER, "r2").write([{**ROW, "title": "old"}, {**ROW, "url": "https://x.example/2"}])

    assert (tally.new, tally.changed, tally.unchanged) == (1, 0, 1)
    assert content(engine, "SELECT count(*) FROM books WHERE stock IS NOT NULL") == [(2,)]
    assert content(engine, "SELECT count(*) FROM books_changes") == [(0,)]


def test_without_key_every_run_adds_and_every_attempt_replaces(engine, store):
    """Rows of the same run are not doubled by its second attempt."""
    for run in ("r1", "r1", "r2"):
        assert store(run_id=run, key=()).write([ROW, ROW]).new == 2

    assert content(engine, "SELECT run_id, count(*) FROM books GROUP BY run_id ORDER BY run_id") == [
        ("r1", 2),
        ("r2", 2),
    ]


def test_an_older_moment_does_not_turn_last_seen_back(engine, store):
    """A late run of an earlier occurrence leaves the newer sight."""
    store(LATER).write([ROW])
    late = store(NOW, "r0")
    late.write([ROW])

    with engine.connect() as connection:
        assert connection.execute(sa.select(late.table.c.last_seen)).scalar_one() == LATER


def test_a_table_of_somebody_else_gets_no_key_by_force(engine, store):
    """A table without the key's column is named in the message and left as it is."""
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE books (title varchar(50))"))

    with pytest.raises(JobFailed, match="no column 'url', which is a key"):
        store()


def test_a_table_with_double_keys_is_told(engine, store):
    """An existing table is given a unique key where that is possible, and a message where it is not."""
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE books (url varchar(200), title varchar(50))"))
        connection.execute(sa.text("INSERT INTO books VALUES ('a', 'x'), ('a', 'y')"))

    with pytest.raises(JobFailed, match="'books' cannot be written"):
        store()
    with engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM books WHERE title = 'y'"))
    assert store().write([{**ROW, "url": "a"}]).changed == 1


def test_runs_at_the_same_time_lose_nothing(engine, store):
    """A row that another run inserted meanwhile is updated, not refused."""
    mine, theirs = store(), store(LATER, "r2")
    looked_at = mine._present
    mine._present = lambda connection, rows: {} if not theirs_wrote() else looked_at(connection, rows)
    wrote = []

    def theirs_wrote():
        if engine.dialect.name == "sqlite":
            return True
        if not wrote:
            wrote.append(theirs.write([ROW]))
            return False
        return True

    mine.write([{**ROW, "stock": 1}])

    assert content(engine, "SELECT count(*), max(stock) FROM books") == [(1, 1)]
