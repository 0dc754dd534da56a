"""Crawls over many hosts."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler

import pytest

from automation.errors import JobFailed

PAGE = b"<html><body><article><b>book</b></article></body></html>"


@pytest.fixture
def crawl(everywhere, scrape, rows):
    """`crawl(hosts, odd, deadline)`: what a crawl of three pages of each host, and one of the odd one, fails with, and the hosts of its rows.

    `odd`: what the host 127.0.0.2 does with a request.
    """

    def answer(odd):
        def serve(handler: BaseHTTPRequestHandler) -> None:
            if handler.headers["Host"].startswith("127.0.0.2:"):
                odd(handler)
            else:
                _send(handler, 200, PAGE)

        return serve

    def run(hosts, odd, **params):
        port = everywhere.base.rpartition(":")[2]
        start = [
            f"http://127.0.0.{number}:{port}/{page}"
            for number in range(2, 2 + hosts)
            for page in ("a" if number == 2 else "abc")
        ]
        everywhere.answers.update({f"/{page}": answer(odd) for page in "abc"})
        with pytest.raises(JobFailed) as caught:
            scrape(
                start=start, items="article", table="books", throttle=False,
                fields={"title": "b", "where": {"from": "page.url"}}, **params,
            )  # fmt: skip
        return caught.value, rows("SELECT count(*) FROM books")[0][0]

    return run


def _send(handler, status, body=b"", **headers):
    handler.send_response(status)
    for name, value in {"Content-Type": "text/html", "Content-Length": str(len(body)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


def test_a_host_that_asks_to_wait_holds_up_no_other(crawl, everywhere):
    """One of ten asks for ten hours: it is asked once, the others are read, and the run says who is missing."""
    error, stored = crawl(10, lambda handler: _send(handler, 429, Retry_After="36000"))

    assert (error.code, error.retry_after.total_seconds()) == ("hosts", 36000)
    assert "1 of 10 hosts given up" in str(error)
    assert stored == 9 * 3
    assert [headers["Host"] for _, _, headers, _ in everywhere.asked if headers["Host"].startswith("127.0.0.2:")] != []


@pytest.mark.slow
def test_a_silent_host_among_two_hundred_costs_the_others_nothing(crawl, everywhere):
    """One host answers only when every page of the other 199 was asked for: nobody waits for it."""
    others = 199 * 3

    def others_asked() -> int:
        pages = {(headers["Host"], path) for _, path, headers, _ in list(everywhere.asked)}
        return len({page for page in pages if not page[0].startswith("127.0.0.2:")})

    def silent(handler: BaseHTTPRequestHandler) -> None:
        waited = threading.Event()
        while others_asked() < others and not waited.wait(0.05):
            pass
        _send(handler, 404)

    error, _stored = crawl(200, silent)

    assert error.code == "http:404", "it was asked first and answered last; a start page that is gone fails the run"
    assert others_asked() == others


@pytest.fixture
def shop(site):
    """A page with an ETag, which is answered with 304 where it is known; `shop.tag` is the present one."""
    site.tag, site.asked_for = '"1"', []

    def serve(handler: BaseHTTPRequestHandler) -> None:
        known = handler.headers.get("If-None-Match")
        site.asked_for.append(known)
        _send(handler, 304 if known == site.tag else 200, b"" if known == site.tag else PAGE, ETag=site.tag)

    site.answers["/"] = serve
    return site


def test_a_page_that_has_not_changed_is_read_as_it_was_kept(shop, scrape, tmp_path):
    """The second run asks whether it changed, and reads it all the same; a new one comes whole."""
    books = {"items": "article", "fields": {"title": "b"}, "key": "title", "table": "books"}
    kept = {**books, "cache_folder": tmp_path / "pages"}

    assert scrape(**kept)["items"] == 1
    assert scrape(**kept, run_id="r2")["items"] == 1
    shop.tag = '"2"'
    assert scrape(**kept, run_id="r3")["items"] == 1
    assert scrape(**kept, run_id="r4", cache="off")["items"] == 1
    assert shop.asked_for == [None, '"1"', '"1"', None]
