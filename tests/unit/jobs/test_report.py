"""The `report` plugin: what it keeps, what it tells, and what its page lets through."""

from __future__ import annotations

import io
import json
import re
import sqlite3
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import openpyxl
import pypdf
import pytest

from automation.database import make_engine
from automation.errors import FailureClass, JobFailed, Skip
from automation.plugin import Artifact, Window
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
    assert "Not all rows are here. These are the first 2 rows; the query found more. sales.csv has 3." in text
    assert kept.files["sales.csv"].count(b"\r\n") == 4
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
    drawn = {"figure", "figcaption", "div", "svg", "rect", "text", "title"}
    shapes = {"viewbox", "width", "height", "font-family", "x", "y", "rx", "fill", "text-anchor", "font-size"}
    assert set(page.tags) <= {*plain.tags, *drawn}
    assert page.names <= {*plain.names, "aria-label", "role", "class", *shapes}
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


def test_the_period_before_stands_beside(report, kept):
    """The same query, asked of the window before, meets the rows of now by their names."""
    sql = "SELECT name, sum(price) AS price FROM sales WHERE at >= :window_start AND at < :window_end GROUP BY 1"
    window = Window(datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC))

    report(sql, compare="previous", formats=["html", "csv"], ctx={"window": window})

    assert kept.files["sales.csv"].decode().splitlines() == [
        "name,price,price_before,price_delta,price_change", "c,9.0,,9.0,", "a,,1.5,-1.5,-1.0", "b,,2.5,-2.5,-1.0"
    ]  # fmt: skip
    assert "▼ -1.50" in Page(kept.files["report.html"]).text
    assert "1 Jan 2026 – 1 Feb 2026" in Page(kept.files["report.html"]).text.replace("\u00a0", " ")


def test_send_if_decides(report, kept):
    """An expression over the results; where it is false, the run is skipped with it."""
    assert report(send_if="queries.sales.total.price > 12")["rows"] == {"sales": 3}
    kept.files.clear()
    with pytest.raises(Skip, match=r"send_if does not hold: queries.sales.total.price > 13"):
        report(send_if="queries.sales.total.price > 13")
    with pytest.raises(JobFailed, match=r"send_if: template, line 1: .*has no attribute 'sale'"):
        report(send_if="queries.sale.found > 1")
    assert kept.files == {}


def test_a_threshold_has_states(report, kept, shop):
    """Triggered, back to normal, not triggered; a report that waits for a change goes out at the first two."""
    state = {}

    def run(day, price):
        with sqlite3.connect(shop) as connection:
            connection.execute("UPDATE sales SET price = ? WHERE id = 1", (price,))
        connection.close()
        low = {"when": "queries.sales.first.price < 1", "title": "Price too low"}
        ctx = {"state": state, "nominal_time": datetime(2026, 2, day, tzinfo=UTC)}
        result = report(thresholds={"low": low}, send_when="changed", ctx=ctx)
        return result["states"]["low"]

    with pytest.raises(Skip, match="low is not triggered"):
        run(1, 5)
    assert run(2, 0.5) == "triggered"
    assert "Price too low triggered" in " ".join(Page(kept.files["report.html"]).text.split())
    with pytest.raises(Skip, match="low is triggered"):
        run(3, 0.5)
    assert run(4, 5) == "back to normal"
    assert run(4, 5) == "back to normal", "the same occurrence says the same again"
    with pytest.raises(Skip, match="low is not triggered"):
        run(5, 5)


def test_what_did_not_change_is_not_sent_again(report):
    """Except for the same occurrence, which gives the same report."""
    state = {}

    def run(day, **how):
        ctx = {"state": state, "nominal_time": datetime(2026, 2, day, tzinfo=UTC)}
        return report(if_unchanged="skip", ctx=ctx, **how)["rows"]

    assert run(1) == {"sales": 3}
    assert run(1) == {"sales": 3}
    with pytest.raises(Skip, match="the data are those of the report before"):
        run(2)
    assert run(3, sql="SELECT id, name FROM sales") == {"sales": 3}


def test_only_what_changed_is_shown(report, kept, shop, tmp_path):
    """New, changed and gone rows beside the stored data of the run before; nothing of them is nothing to send."""
    how = {"only_changes": True, "query": {"key": ["id"]}, "formats": ["csv"]}
    report(**how)
    assert kept.files["sales.csv"].decode().splitlines()[1:] == ["new,1,a,1.5", "new,2,b,2.5", "new,3,c,9.0"]
    earlier = tmp_path / "earlier.gz"
    earlier.write_bytes(kept.stored["_data.jsonl.gz"])
    kept.earlier = lambda before, run: [Artifact(earlier.name, earlier, "", 1, "", "r0", "j", NOMINAL)]
    with pytest.raises(Skip, match="nothing is new, changed or gone"):
        report(**how)
    with sqlite3.connect(shop) as connection:
        connection.execute("UPDATE sales SET price = 2 WHERE id = 1")
        connection.execute("DELETE FROM sales WHERE id = 2")
        connection.execute("INSERT INTO sales VALUES (4, 'd', 1, '2026-02-03')")
    connection.close()

    report(**how)

    assert kept.files["sales.csv"].decode().splitlines()[1:] == [
        "changed,1,a,2.0", "new,4,d,1.0", "gone,2,b,2.5"
    ]  # fmt: skip
    earlier.unlink()
    report(**how)
    assert [line.partition(",")[0] for line in kept.files["sales.csv"].decode().splitlines()[1:]] == ["new"] * 3
    assert any("no longer there" in line for line in kept.lines)


def test_stored_data_make_the_same_report(report, kept, tmp_path):
    """Rendered again from what a run kept, without asking the database, and saying so."""
    report(formats=["html", "csv", "json"])
    first = dict(kept.files)
    path = tmp_path / "data.gz"
    path.write_bytes(kept.stored["_data.jsonl.gz"])
    kept.earlier = lambda before, run: [Artifact(path.name, path, "", 1, "", run, "j", NOMINAL)] if run == "r1" else []
    later = {"run_id": "r2", "nominal_time": datetime(2026, 5, 5, tzinfo=UTC), "databases": None}

    report(formats=["html", "csv", "json"], data_of="r1", ctx=later)

    again = kept.files["report.html"].replace(b" Rendered again by run <code>r2</code>.", b"")
    assert again == first["report.html"]
    assert (kept.files["sales.csv"], kept.files["report.json"]) == (first["sales.csv"], first["report.json"])
    with pytest.raises(JobFailed, match="query 'other': the stored data, of the job 'nightly', have no answer of it"):
        report(data_of="r1", ctx=later, queries={"other": {"sql": "SELECT 1"}})
    with pytest.raises(JobFailed, match="run r9 has no stored data"):
        report(data_of="r9", ctx=later)


def test_of_when_the_data_are_is_said(report, kept):
    """A source that failed after its last success is named, with why and of when its data are."""
    kept.known = {
        "state": "dead", "reason": "5 of 9 items lack a required field", "nominal_time": datetime(2026, 2, 1, tzinfo=UTC),
        "succeeded": datetime(2026, 1, 31, tzinfo=UTC), "result": None,
    }  # fmt: skip
    report(sources=["books"])

    text = " ".join(Page(kept.files["report.html"]).text.split())
    assert (
        "books failed at 2026-02-01 00:00: 5 of 9 items lack a required field. These are its data of 2026-01-31 00:00."
        in text
    )
    assert "Data of books: 2026-01-31 00:00" in text
    kept.known |= {
        "state": "succeeded",
        "nominal_time": kept.known["succeeded"],
        "good_result": {"doubts": ["9 of 9 items, 20 are the least."]},
    }
    report(sources=["books"])
    text = " ".join(Page(kept.files["report.html"]).text.split())
    assert "The data of books of 2026-01-31 00:00 did not pass its checks: 9 of 9 items, 20 are the least." in text
    assert "failed" not in text
    kept.known = dict.fromkeys(kept.known)
    report(sources=["books"])
    assert "books has not succeeded yet" in Page(kept.files["report.html"]).text


def test_blocks_in_their_order(report, kept, tmp_path):
    """Sections, figures, notes in Markdown with values as text, a chart, a narrowed table, and a block of one's own."""
    (tmp_path / "templates" / "report").mkdir(parents=True)
    (tmp_path / "templates" / "report" / "mine.html").write_text("<p>mine: {{ table.found }}</p>")
    blocks = [
        {
            "block": "section",
            "title": "First {{ queries.sales.found }}",
            "text": "Of **{{ queries.sales.first.name }}**",
        },
        {"block": "cards", "query": "sales"},
        {"block": "share", "query": "sales", "label": "name", "values": ["price"]},
        {"block": "note", "text": "- one\n- {{ '<b>*x*' }}"},
        {"block": "section", "title": "Second"},
        {"block": "table", "query": "sales", "columns": ["price", "name"], "rows": 2},
        {"block": "mine", "query": "sales"},
    ]

    report(blocks=blocks, formats=["html"])

    source = kept.files["report.html"].decode()
    text = " ".join(Page(source.encode()).text.split())
    text = text[text.index("First 3") :]
    order = ["First 3", "Of a", "one", "<b>*x*", "Second", "1.50a 2.50b", "The first 2 of 3 rows.", "mine: 3"]
    places = [text.find(word) for word in order]
    assert -1 not in places, text[-900:]
    assert places == sorted(places)
    assert "<strong>a</strong>" in source
    assert "c: 9.00 (69.2%)" in text
    with pytest.raises(JobFailed, match=r"no template 'report/nobody.html'"):
        report(blocks=[{"block": "nobody", "query": "sales"}])


def test_files_beside_the_page(report, kept):
    """JSON and Markdown say what the page says; text of the data is no markup there."""
    report("SELECT 'a|b <i>*c*</i>' AS name, 1.5 AS price, NULL AS gap", formats=["json", "md"])

    told = json.loads(kept.files["report.json"])
    assert told["queries"]["sales"] == {
        "columns": ["name", "price", "gap"], "found": 1, "cut": False, "rows": [["a|b <i>*c*</i>", 1.5, None]]
    }  # fmt: skip
    assert told["nominal_time"] == "2026-02-01T07:00:00Z"
    assert r"| a\|b \<i\>\*c\*\</i\> | 1.50 | – |" in kept.files["report.md"].decode()


def test_files_have_more_rows_than_pages(report, kept):
    """A page shows max_rows, files max_export; what even those leave out is said."""
    report(max_rows=1, max_export=2, formats=["html", "csv", "json"])

    assert len(kept.files["sales.csv"].splitlines()) == 3
    assert json.loads(kept.files["report.json"])["queries"]["sales"]["cut"] is True
    text = " ".join(Page(kept.files["report.html"]).text.split())
    assert "This is the first row; the query found more. sales.csv has the first 2." in text
    assert "sales: files have the first 2 rows, which is max_export; the query found more." in text


def test_a_report_speaks_its_language(report, kept):
    """What the page and the workbook say by themselves, with its numbers, months and plural forms; words of one's own
    stand over that."""
    how = {"columns": {"price": {"total": True}, "id": {"title": "Nr."}}}
    kept.known = dict.fromkeys(("state", "reason", "nominal_time", "succeeded", "result"))
    report(
        "SELECT id, name, price, id = 1 AS first FROM sales",
        title="Verkäufe im {{ window.start | date(format='%B %Y') }}",
        locale="de", max_rows=2, words={"total_shown": "Bis hierher"}, query=how,
        sources=["books"], formats=["html", "md", "xlsx", "csv"],
    )  # fmt: skip

    for file in ("report.html", "report.md"):
        text = " ".join(Page(kept.files[file]).text.split())
        assert "Verkäufe im Januar 2026" in text
        assert "Hier stehen nicht alle Zeilen. Dies sind die ersten 2 Zeilen; die Abfrage fand mehr." in text
        assert "Bis hierher" in text
        assert "Erstellt vom Job nightly, Lauf r1, für Sonntag, 1. Februar 2026, 07:00 (UTC)." in text
        assert "books war noch nie erfolgreich" in text
    assert "<strong>nightly</strong>, Lauf <code>r1</code>" in kept.files["report.html"].decode()
    front = openpyxl.load_workbook(io.BytesIO(kept.files["report.xlsx"]))["Übersicht"]
    told = {row[0].value: row[1].value for row in front.iter_rows(min_row=3)}
    assert (told["Lauf"], told["Zeitzone"], told["Sales"]) == ("r1", "UTC", "3 Zeilen")


def test_words_of_ones_own_are_checked(report):
    """A key, a brace or a plural form that no report asks for is told before it runs."""
    for words, said in (
        ({"totl": "Sum"}, "'totl' is no word of a report; did you mean 'total'"),
        ({"limited": "{n} of {all}"}, "limited: '{all}' is not filled in; there is {found}, {n}"),
        ({"limited": "{n.__class__}"}, "is not filled in"),
        ({"limited": "{n:>{found}}"}, "write its name alone between the braces"),
        ({"limited": "{n"}, "limited: "),
        ({"rows": {"one": "{n}"}}, "rows: write its plural forms"),
    ):
        with pytest.raises(ValueError, match=re.escape(said)):
            report(words=words)


def test_what_changed_is_said_in_the_reports_language(report, kept):
    """On the page; the data file keeps the words that programs read."""
    report(only_changes=True, query={"key": ["id"]}, formats=["html", "csv"], locale="fr")

    assert "nouveau" in Page(kept.files["report.html"]).text
    assert kept.files["sales.csv"].decode().splitlines()[:2] == ["change,id,name,price", "new,1,a,1.5"]


def test_each_reader_has_a_report_of_their_own(report, kept):
    """An element decides what a query asks for, and language, zone and currency; it is a value, whatever it holds."""
    how = {
        "sql": "SELECT name, price FROM sales WHERE name = :who OR name IN :all",
        "query": {"params": {"who": "{{ item.name }}", "all": ["{{ item.name }}", "-"]}, "columns": {"price": {"format": "money"}}},
        "locale": "{{ item.locale }}", "timezone": "{{ item.zone }}", "currency": "{{ item.currency }}", "formats": ["html"],
    }  # fmt: skip
    item = {"name": "b", "locale": "de", "zone": "Europe/Madrid", "currency": "EUR"}

    assert report(**how, ctx={"item": item})["rows"] == {"sales": 1}
    text = Page(kept.files["report.html"]).text
    assert "2,50\xa0€" in text
    assert "Sonntag, 1. Februar 2026, 08:00 (Europe/Madrid)" in text
    assert report(**how, ctx={"item": {**item, "name": "{{ 7*7 }}' OR 1=1"}})["rows"] == {"sales": 0}
    with pytest.raises(JobFailed, match="timezone: 'Nowhere' is not a time zone"):
        report(**how, ctx={"item": {**item, "zone": "Nowhere"}})


@pytest.mark.slow
@pytest.mark.parametrize("columns", [9, 16, 40])
def test_no_column_stands_beyond_the_page(report, kept, columns):
    """However many there are: the last one's figures end within the margins."""
    asked = ", ".join(f"{number}1234567.25 AS revenue_of_{number}" for number in range(10, 10 + columns))
    report(f"SELECT {asked} UNION ALL SELECT {asked}", formats=["pdf"])

    page = pypdf.PdfReader(io.BytesIO(kept.files["report.pdf"])).pages[0]
    ends: list[float] = []
    page.extract_text(
        visitor_text=lambda text, cm, tm, *_: ends.append(tm[4] * cm[0] + cm[4]) if text.strip() else None
    )
    assert f"{9 + columns}1,234,567.25" in page.extract_text()
    assert max(ends) < page.mediabox.width
