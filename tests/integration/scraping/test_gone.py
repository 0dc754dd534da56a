"""Items that vanish, come back, or could not be seen; and the report of what changed."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from automation.database import make_engine
from automation.errors import JobFailed
from tests.integration.scraping.shelf import BOOKS, ITEM


def gone(rows):
    return [title for (title,) in rows("SELECT title FROM books WHERE gone_at IS NOT NULL ORDER BY title")]


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def each_database(request, fresh_database):
    """An empty database of each kind."""
    engine = make_engine(fresh_database(request.param), pooled=False)
    yield engine
    engine.dispose()


def test_the_report_of_three_days_on_each_database(day, site, each_database):
    """New, changed, gone and back are counted, shown, and written into the history; `gone_at` is cleared again."""

    def rows(sql):
        with each_database.connect() as connection:
            return [tuple(row) for row in connection.execute(sa.text(sql))]

    first = day(1, {1: "5.00", 2: "6.00"}, engine=each_database)
    second = day(2, {1: "4.50", 3: "7.00"}, engine=each_database)
    assert gone(rows) == ["Book 2"]
    third = day(3, {1: "4.50", 2: "6.00"}, engine=each_database)

    assert [(one["new"], one["changed"], one["gone"], one["back"]) for one in (first, second, third)] == [
        (2, 0, 0, 0), (1, 1, 1, 0), (0, 0, 1, 1),
    ]  # fmt: skip
    book = f"{site.base}/book/"
    assert second["samples"] == {
        "new": [{"url": f"{book}3"}],
        "changed": [{"url": f"{book}1", "field": "price", "old": "5", "new": "4.5"}],
        "gone": [{"url": f"{book}2"}],
    }
    assert gone(rows) == ["Book 3"]
    assert rows("SELECT field, run_id FROM books_changes ORDER BY id") == [
        ("price", "r2"), ("gone_at", "r2"), ("gone_at", "r3"), ("gone_at", "r3"),
    ]  # fmt: skip


def test_nothing_is_gone_when_something_may_have_been_missed(day, site, rows):
    """A limit, a failing page and a bad run say nothing of what they did not see; nor does another source."""
    day(1, {1: "5.00", 2: "6.00"})
    site.page("/other", ITEM.format(9, "1.00"))
    site.page("/broken", status=401)

    day(2, {1: "5.00"}, max_items=1)
    day(3, {1: "5.00"}, '<a class=next href="/broken">n</a>', max_errors=1)
    with pytest.raises(JobFailed):
        day(4, {1: "5.00"}, quality={"min_items": 2})
    day(5, {1: "5.00"}, start=f"{site.base}/other")
    day(6, {1: "5.00"}, job="another")
    assert gone(rows) == []

    day(7, {1: "5.00"})
    assert gone(rows) == ["Book 2"]


def test_an_item_that_cannot_be_read_is_not_gone(day, rows):
    """It lacks a required value today; it is there."""
    fields = {**BOOKS["fields"], "price": {"css": ".price", "type": "money", "required": True}}
    day(1, {1: "5.00", 2: "6.00", 3: "7.00"}, fields=fields)

    result = day(2, {1: "5.00", 2: "soon", 3: "7.00"}, fields=fields)

    assert (result["dropped"], result["gone"]) == (1, 0)
    assert gone(rows) == []


def test_a_new_column_is_recorded_or_refused(day, rows):
    """Who added what and how stands in a table; whoever keeps the table by hand may refuse."""
    day(1, {1: "5.00"})
    fields = {**BOOKS["fields"], "stock": {"css": ".stock", "type": "int"}}

    with pytest.raises(JobFailed, match="lacks 'stock', and new_columns is \"refuse\""):
        day(2, {1: "5.00"}, fields=fields, new_columns="refuse")
    assert day(3, {1: "5.00"}, fields=fields)["added_columns"] == ["stock"]

    assert rows("SELECT items_table, column_name, statement, run_id FROM automation_migrations") == [
        ("books", "stock", "ALTER TABLE books ADD COLUMN stock BIGINT", "r3"),
    ]
