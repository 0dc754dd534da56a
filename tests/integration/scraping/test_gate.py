"""What becomes of a run that is not good: told, kept out of the table, with a page to look at."""

from __future__ import annotations

from datetime import timedelta

import pytest

from automation.errors import JobFailed
from tests.integration.scraping.shelf import BOOKS, DAY, ITEM


def prices(*numbers):
    return dict.fromkeys(numbers, "5.00")


def test_a_drop_against_the_median_is_bad_and_nothing_of_it_is_stored(day, rows):
    """The last good run stays to the letter; the next good one is compared with good ones alone."""
    gate = {"on_bad": "keep_last", "quality": {"max_drop": "50%"}}
    for number, most in ((1, 5), (2, 9), (3, 5)):
        day(number, prices(*range(1, most)), **gate)
    before = rows("SELECT * FROM books ORDER BY url"), rows("SELECT * FROM books_changes")

    with pytest.raises(JobFailed, match=r"1 item found where the last 3 good runs had 4 \(median\).* 50%") as caught:
        day(4, {1: "1.00"}, **gate)

    assert caught.value.code == "quality:max_drop"
    assert (rows("SELECT * FROM books ORDER BY url"), rows("SELECT * FROM books_changes")) == before
    assert rows("SELECT count(*) FROM automation_staged") == [(0,)]
    good = day(5, prices(1, 2), **gate)
    assert (good["unchanged"], good["new"], good["gone"]) == (2, 0, 2)


def test_what_was_kept_apart_survives_a_failing_attempt(day, site, scrape, rows, traces):
    """The second attempt of a run goes on, and stores what both have read."""
    site.page("/two", status=401)
    more = '<a class=next href="/two">n</a>'
    with pytest.raises(JobFailed):
        day(1, prices(1, 2), more, on_bad="keep_last", export="csv")
    assert rows("SELECT count(*) FROM books") == [(0,)]

    site.page("/two", ITEM.format(3, "5.00"))
    moment = DAY + timedelta(days=1)
    result = scrape(**BOOKS, on_bad="keep_last", export="csv", run_id="r1", attempt=2, moment=moment)

    assert (result["items"], result["new"]) == (3, 3)
    assert rows("SELECT title FROM books ORDER BY title") == [("Book 1",), ("Book 2",), ("Book 3",)]
    assert len(traces.files["books.csv"].splitlines()) == 4


@pytest.mark.parametrize(
    ("quality", "code", "says"),
    [
        ({"max_items": 2}, "max_items", "3 items found, and quality.max_items is 2"),
        ({"ranges": {"price": [1, 10]}}, "wrong", "price: 1 of 3 values cannot be right: 99 is outside of 1 … 10"),
        ({"ranges": {"price": {"max": 10}}, "max_wrong": "30%"}, "wrong", "99 is outside of … 10"),
        ({"patterns": {"title": "Book [12]"}}, "wrong", "'Book 3' is not like Book"),
        ({"max_duplicates": 0.2}, "max_duplicates", "1 of 4 items have the key of another one"),
    ],
)
def test_bounds_that_are_missed(day, quality, code, says):
    """Each says what was found, what is allowed, and where."""
    again = ITEM.format(1, "5.00")
    with pytest.raises(JobFailed) as caught:
        day(1, {1: "5.00", 2: "6.00", 3: "99.00"}, again, quality=quality)

    assert caught.value.code == f"quality:{code}"
    assert says in str(caught.value)


def test_bounds_that_are_kept(day):
    """The same bounds, a little wider."""
    quality = {
        "max_items": 3, "ranges": {"price": [1, 10]}, "patterns": {"title": "Book [12]"}, "max_wrong": "34%",
        "max_duplicates": 0.25, "max_drop": 0.1,
    }  # fmt: skip
    assert day(1, {1: "5.00", 2: "6.00", 3: "99.00"}, ITEM.format(1, "5.00"), quality=quality)["items"] == 3


def test_a_page_of_each_kind_of_failure_is_kept(day, site, traces):
    """One page for each cause, named after it; a good run keeps none."""
    fields = {**BOOKS["fields"], "price": {"css": ".price", "type": "money", "required": True}}
    day(1, {1: "5.00", 2: "soon"}, fields=fields)
    assert traces.files == {}

    site.page("/two", "<p>Are you a robot?</p>")
    for number, found in ((2, {1: "soon", 2: "later"}), (3, {1: "5.00"})):
        with pytest.raises(JobFailed):
            day(number, found, '<a class=next href="/two">n</a>', fields=fields, must_contain="article")

    assert sorted(traces.files) == [
        "failed-missing-price.html",
        "failed-must_contain.html",
        "failed-unreadable-price.html",
    ]
    assert b"Are you a robot?" in traces.files["failed-must_contain.html"]


def test_the_page_of_a_block_and_of_a_bad_run_is_kept(day, site, scrape, traces):
    """A block page is what the site has shown; where no page is to blame, the last one tells most."""
    with pytest.raises(JobFailed):
        day(1, {1: "5.00"}, quality={"min_items": 2})
    site.page("/blocked", "<title>Just a moment...</title>", status=403)
    with pytest.raises(JobFailed):
        scrape(**BOOKS, start=f"{site.base}/blocked", run_id="blocked")

    assert sorted(traces.files) == ["failed-blocked-cloudflare.html", "failed-quality-min_items.html"]
    assert b"5.00" in traces.files["failed-quality-min_items.html"]


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"quality": {"ranges": {"title": [1, 2]}}}, "'title' is of type text; use int, number or money"),
        ({"quality": {"ranges": {"price": [2, 1]}}}, "min 2 is above max 1"),
        ({"quality": {"ranges": {"price": [1]}}}, "write [least, most]"),
        ({"quality": {"patterns": {"name": "x"}}}, "'name' is not a field; fields: title, url, price"),
        ({"quality": {"patterns": {"title": "("}}}, "is not a regular expression"),
        ({"quality": {"max_drop": "half"}}, "max_drop"),
        ({"on_bad": "keep_last", "max_stale": 3}, 'goes with on_bad = "fail" or "warn"'),
    ],
)
def test_bounds_that_cannot_be_are_refused(day, params, says):
    """By name, with the way out."""
    with pytest.raises(ValueError, match="validation error") as caught:
        day(1, {}, **params)

    assert says in str(caught.value)
