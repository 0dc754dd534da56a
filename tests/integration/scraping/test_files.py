"""Files of items: fetched as pages are, within limits, once."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import pytest

from automation.scraping.params import ScrapeParams

PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
ITEM = '<article><a class=t href="/book/{0}">Book {0}</a><img src="{1}"></article>'


@pytest.fixture
def covers(site, scrape):
    """`covers({1: "/a.png"}, …)`: the result of a run over these books and their pictures."""

    def run(books, *, download=True, many=False, **params):
        site.page("/", "".join(ITEM.format(*one) for one in books.items()))
        fields = {
            "url": {"css": ".t", "type": "url"},
            "cover": {"css": "img", "type": "url", "download": download, "many": many},
        }
        return scrape(items="article", key="url", table="books", fields=fields, **params)

    return run


def asked(site):
    return [path for _, path, _, _ in site.asked if path != "/"]


def test_a_picture_becomes_an_artifact_and_is_fetched_once(site, covers, rows, traces):
    """Two books share one; the next run fetches only what it has not."""
    site.page("/a.png", PNG, headers={"Content-Type": "image/png"})
    site.page("/b", b"GIF89a", headers={"Content-Type": "image/gif"})
    name = f"cover-{hashlib.sha256(PNG).hexdigest()[:16]}.png"

    assert covers({1: "/a.png", 2: "/a.png"})["failed_files"] == 0
    assert traces.files == {name: PNG}
    assert rows("SELECT DISTINCT cover, cover_file FROM books") == [(f"{site.base}/a.png", name)]
    covers({1: "/a.png", 2: "/b"}, run_id="r2", moment=datetime(2026, 1, 2, tzinfo=UTC))

    assert asked(site) == ["/a.png", "/b"]
    assert sorted(path.rpartition(".")[2] for path in traces.files) == ["gif", "png"]


def test_what_is_too_large_gone_or_no_picture_is_left_out(site, covers, rows, traces):
    """The item is kept without it, and the log says why."""
    site.page("/big.png", PNG * 10, headers={"Content-Type": "image/png"})
    site.page("/page.png", "<p>Sign in</p>")

    books = {1: "/big.png", 2: "/page.png", 3: "/nowhere.png", 4: "http://10.0.0.1/x.png"}
    result = covers(books, download={"types": "image/*", "max_bytes": 400})

    assert (result["items"], result["failed_files"]) == (4, 4)
    assert rows("SELECT count(*) FROM books WHERE cover_file IS NULL") == [(4,)]
    said = "\n".join(traces.lines)
    assert all(
        part in said for part in ("big.png cannot be had", "is of type text/html", "nowhere.png is gone", "10.0.0.1")
    )


def test_several_pictures_of_one_item(site, scrape, rows, traces):
    """With many, their names stand in the order of the links."""
    for name in "ab":
        site.page(f"/{name}.png", PNG + name.encode(), headers={"Content-Type": "image/png"})
    site.page("/", '<h1>x</h1><img src="/b.png"><img src="/a.png">')

    fields = {"title": "h1", "shots": {"css": "img", "type": "url", "many": True, "download": True}}
    scrape(fields=fields, key="title", table="books")

    assert len(traces.files) == 2
    names = [f"shots-{hashlib.sha256(PNG + name).hexdigest()[:16]}.png" for name in (b"b", b"a")]
    assert rows("SELECT shots_file FROM books") == [(f'["{names[0]}", "{names[1]}"]',)]


def test_a_second_attempt_goes_on_with_the_files(site, covers, rows):
    """What waits for its file is kept; a host that asks to wait ends the attempt."""
    site.page("/a.png", PNG, headers={"Content-Type": "image/png"})
    site.page("/b.png", status=429, headers={"Retry-After": "3600"})
    with pytest.raises(Exception, match="429"):
        covers({1: "/a.png", 2: "/b.png"})
    site.page("/b.png", PNG, headers={"Content-Type": "image/png"})
    site.asked.clear()

    assert covers({1: "/a.png", 2: "/b.png"}, attempt=2)["new"] == 2
    assert asked(site) == ["/b.png"]


def test_only_links_have_files():
    """Said when the file is read."""
    with pytest.raises(ValueError, match="download goes with type"):
        ScrapeParams(start="https://x.example/", fields={"cover": {"css": "img", "download": True}})
