"""The `report` plugin: what it keeps, what it tells, and what its page lets through."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest

from automation.database import make_engine
from automation.errors import FailureClass, JobFailed, Skip
from automation.plugin import Window
from automation.rendering import Templates

ROOT = Path(__file__).resolve().parents[3]
NOMINAL = datetime(2026, 2, 1, 7, tzinfo=UTC)
PAYLOADS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "' onmouseover='alert(1)",
    "</style><script>alert(1)</script>",
    "</td></table><h1>x",
    "<!--",
    "{{ 7 * 7 }}",
    "{% include 'x' %}",
    "&lt;b&gt;",
    "javascript:alert(1)",
    "\u202egnp.exe",
    "a\x00b",
]


class Page(HTMLParser):
    """A page's tags, attributes, text and what it would fetch."""

    def __init__(self, source: bytes) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.names: set[str] = set()
        self.fetched: list[str] = []
        self.text = ""
        self.feed(source.decode("utf-8"))
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.names |= {name for name, _ in attrs}
        self.fetched += [value for name, value in attrs if name in ("src", "href", "action", "data")]

    def handle_data(self, data):
        self.text += data


@pytest.fixture
def shop(tmp_path):
    """A database of two sales in January and one in February."""
    path = tmp_path / "shop.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE sales (id INTEGER, name TEXT, price REAL, at TEXT)")
        rows = [
            (1, "a", 1.5, "2026-01-05 00:00:00"),
            (2, "b", 2.5, "2026-01-06 00:00:00"),
            (3, "c", 9, "2026-02-02 00:00:00"),
        ]
        connection.executemany("INSERT INTO sales VALUES (?, ?, ?, ?)", rows)
    connection.close()
    return path


@pytest.fixture
def report(do, kept, shop, tmp_path):
    """`report(sql, …)`: run the plugin with one query over the shop."""

    def run(sql="SELECT id, name, price FROM sales", *, ctx=None, query=None, **params):
        context = {
            "nominal_time": NOMINAL,
            "window": Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)),
            "databases": lambda name, read_only: make_engine(f"sqlite:///{shop}", pooled=False, read_only=read_only),
            "renderer": Templates([tmp_path / "templates", ROOT / "templates"]),
        }
        queries = {"sales": {"sql": sql, **(query or {})}}
        return do("report", ctx={**context, **(ctx or {})}, **{"title": "Sales", "queries": queries, **params})

    return run


def test_a_page_and_a_file_for_each_query(report, kept):
    """The result names them and counts the rows."""
    result = report()

    assert result == {
        "title": "Sales",
        "rows": {"sales": 3},
        "artifacts": ["report.html", "sales.csv"],
        "truncated": [],
        "empty": False,
    }
    assert list(kept.files) == ["report.html", "sales.csv"]
    assert kept.files["sales.csv"] == b"id,name,price\r\n1,a,1.5\r\n2,b,2.5\r\n3,c,9.0\r\n"


def test_the_page_tells_where_it_comes_from(report, kept):
    """Job, run, moment in the report's zone, rows of each query."""
    report(timezone="Europe/Madrid", query={"title": "All sales"})

    text = " ".join(Page(kept.files["report.html"]).text.split())
    assert "Sunday 1 February 2026, 08:00 (Europe/Madrid)" in text
    assert "Made by the job nightly, run r1" in text
    assert "All sales: 3 rows," in text


def test_the_window_selects(report, kept):
    """A query asks for the span of the occurrence, and the title may name it."""
    result = report(
        "SELECT name FROM sales WHERE at >= :window_start AND at < :window_end",
        title="Sales of {{ window.start | date(format='%B %Y') }}",
    )

    assert (result["title"], result["rows"]) == ("Sales of January 2026", {"sales": 2})


def test_the_same_occurrence_gives_the_same_report(report, kept):
    """A second attempt shows the same moment and rows; only the queries' times may differ."""
    report(formats=["csv"])
    first = dict(kept.files)
    report(formats=["csv"], ctx={"attempt": 3})

    assert kept.files == first


def test_rows_that_were_left_out_are_told(report, kept):
    """In the page, in its total, in the result and in the log."""
    result = report(max_rows=2, query={"columns": {"price": {"total": True}}})

    text = " ".join(Page(kept.files["report.html"]).text.split())
    assert "Not all rows are here. These are the first 2 rows; the query found more." in text
    assert "Total of these rows" in text
    assert result["truncated"] == ["sales"]
    assert any("found more rows than max_rows = 2" in line for line in kept.lines)


@pytest.mark.parametrize("value", PAYLOADS)
def test_data_is_text_wherever_it_stands(report, kept, shop, value):
    """As a cell, a label of a chart, a title: no tag, no attribute, no request comes of it."""
    report(title="plain")
    plain = Page(kept.files["report.html"])
    with sqlite3.connect(shop) as connection:
        connection.execute("UPDATE sales SET name = ? || name", (value,))
    connection.close()
    report("SELECT name, price FROM sales", title="plain", description="d")
    report("SELECT name, price FROM sales", title="plain", description="d", query={"chart": "bar"})

    page = Page(kept.files["report.html"])
    assert set(page.tags) <= {*plain.tags, "figure", "figcaption", "div", "span", "p"}
    assert page.names <= {*plain.names, "style", "aria-label", "role", "class"}
    assert page.fetched == []
    assert value.replace("\x00", "\ufffd") in page.text


def test_a_page_asks_nothing_of_others(report, kept):
    """No script, no image, no style sheet, no font from anywhere."""
    report()

    source = kept.files["report.html"].decode()
    assert not {"script", "link", "img", "iframe"} & set(Page(source.encode()).tags)
    assert "http" not in source
    assert "@import" not in source
    assert "url(" not in source


@pytest.mark.parametrize(
    "sql", ["SELECT name FROM sales WHERE 0", "SELECT sum(price) AS s, count(*) AS n FROM sales WHERE 0"]
)
def test_an_empty_report_does_as_told(report, kept, sql):
    """No rows, or nothing but zero and NULL in one: sent, skipped or failed."""
    assert report(sql)["empty"] is True
    kept.files.clear()
    with pytest.raises(Skip, match="no query found anything"):
        report(sql, if_empty="skip")
    with pytest.raises(JobFailed) as caught:
        report(sql, if_empty="fail")
    assert caught.value.failure_class is FailureClass.EMPTY
    assert kept.files == {}


def test_a_report_is_whole_or_not_there(report, kept):
    """A query or template that fails leaves no file."""
    with pytest.raises(JobFailed, match="query 'sales': no such table: nowhere"):
        report("SELECT * FROM nowhere")
    with pytest.raises(JobFailed, match=r"no template 'reprot.html' in templates/; did you mean 'report.html'"):
        report(template="reprot.html")
    with pytest.raises(JobFailed, match=r"title: template, line 1: 'windw' is undefined; did you mean 'window'"):
        report(title="{{ windw.start }}")
    assert kept.files == {}


def test_a_template_of_ones_own(report, kept, tmp_path):
    """It has the sections by name, and the raw values."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "mine.html").write_text(
        "{{ title }}: {% for r in queries.sales.records %}{{ r.name }}={{ r.price|money }} {% endfor %}"
    )

    report(template="mine.html", currency="EUR", formats=["html"])

    assert kept.files == {"report.html": b"Sales: a=\xe2\x82\xac1.50 b=\xe2\x82\xac2.50 c=\xe2\x82\xac9.00 "}


def test_a_dry_run_keeps_nothing(report, kept):
    """Queries and page are made, and no file is kept."""
    result = report(ctx={"dry_run": True})

    assert (result["rows"], result["artifacts"], kept.files) == ({"sales": 3}, [], {})


def test_nothing_of_the_database_is_changed(report, shop):
    """What writes is refused before it runs, by the check of the parameters already."""
    with pytest.raises(ValueError, match="begins with DELETE"):
        report("DELETE FROM sales")
    with pytest.raises(JobFailed, match=r"tries to change the database .*; a query only reads"):
        report("WITH x AS (SELECT 1) DELETE FROM sales")


def test_a_real_shop_adds_up(report, kept, needs):
    """The sample shop's 412 invoices come to 2,328.60."""
    source = needs("shared-data") / "chinook.sqlite"
    engine = {
        "databases": lambda name, read_only: make_engine(f"sqlite:///{source}", pooled=False, read_only=read_only)
    }

    result = report(
        "SELECT InvoiceId, BillingCountry, Total FROM Invoice",
        ctx=engine,
        currency="USD",
        query={"columns": {"Total": {"format": "money", "total": True}}},
    )

    assert result["rows"] == {"sales": 412}
    assert "$2,328.60" in Page(kept.files["report.html"]).text
