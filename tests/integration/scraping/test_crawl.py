"""A scrape against a real server: which pages are visited and what becomes of them."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler

import pytest

from automation.errors import FailureClass, JobFailed, Snooze

ITEM = '<article><h3><a href="/book/{0}">Book {0}</a></h3><p class=price>£{0}.50</p></article>'
FIELDS = {"title": "h3 > a", "url": {"css": "h3 > a", "type": "url"}, "price": {"css": ".price", "type": "money"}}
BOOKS = {"items": "article", "fields": FIELDS, "key": "url", "table": "books"}


def listing(*numbers, more=""):
    return "<html><body>" + "".join(ITEM.format(number) for number in numbers) + more + "</body></html>"


def failure(scrape, **params):
    with pytest.raises(JobFailed) as caught:
        scrape(**params)
    return caught.value


def paths(site):
    return [path for _, path, _, _ in site.asked]


def test_list_pages_are_followed_and_their_items_kept(site, scrape, rows):
    """Three pages linked by `next` give all their items, each with an absolute address and an exact price."""
    site.page("/", listing(1, 2, more='<li class=next><a href="two">next</a></li>'))
    site.page("/two", listing(3, more='<li class=next><a href="/three#top">next</a></li>'))
    site.page("/three", listing(4))

    result = scrape(**BOOKS, follow="li.next > a")

    assert {name: result[name] for name in ("pages", "items", "new", "stopped_by")} == {
        "pages": 3, "items": 4, "new": 4, "stopped_by": None,
    }  # fmt: skip
    assert rows("SELECT title, url, price, price_currency FROM books ORDER BY url")[3] == (
        "Book 4", f"{site.base}/book/4", 4.5, "GBP",
    )  # fmt: skip


def test_a_detail_page_completes_its_item(site, scrape, rows):
    """Fields of the detail page join those of the list; a detail page that is gone takes its item with it."""
    site.page("/", listing(1, 2, 3))
    site.page("/book/1", "<p id=stock>In stock (7)</p>")
    site.page("/book/2", status=410)
    site.page("/book/3", "<p id=stock>In stock (9)</p>")
    detail = {"css": "h3 > a", "fields": {"stock": {"css": "#stock", "regex": r"(\d+)", "type": "int"}}}

    result = scrape(**BOOKS, detail=detail)

    assert (result["items"], result["gone_pages"], result["pages"]) == (2, 1, 4)
    assert rows("SELECT title, stock FROM books ORDER BY url") == [("Book 1", 7), ("Book 3", 9)]


def test_links_to_detail_pages_may_be_the_items(site, scrape, rows):
    """Without `items`, each detail link is one item."""
    site.page("/", listing(1, 2))
    for number in (1, 2):
        site.page(f"/book/{number}", f"<h1>Book no. {number}</h1>")
    scrape(detail={"css": "h3 > a", "fields": {"name": "h1", "at": {"from": "page.url"}}}, key="at", table="t")

    assert rows("SELECT name FROM t ORDER BY name") == [("Book no. 1",), ("Book no. 2",)]


def test_pages_that_lead_in_circles_are_visited_once(site, scrape):
    """A link back, the same query in another order, another fragment: one visit each."""
    site.page("/", listing(1, more='<a class=n href="/?b=2&a=1">x</a>'))
    site.page("/?b=2&a=1", listing(2, more='<a class=n href="/?a=1&b=2#x">x</a><a class=n href="/">x</a>'))

    assert scrape(**BOOKS, follow="a.n")["pages"] == 2


def test_a_pagination_that_repeats_its_last_page_ends(site, scrape):
    """A site that answers every page number with the same items is not followed for ever."""

    def endless(handler: BaseHTTPRequestHandler) -> None:
        number = int(handler.path.partition("=")[2] or 1)
        body = listing(min(number, 3), more=f'<a class=n href="/?page={number + 1}">next</a>').encode()
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    site.answers.update(dict.fromkeys(["/", *(f"/?page={number}" for number in range(2, 50))], endless))
    result = scrape(**BOOKS, follow="a.n")

    assert (result["pages"], result["items"], result["repeated_pages"]) == (4, 3, 1)


def test_numbered_pages_end_with_the_first_empty_one(site, scrape):
    """`next_param` counts up while there are items; 404 is an end, too."""
    site.page("/", listing(1))
    site.page("/?page=2", listing(2))
    site.page("/?page=3", "<p>No more</p>")

    assert scrape(**BOOKS, next_param="page")["items"] == 2
    assert paths(site) == ["/", "/?page=2", "/?page=3"]


def test_max_pages_is_a_bound_that_is_told(site, scrape):
    """What was not visited is not passed over in silence."""
    for number in range(5):
        site.page(f"/{number or ''}", listing(number, more=f'<a class=n href="/{number + 1}">n</a>'))

    result = scrape(**BOOKS, follow="a.n", max_pages=2)

    assert (result["pages"], result["stopped_by"]) == (2, "max_pages")


def test_max_depth_counts_links(site, scrape):
    """Depth one is the pages that a start page links to."""
    for number in range(4):
        site.page(f"/{number or ''}", listing(number, more=f'<a class=n href="/{number + 1}">n</a>'))

    assert scrape(**BOOKS, follow="a.n", max_depth=1)["pages"] == 2


def test_other_hosts_are_left_alone(site, scrape):
    """A link to another host is counted and not followed, unless same_host is off."""
    other = site.base.replace("127.0.0.1", "localhost")
    site.page("/", listing(1, more=f'<a class=n href="{other}/there">n</a>'))
    site.page("/there", listing(2))

    assert scrape(**BOOKS, follow="a.n")["skipped_other_host"] == 1
    assert scrape(**BOOKS, follow="a.n", same_host=False)["pages"] == 2


def test_a_page_cannot_stop_the_run_by_what_it_links_to(site, scrape):
    """Links to inner addresses, broken links and redirects inside are passed over and counted."""
    links = [
        "http://10.0.0.1/",
        "http://a:b@127.0.0.1/",
        "http://127.0.0.1:99999/",
        "http://[::1",
        "/jump",
        "/" + "x" * 9000,
    ]
    site.page("/", listing(1, more="".join(f'<a class=n href="{link}">n</a>' for link in links)))
    site.page("/jump", status=302, headers={"Location": "http://169.254.169.254/"})

    result = scrape(**BOOKS, follow="a.n", same_host=False)

    assert (result["items"], result["refused"]) == (1, 2)


@pytest.mark.parametrize("status", [404, 410])
def test_gone_pages_fail_a_start_and_no_follower(site, scrape, status):
    """A dead link on the way is recorded; a dead start is a failure."""
    site.page("/", listing(1, more='<a class=n href="/gone">n</a>'))
    site.page("/gone", status=status)

    assert scrape(**BOOKS, follow="a.n")["gone_pages"] == 1
    assert failure(scrape, **BOOKS, start=f"{site.base}/gone").code == f"http:{status}"


def test_nothing_found_is_a_failure(site, scrape):
    """A green run without data must not exist, unless it is asked for."""
    site.page("/", "<p>We have moved</p>")

    assert failure(scrape, **BOOKS).failure_class is FailureClass.EMPTY
    assert scrape(**BOOKS, quality={"min_items": 0})["items"] == 0


def test_a_redesign_is_drift(site, scrape, rows):
    """When most items lack a required field, the page has changed; what was good is kept."""
    site.page("/", listing(1, 2, 3).replace("class=price", "class=cost", 2))
    fields = {**FIELDS, "price": {"css": ".price", "type": "money", "required": True}}

    error = failure(scrape, **{**BOOKS, "fields": fields})

    assert error.failure_class is FailureClass.PARSE_DRIFT
    assert "price (2)" in str(error)
    assert rows("SELECT count(*) FROM books") == [(1,)]


def test_texts_that_are_no_prices_are_drift(site, scrape):
    """An optional field that was found and can never be read is not passed over."""
    site.page(
        "/",
        listing(1, 2)
        .replace("£", "on request ")
        .replace(".50", "")
        .replace("request 1", "request")
        .replace("request 2", "request"),
    )

    error = failure(scrape, **BOOKS)

    assert error.failure_class is FailureClass.PARSE_DRIFT
    assert "'on request' holds no amount" in str(error)


def test_coverage_may_fail_or_warn(site, scrape, traces):
    """`on_bad` decides what a missed threshold does."""
    site.page("/", listing(1, 2).replace("<p class=price>£1.50</p>", ""))
    quality = {"coverage": {"price": 0.9}}

    assert failure(scrape, **BOOKS, quality=quality).code == "quality:coverage"
    through = scrape(**BOOKS, quality=quality, on_bad="warn")
    assert (through["items"], len(through["doubts"])) == (2, 1)
    assert any("price: 50%" in line for line in traces.lines)


def test_a_block_page_with_status_200_is_not_data(site, scrape):
    """`must_contain` tells a page from its substitute."""
    site.page("/", "<article><h3><a href=/x>Prove that you are human</a></h3></article>")

    assert failure(scrape, **BOOKS, must_contain="Our books").failure_class is FailureClass.BLOCKED


@pytest.mark.parametrize(
    ("body", "media"),
    [
        (b"%PDF-1.7 ...", "application/pdf"),
        (b'{"a": 1}', "application/json"),
        (b'{"a": 1}', "text/html"),
        (b"\x89PNG\r\n", "image/png"),
        (b"<html></html>", "application/octet-stream"),
    ],
)
def test_what_is_no_html_is_refused(site, scrape, body, media):
    """A PDF, an image or JSON is told apart from a page without items."""
    site.page("/", body, headers={"Content-Type": media})

    assert failure(scrape, **BOOKS).code in ("expect", "empty")
    assert failure(scrape, **BOOKS).failure_class in (FailureClass.DATA_INVALID, FailureClass.EMPTY)


def test_deep_pages_keep_their_items(site, scrape, rows):
    """Twenty thousand nested elements hide nothing, neither from CSS nor from XPath."""
    site.page("/", "<div>" * 20_000 + listing(1) + "</div>" * 20_000 + listing(2))

    assert scrape(**BOOKS)["items"] == 2
    assert scrape(items={"xpath": "//article"}, fields={"t": {"xpath": ".//h3/a/text()"}}, table="t")["items"] == 2


def test_a_short_wait_is_kept_and_a_long_one_ends_the_run(site, scrape):
    """`Retry-After: 0` is waited for on the spot, for an hour the run is put off; who asks for a day is left to the policy."""
    answers = iter([429, 503, 200])

    def busy(handler: BaseHTTPRequestHandler) -> None:
        body = listing(1).encode()
        handler.send_response(next(answers))
        handler.send_header("Retry-After", "0")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    site.answers["/"] = busy
    assert scrape(**BOOKS)["items"] == 1

    site.page("/", status=429, headers={"Retry-After": "3000"})
    with pytest.raises(Snooze, match="answered 429") as caught:
        scrape(**BOOKS)
    assert caught.value.after.total_seconds() == 3000

    site.page("/", status=429, headers={"Retry-After": "0"})
    with pytest.raises(Snooze, match="answered 429") as caught:
        scrape(**BOOKS)
    assert caught.value.after.total_seconds() == 60

    site.page("/", status=429, headers={"Retry-After": "30000"})
    error = failure(scrape, **BOOKS)
    assert (error.failure_class, error.retry_after.total_seconds()) == (FailureClass.THROTTLED, 30000)


def test_credentials_go_to_the_start_host_alone(site, scrape):
    """Headers, cookies and passwords of the job are not handed to other hosts."""
    other = site.base.replace("127.0.0.1", "localhost")
    site.page("/", listing(1, more=f'<a class=n href="{other}/there">n</a>'))
    site.page("/there", listing(2))
    scrape(
        **BOOKS, follow="a.n", same_host=False, headers={"X-Key": "k"}, cookies={"a": "1"},
        auth={"user": "me", "password": "pw"}, user_agent="shop-watch/2.0 (+mailto:me@example.com)",
    )  # fmt: skip

    here, there = site.asked[0][2], site.asked[1][2]
    assert (here["X-Key"], here["Cookie"], here["Authorization"][:5]) == ("k", "a=1", "Basic")
    assert not {"X-Key", "Cookie", "Authorization"} & set(there)
    assert there["User-Agent"] == "shop-watch/2.0 (+mailto:me@example.com)"


def test_we_say_who_we_are(site, scrape):
    """Without a word of the job, the product names itself."""
    site.page("/", listing(1))
    scrape(**BOOKS)

    assert site.asked[0][2]["User-Agent"].startswith("automation/")


def test_a_run_that_is_to_stop_is_no_success(site, scrape, traces, rows):
    """Between two pages it is asked to stop, perhaps because its worker leaves: its items are kept, the rest is for later."""
    traces.stop_after = 2
    for number in range(5):
        site.page(f"/{number or ''}", listing(number, more=f'<a class=n href="/{number + 1}">n</a>'))

    with pytest.raises(Snooze, match="stopped after 2 pages: the run is to stop"):
        scrape(**BOOKS, follow="a.n")

    assert rows("SELECT count(*) FROM books") == [(2,)]


def test_a_dry_run_looks_and_writes_nothing(site, scrape, database, traces):
    """The counts are there, tables and files are not."""
    site.page("/", listing(1))

    assert scrape(**BOOKS, dry_run=True)["items"] == 1
    assert scrape(**BOOKS, export="csv", dry_run=True)["new"] == 0
    assert traces.files == {}
    with database.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar() == 0


def test_exports_are_artifacts_of_the_run(site, scrape, traces):
    """CSV and JSON Lines of this run's items, with formulas defused."""
    site.page("/", listing(1).replace(">Book 1<", ">=1+1<"))
    scrape(**BOOKS, export=["csv", "jsonl"])

    assert traces.files["books.csv"].decode().splitlines()[1] == f"'=1+1,{site.base}/book/1,1.5,GBP"
    assert b'"title": "=1+1"' in traces.files["books.jsonl"]
    assert traces.pages == 1


def test_the_python_documentation_reads_as_its_files_say(needs, site, scrape, rows):
    """A real site, served from its files: every title is that of its file."""
    folder = needs("python3-doc")
    for path in (folder / "library").glob("*.html"):
        site.page(f"/library/{path.name}", path.read_bytes())
    result = scrape(
        start=f"{site.base}/library/allos.html", follow="li.toctree-l1 > a", key="url", table="docs",
        fields={"title": {"css": "h1", "clean": "remove:¶"}, "url": {"from": "page.url"}},
    )  # fmt: skip

    assert result["items"] == result["pages"] > 15
    titles = dict(rows("SELECT replace(url, rtrim(url, replace(url, '/', '')), ''), title FROM docs"))
    assert titles["os.html"] == "os — Miscellaneous operating system interfaces"
    assert titles["time.html"] == "time — Time access and conversions"


def test_only_items_of_which_the_condition_is_true_are_kept(site, scrape, rows):
    """The others are counted; an item without a price is none that costs less than something."""
    site.page("/", listing(1, 2, 3) + "<article><h3><a href=/book/4>Book 4</a></h3></article>")

    result = scrape(**BOOKS, keep_if="price < 3 and 'Book' in title")

    assert (result["items"], result["left_out"]) == (2, 2)
    assert rows("SELECT title FROM books ORDER BY url") == [("Book 1",), ("Book 2",)]
