"""Where items come from: sitemaps, feeds, JSON APIs by number, cursor and POST, queries, several sources in one job."""

from __future__ import annotations

import gzip
import json
from urllib.parse import parse_qs, urlsplit

import pytest
import sqlalchemy as sa

from automation.errors import FailureClass, JobFailed

PAGE = "<h1>Page {0}</h1><p class=price>£{0}.50</p>"
FIELDS = {"title": "h1", "url": {"from": "page.url"}}
XML = {"Content-Type": "application/xml"}


def sitemap(*urls, kind="urlset", inside="url"):
    return f"<{kind}>" + "".join(f"<{inside}><loc>{url}</loc></{inside}>" for url in urls) + f"</{kind}>"


def titles(rows, table="t"):
    return [row[0] for row in rows(f"SELECT title FROM {table} ORDER BY title")]


@pytest.fixture
def api(site):
    """`api(answer)`: a JSON API whose answers are made of the request: path, query, body."""

    def make(path, answer):
        def handle(handler):
            command, asked, _, body = site.asked[-1]
            query = {name: values[0] for name, values in parse_qs(urlsplit(asked).query).items()}
            content = json.dumps(answer(command, query, body.decode())).encode()
            handler.send_response(200)
            handler.send_header("Content-Type", "application/json")
            handler.send_header("Content-Length", str(len(content)))
            handler.end_headers()
            handler.wfile.write(content)

        class Any(dict):
            def get(self, key, default=None):
                return handle if key.partition("?")[0] == path else dict.get(self, key, default)

        site.answers = Any(site.answers)
        return site.base + path

    return make


def test_pages_of_a_sitemap_are_read(site, scrape, rows):
    """An index that names itself, a packed file, pages that do not match, on another host, gone."""
    pages = [site.page(f"/p/{number}", PAGE.format(number)) for number in (1, 2)]
    other = [site.base + "/about", "https://other.example/p/3", site.base + "/p/404"]
    site.page(
        "/map.xml.gz", gzip.compress(sitemap(*pages, *other).encode()), headers={"Content-Type": "application/gzip"}
    )
    index = site.page(
        "/index.xml",
        sitemap(site.base + "/index.xml", site.base + "/map.xml.gz", kind="sitemapindex", inside="sitemap"),
        headers=XML,
    )
    site.page("/robots.txt", f"User-agent: *\nAllow: /\nSitemap: {index}\n", headers={"Content-Type": "text/plain"})

    result = scrape(
        start=None, sitemap={"url": site.base + "/robots.txt", "match": "/p/"}, fields=FIELDS, key="url", table="t"
    )

    assert titles(rows) == ["Page 1", "Page 2"]
    assert (result["skipped_other_host"], result["items"]) == (1, 2)


def test_a_sitemap_that_is_a_page_for_people_fails_the_run(site, scrape):
    """Where it stands, and what was found there."""
    url = site.page("/sitemap.xml", "<html><body>Not found</body></html>")
    with pytest.raises(JobFailed, match=r"sitemap\.xml cannot be read: it is no sitemap: its root is <html>") as caught:
        scrape(start=None, sitemap=url, fields=FIELDS)

    assert caught.value.failure_class is FailureClass.DATA_INVALID


def test_entries_of_a_feed_are_items_that_their_pages_complete(site, scrape, rows):
    """Fields of the entry by `json`, those of its page by CSS; a date that nobody can read leaves its field empty."""
    entries = "".join(
        f"<item><title>News {number}</title><link>{site.base}/n/{number}</link><pubDate>{date}</pubDate></item>"
        for number, date in ((1, "Sat, 21 Nov 2026 10:00:00 GMT"), (2, "soon"))
    )
    feed = site.page(
        "/feed.rss", f"<rss><channel>{entries}</channel></rss>", headers={"Content-Type": "application/rss+xml"}
    )
    for number in (1, 2):
        site.page(f"/n/{number}", f"<article>Text {number}</article>")
    fields = {"title": {"json": "title"}, "at": {"json": "published", "type": "date"}}

    result = scrape(
        start=None,
        feed=feed,
        fields=fields,
        detail={"json": "link", "fields": {"body": "article"}},
        key="title",
        table="t",
    )

    assert rows("SELECT title, at, body FROM t ORDER BY title") == [
        ("News 1", "2026-11-21T10:00:00Z", "Text 1"), ("News 2", None, "Text 2"),
    ]  # fmt: skip
    assert result["unreadable"] == {"at": 1}


def test_a_json_api_is_read_page_by_page(scrape, api, rows):
    """Items by a path, pages by an offset; the one without items is the last."""
    shelf = [{"id": number, "name": f"Lamp {number}", "price": {"eur": number + 0.5}} for number in range(5)]
    url = api("/api/lamps", lambda _command, query, _body: {"data": shelf[int(query.get("offset", 0)) :][:2]})
    fields = {
        "id": {"json": "id", "type": "int"},
        "title": {"json": "name"},
        "price": {"json": "price.eur", "type": "number"},
    }

    result = scrape(
        start=url,
        items={"json": "data"},
        fields=fields,
        next_param={"name": "offset", "first": 0, "step": 2},
        key="id",
        table="t",
    )

    assert rows("SELECT id, title, price FROM t ORDER BY id")[4] == (4, "Lamp 4", 4.5)
    assert (result["items"], result["pages"]) == (5, 4)


def test_a_cursor_in_the_body_of_a_post_leads_on(scrape, api, rows):
    """As in GraphQL: the mark of each answer goes into the next request, until there is none."""

    def answer(command, _query, body):
        sent = json.loads(body)
        at = int(sent["variables"].get("after") or 0)
        assert (command, sent["query"]) == ("POST", "lamps")
        return {"lamps": [{"name": f"Lamp {at}"}], "page": {"next": str(at + 1) if at < 2 else None}}

    result = scrape(
        start=api("/graphql", answer), request={"json": {"query": "lamps", "variables": {}}}, items={"json": "lamps"},
        fields={"title": {"json": "name"}}, cursor={"json": "page.next", "name": "variables.after"}, table="t",
    )  # fmt: skip

    assert titles(rows) == ["Lamp 0", "Lamp 1", "Lamp 2"]
    assert result["pages"] == 3


def test_a_button_that_loads_more_is_an_api_with_html_inside(scrape, api, rows):
    """A form is sent, the answer is JSON, what stands in it is HTML."""

    def answer(_command, _query, body):
        page = int(parse_qs(body)["page"][0])
        return {"html": "".join(f"<li><b>Book {page}-{n}</b></li>" for n in range(2)) if page < 3 else ""}

    scrape(
        start=api("/ajax", answer), request={"form": {"action": "more", "page": "1"}}, html_in="html", items="li",
        fields={"title": "b"}, next_param="page", table="t",
    )  # fmt: skip

    assert titles(rows) == ["Book 1-0", "Book 1-1", "Book 2-0", "Book 2-1"]


def test_each_row_of_a_query_is_a_page(site, scrape, rows, database):
    """The row's columns make the address and are fields; a page that is gone fails nothing."""
    with database.begin() as connection:
        connection.execute(sa.text("CREATE TABLE skus (sku TEXT)"))
        connection.execute(sa.text("INSERT INTO skus VALUES ('a/1'), ('b'), ('gone')"))
    for path, name in (("/p/a%2F1", "One"), ("/p/b", "Two")):
        site.page(path, f"<h1>{name}</h1>")

    result = scrape(
        start=None, for_query={"sql": "SELECT sku FROM skus ORDER BY sku", "url": site.base + "/p/{sku}"},
        fields={"title": "h1", "sku": {"from": "row.sku"}}, key="sku", table="t",
    )  # fmt: skip

    assert rows("SELECT sku, title FROM t ORDER BY sku") == [("a/1", "One"), ("b", "Two")]
    assert result["gone_pages" if "gone_pages" in result else "gone"] == 1


def test_a_query_that_is_wrong_fails_the_run_in_a_sentence(site, scrape):
    """What the database said."""
    with pytest.raises(JobFailed, match="for_query: no such table: absent"):
        scrape(start=None, for_query={"sql": "SELECT * FROM absent", "url": site.base + "/{x}"}, fields=FIELDS)


def test_several_sources_fill_one_table(site, scrape, rows, api):
    """A page of HTML and an API of another shape; the same address in two sources is read for each."""
    site.page("/", "<article><h1>From HTML</h1></article><aside><i>Aside</i></aside>")
    url = api("/api", lambda _command, _query, _body: [{"name": "From JSON"}])

    result = scrape(
        start=f"{site.base}/", items="article", fields={"title": "h1"}, key="title", table="t",
        sources=[
            {"start": url, "items": {"json": "@"}, "fields": {"title": {"json": "name"}}},
            {"start": f"{site.base}/", "items": "aside", "fields": {"title": "i"}},
        ],
    )  # fmt: skip

    assert titles(rows) == ["Aside", "From HTML", "From JSON"]
    assert result["pages"] == 3


def test_a_detail_page_may_have_an_address_made_of_fields(site, scrape, rows, api):
    """An API that lists numbers, and another that says what they are."""
    api("/list", lambda _command, _query, _body: {"ids": [{"id": 1}, {"id": 2}]})
    for number in (1, 2):
        site.page(
            f"/one/{number}.json", json.dumps({"name": f"No. {number}"}), headers={"Content-Type": "application/json"}
        )

    scrape(
        start=site.base + "/list", items={"json": "ids"}, fields={"id": {"json": "id", "type": "int"}}, key="id", table="t",
        detail={"url": site.base + "/one/{id}.json", "fields": {"title": {"json": "name"}}},
    )  # fmt: skip

    assert titles(rows) == ["No. 1", "No. 2"]


def test_a_list_that_answers_with_json_names_the_way_to_read_it(scrape, api):
    """HTML was expected; the sentence says how JSON is read."""
    with pytest.raises(JobFailed, match=r'read the fields by json = "…"'):
        scrape(start=api("/api", lambda *_: {"a": 1}), fields={"title": "h1"})
