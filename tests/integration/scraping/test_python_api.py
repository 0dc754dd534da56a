"""Crawling from a plugin's own Python: the same fetching, storing and limits, with a part of the reading by hand."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from automation.errors import FailureClass, InvalidInput, JobFailed

BOOK = '<article><a class=t href="/book/{0}">Book {0}</a><p class=price>£{0}.50</p></article>'
OPEN = {"delay": "0s", "robots": False, "allow_networks": "127.0.0.0/8"}
FIELDS = {"title": ".t", "url": {"css": ".t", "type": "url"}, "price": {"css": ".price", "type": "money"}}


@pytest.fixture
def shop(site):
    """Two pages of two books."""
    site.page("/", BOOK.format(1) + BOOK.format(2) + '<a class=next href="/2">next</a>')
    site.page("/2", BOOK.format(3) + BOOK.format(4))
    return site


def test_each_item_may_be_changed_doubled_or_left_out(shop, context, rows):
    """What the hook returns is stored; what TOML says beside it holds as ever."""

    def each(item):
        if item["title"] == "Book 2":
            return None
        if item["title"] == "Book 3":
            return [item, {**item, "url": item["url"] + "#again", "title": "Book 3b"}]
        return {**item, "price": item["price"] * 2}

    result = context().crawl(
        start=f"{shop.base}/",
        follow="a.next",
        items="article",
        fields=FIELDS,
        key="url",
        table="books",
        each=each,
        **OPEN,
    )

    assert (result["items"], result["new"], result["left_out"]) == (4, 4, 1)
    assert rows("SELECT title, price, price_currency FROM books ORDER BY title") == [
        ("Book 1", 3.0, "GBP"), ("Book 3", 3.5, "GBP"), ("Book 3b", 3.5, "GBP"), ("Book 4", 9.0, "GBP"),
    ]  # fmt: skip


def test_pages_may_be_read_by_hand(shop, context, rows):
    """`parse` yields items and links; texts are read as the column's type, other values are taken as they are."""
    ctx = context()

    def parse(page):
        for article in ctx.soup(page).select("article"):
            yield {"title": article.a.text, "price": article.select_one(".price").text, "depth": page.depth}
        if page.depth == 0:
            yield "/2"
            yield "mailto:nobody@example.com"

    columns = {"title": "text", "price": "money", "depth": "int"}
    result = ctx.crawl(start=f"{shop.base}/", parse=parse, columns=columns, key="title", table="books", **OPEN)

    assert (result["pages"], result["items"]) == (2, 4)
    assert rows("SELECT title, price, price_currency, depth FROM books WHERE depth = 1 ORDER BY title") == [
        ("Book 3", 3.5, "GBP", 1), ("Book 4", 4.5, "GBP", 1),
    ]  # fmt: skip


def test_a_page_is_fetched_under_the_same_rules(shop, context):
    """robots.txt, the guard and the statuses are those of a crawl; a second page goes out by the same connection."""
    shop.page("/robots.txt", "User-agent: *\nDisallow: /2", headers={"Content-Type": "text/plain"})
    shop.page("/broken", status=403)
    allowed = {"delay": "0s", "allow_networks": "127.0.0.0/8"}
    ctx = context()

    page = ctx.fetch(f"{shop.base}/", **allowed)
    assert ctx.soup(page).select_one(".t").text == "Book 1"
    assert ctx.fetch(f"{shop.base}/nowhere", **allowed).status_code == 404
    for path, failure_class in (("/2", FailureClass.BLOCKED), ("/broken", FailureClass.BLOCKED)):
        with pytest.raises(JobFailed) as caught:
            ctx.fetch(shop.base + path, **allowed)
        assert caught.value.failure_class == failure_class
    with pytest.raises(JobFailed, match="not a public address"):
        ctx.fetch(f"{shop.base}/")
    assert [path for _, path, _, _ in shop.asked].count("/robots.txt") == 1


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda ctx: ctx.crawl(start="https://x.example/", felds={}), "ctx.crawl: .*felds: Extra inputs"),
        (lambda ctx: ctx.crawl(start="https://x.example/", parse=list), "parse and columns go together"),
        (
            lambda ctx: ctx.crawl(start="https://x.example/", parse=list, columns={"a": "text"}, items="p"),
            "with parse there is no items",
        ),
        (lambda ctx: ctx.fetch("https://x.example/", dely="1s"), "ctx.fetch: dely"),
    ],
)
def test_calls_that_cannot_be_are_refused(context, call, says):
    """By name, before anything is fetched."""
    with pytest.raises(InvalidInput, match=says):
        call(context())


@pytest.mark.parametrize(
    ("given", "says"),
    [({"titel": "x"}, "did you mean 'title'"), (["x"], "give items as dicts"), (3, "give items as dicts")],
)
def test_what_is_no_item_is_told(shop, context, given, says):
    """A wrong name would otherwise be a column that stays empty."""
    with pytest.raises(JobFailed, match=says):
        context().crawl(
            start=f"{shop.base}/", parse=lambda _page: [given], columns={"title": "text"}, key="title", **OPEN
        )


def test_async_plugins_are_told_how(shop, context):
    """A crawl waits for the web; in a thread it works."""
    ctx = context()
    crawl = {"start": f"{shop.base}/", "items": "article", "fields": FIELDS, "key": "url", **OPEN}

    async def plugin():
        with pytest.raises(InvalidInput, match="in async def write: await"):
            ctx.crawl(**crawl)
        return await asyncio.to_thread(lambda: ctx.crawl(**crawl))

    assert asyncio.run(plugin())["items"] == 2


def test_money_of_a_hook_is_exact(shop, context, rows):
    """A Decimal is stored as it is."""
    context().crawl(
        start=f"{shop.base}/", key="title", table="books", columns={"title": "text", "price": "money"},
        parse=lambda _page: [{"title": "x", "price": Decimal("0.10"), "price_currency": "EUR"}], **OPEN,
    )  # fmt: skip

    assert rows("SELECT price, price_currency FROM books") == [(0.1, "EUR")]
