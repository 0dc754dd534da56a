"""A second attempt goes on where the first one stopped: no page again, no item twice, the counts of one run."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
import sqlalchemy as sa

from automation.clock import FrozenClock
from automation.database import make_engine
from automation.errors import JobFailed
from automation.scraping.checkpoint import STALE, Checkpoint, packed, unpacked
from automation.scraping.extract import Item
from automation.scraping.frontier import Frontier

ITEM = '<article><a class=t href="/book/{0}">Book {0}</a><p class=price>£{0}.50</p></article>'
BOOKS = {
    "items": "article", "key": "url", "table": "books", "follow": "a.next",
    "fields": {"title": ".t", "url": {"css": ".t", "type": "url"}, "price": {"css": ".price", "type": "money"}},
}  # fmt: skip


@pytest.fixture
def shop(site):
    """Five pages of two books; the fourth asks who we are, until it is opened."""
    for page in range(5):
        books = ITEM.format(2 * page) + ITEM.format(2 * page + 1)
        more = f'<a class=next href="/p{page + 1}">next</a>' if page < 4 else ""
        site.page(f"/p{page}" if page else "/", books + more)
    open_page = site.answers["/p3"]
    site.page("/p3", "who are you?", status=401)
    site.open = lambda: site.answers.update({"/p3": open_page})
    return site


def asked(site):
    paths = [path for _, path, _, _ in site.asked]
    site.asked.clear()
    return paths


def fails_and_goes_on(shop, scrape, **params):
    with pytest.raises(JobFailed):
        scrape(**params)
    asked(shop)
    shop.open()
    return scrape(attempt=2, **params)


@pytest.mark.parametrize("key", ["url", ()])
def test_the_next_attempt_goes_on(shop, scrape, rows, traces, key):
    """Only what was not read is asked for; rows, counts and files are those of the whole run, with a key and without."""
    result = fails_and_goes_on(shop, scrape, **{**BOOKS, "key": key}, export="csv")

    assert asked(shop) == ["/p3", "/p4"]
    assert (result["pages"], result["items"], result["new"], result["duplicates"]) == (5, 10, 10, 0)
    assert rows("SELECT count(*), count(DISTINCT url) FROM books") == [(10, 10)]
    assert len(traces.files["books.csv"].splitlines()) == 11
    assert "Going on where an earlier attempt stopped: 3 pages and 6 items are kept, 1 page to visit" in traces.lines


def test_items_that_wait_for_their_detail_page_are_kept_as_they_were(shop, scrape, rows):
    """What the list page said of an item is not asked for again, to the last cent."""
    shop.page("/", "".join(ITEM.format(number) for number in (1, 2, 3)))
    shop.page("/book/1", "<p id=stock>7</p>")
    shop.page("/book/2", status=401)
    shop.page("/book/3", "<p id=stock>9</p>")
    shop.open = lambda: shop.page("/book/2", "<p id=stock>8</p>")
    detail = {"css": ".t", "fields": {"stock": {"css": "#stock", "type": "int"}}}

    result = fails_and_goes_on(shop, scrape, **BOOKS, detail=detail)

    assert asked(shop) == ["/book/2", "/book/3"]
    assert result["items"] == 3
    assert rows("SELECT title, price, stock FROM books ORDER BY url") == [
        ("Book 1", 1.5, 7), ("Book 2", 2.5, 8), ("Book 3", 3.5, 9),
    ]  # fmt: skip


def test_other_parameters_another_run_and_a_finished_one_begin_anew(shop, scrape):
    """A crawl is only gone on with where it is the same crawl."""
    with pytest.raises(JobFailed):
        scrape(**BOOKS)
    shop.open()
    asked(shop)

    assert scrape(**BOOKS, max_pages=9, attempt=2)["pages"] == 5
    assert scrape(**BOOKS, run_id="r2")["pages"] == 5
    assert scrape(**BOOKS, attempt=2)["pages"] == 5
    assert len(asked(shop)) == 15


@pytest.mark.parametrize(
    ("limit", "pages", "items"),
    [({"max_items": 3}, 2, 3), ({"max_pages": 2}, 2, 4), ({"max_stale": 4}, 2, 4), ({"max_time": "1ms"}, 0, 0)],
)
def test_limits_end_a_crawl_by_their_name(shop, scrape, limit, pages, items):
    """The reason is in the result; a limit is no failure of its own. All items are known from an earlier run."""
    shop.open()
    scrape(**BOOKS)

    later = {"run_id": "r2", "moment": datetime(2027, 1, 1, tzinfo=UTC), "quality": {"min_items": 0}}
    result = scrape(**BOOKS, **later, **limit)

    assert (result["stopped_by"], result["pages"], result["items"]) == (next(iter(limit)), pages, items)


def test_some_failing_pages_may_be_passed_over(shop, scrape):
    """Within max_errors the run succeeds and tells; beyond, it fails with the last failure and its class."""
    shop.page("/", '<a class=next href="/p3">3</a> <a class=next href="/p4">4</a>' + ITEM.format(1))
    told = scrape(**BOOKS, max_errors=1)
    assert (told["failed_pages"], told["items"], told["stopped_by"]) == (1, 3, None)

    shop.page("/p4", status=401)
    with pytest.raises(JobFailed, match=r"More than max_errors = 1 pages failed; the last: .*401") as caught:
        scrape(**BOOKS, max_errors=1, run_id="r2")
    assert caught.value.failure_class == "auth"
    assert scrape(**BOOKS, max_errors=1, run_id="r3", on_bad="warn")["stopped_by"] == "max_errors"


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def engine(request, fresh_database):
    """An empty database of each kind."""
    engine = make_engine(fresh_database(request.param), pooled=False)
    yield engine
    engine.dispose()


def test_a_checkpoint_on_each_database(engine):
    """What one attempt saved, the next one has; from then on the first writes nothing."""
    clock = FrozenClock(datetime(2026, 1, 1, tzinfo=UTC))

    def make(attempt, plan="p"):
        return Checkpoint(None, run_id="r", attempt=attempt, source="s", table="t", plan=plan, clock=clock)

    first, frontier = make(1), Frontier(10)
    waiting = Item({"price": Decimal("1.50"), "tags": ["é"]}, {"day": "no date"}, "https://x.example/d")
    with engine.begin() as connection:
        first.create(connection)
        assert first.open(connection) is None
        frontier.add_list("https://x.example/1", 0)
        frontier.add_detail("https://x.example/d", 1, waiting)
        visits = frontier.changes()
        first.save(connection, visits, {"n": 1})
    for visit in visits:
        visit.saved = True
    done = visits[0]
    frontier.settle(done)
    with engine.begin() as connection:
        first.hold(connection)
        first.save(connection, frontier.changes(), {"n": 2})

    with engine.begin() as connection:
        found = make(2).open(connection)
        assert found.progress == {"n": 2}
        assert [(one.url[-1], one.done, one.item) for one in found.visits] == [("1", True, None), ("d", False, waiting)]
    with engine.begin() as connection, pytest.raises(JobFailed, match="Attempt 1 of this run was overtaken"):
        first.hold(connection)
    clock.advance(seconds=STALE.total_seconds() + 1)
    with engine.begin() as connection:
        assert make(3).open(connection) is None
        make(3).end(connection, 7, complete=True, good=True)
        assert connection.execute(sa.text("SELECT count(*) FROM automation_pages")).scalar() == 0
        other = Checkpoint(None, run_id="r2", attempt=1, source="s", table="t", plan="p", clock=clock)
        assert other.counts(connection, 5) == [7]


def test_values_come_back_of_their_kind():
    """Money stays exact and a day a day."""
    values = {
        "a": Decimal("0.10"),
        "b": [1, None, True, 2.5],
        "c": datetime(2026, 1, 1, tzinfo=UTC),
        "d": "\x00decimal",
    }

    assert unpacked(packed(values)) == values
