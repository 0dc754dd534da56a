"""The monthly sales report of a real shop: its totals in every form, against SQL of our own."""

from __future__ import annotations

import csv
import json
import re
import shutil
import sqlite3
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import openpyxl
import pypdf
import pytest

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "monday.md"
REVENUE = "SELECT round(sum(Total), 2) FROM Invoice WHERE strftime('%Y', InvoiceDate) = '{}'"


class Cells(HTMLParser):
    """The cells of each table's rows."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.inside = False
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        if tag == "tr":
            self.rows.append([])
        self.inside = tag in ("td", "th")
        if self.inside:
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        self.inside = self.inside and tag not in ("td", "th")

    def handle_data(self, data):
        if self.inside:
            self.rows[-1][-1] += data


@pytest.fixture(scope="module")
def made(needs, tmp_path_factory):
    """The document's own report, of the last month of 2025; the folder of its files, and the shop's database."""
    folder = tmp_path_factory.mktemp("shop")
    blocks = re.findall(r"^```toml\n(.*?)^```", DOCUMENT.read_text("utf-8"), re.M | re.S)
    (folder / "schedules").mkdir()
    for number, text in enumerate(blocks):
        name = "automation.toml" if text.startswith("# automation.toml") else f"schedules/{number}.toml"
        (folder / name).write_text(text)
    shutil.copy(needs("shared-data") / "chinook.sqlite", folder)
    command = [sys.executable, "-m", "automation", "preview", "sales", "--at", "2026-01-01T06:00Z", "--json"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return Path(json.loads(done.stdout)["folder"]), folder / "chinook.sqlite"


@pytest.fixture(scope="module")
def shop(made):
    """`shop(sql)`: the rows of a query of the test's own."""
    connection = sqlite3.connect(f"file:{made[1]}?mode=ro", uri=True)
    yield lambda sql: connection.execute(sql).fetchall()
    connection.close()


def money(text):
    """An amount as the report writes it."""
    return float(re.sub(r"[^\d.-]", "", text))


@pytest.mark.slow
def test_every_form_has_the_shops_own_totals(made, shop):
    """Revenue by month, by country and of the year before: in HTML, PDF, XLSX and CSV."""
    folder, _ = made
    ((now,),), ((before,),) = shop(REVENUE.format(2025)), shop(REVENUE.format(2024))
    assert (now, before) == (450.58, 477.53)

    totals = [row for row in Cells((folder / "report.html").read_text()).rows if row[:1] == ["Total"]]
    assert [[money(cell) for cell in row[1:3]] for row in totals[:2]] == [[now, before]] * 2
    paper = " ".join(page.extract_text() for page in pypdf.PdfReader(folder / "report.pdf").pages)
    assert paper.count("$450.58") >= 2
    assert paper.count("$477.53") >= 2
    book = openpyxl.load_workbook(folder / "report.xlsx")
    for sheet, name in (("Revenue by month", "by-month"), ("Revenue by country", "by-country")):
        columns = list(book[sheet].iter_cols(min_row=2, values_only=True))
        assert round(sum(filter(None, columns[1])), 2) == now
        assert round(sum(filter(None, columns[2])), 2) == before
        with (folder / f"{name}.csv").open(newline="") as stream:
            rows = list(csv.DictReader(stream))
        assert round(sum(float(row["revenue"] or 0) for row in rows), 2) == now
        assert round(sum(float(row["revenue_before"] or 0) for row in rows), 2) == before


@pytest.mark.slow
def test_each_row_is_the_shops_own(made, shop):
    """Every month and country beside its counterpart; the artists; the customers who stay away."""
    folder, _ = made

    def column(name, *wanted):
        with (folder / f"{name}.csv").open(newline="") as stream:
            return [tuple(row[one] for one in wanted) for row in csv.DictReader(stream)]

    def by(year, what):
        sql = f"SELECT {what}, sum(Total) FROM Invoice WHERE strftime('%Y', InvoiceDate) = '{year}' GROUP BY 1"
        return {key: round(value, 2) for key, value in shop(sql)}

    def read(rows):
        return {key: round(float(value), 2) for key, value in rows if value}

    assert read(column("by-month", "month", "revenue")) == by(2025, "strftime('%Y-%m', InvoiceDate)")
    was = {f"2025{key[4:]}": value for key, value in by(2024, "strftime('%Y-%m', InvoiceDate)").items()}
    assert read(column("by-month", "month", "revenue_before")) == was
    assert read(column("by-country", "country", "revenue")) == by(2025, "BillingCountry")
    assert read(column("by-country", "country", "revenue_before")) == by(2024, "BillingCountry")
    ((best, most),) = shop(
        "SELECT ar.Name, sum(l.UnitPrice * l.Quantity) AS s FROM InvoiceLine l, Invoice i, Track t, Album a, Artist ar "
        "WHERE l.InvoiceId = i.InvoiceId AND l.TrackId = t.TrackId AND t.AlbumId = a.AlbumId AND a.ArtistId = ar.ArtistId "
        "AND i.InvoiceDate LIKE '2025%' GROUP BY ar.ArtistId ORDER BY s DESC LIMIT 1"
    )
    name, revenue = column("artists", "artist", "revenue")[0]
    assert (name, float(revenue)) == (best, pytest.approx(most))
    away = shop(
        "SELECT count(*) FROM (SELECT CustomerId FROM Invoice GROUP BY 1 HAVING max(InvoiceDate) < '2025-07-05')"
    )
    assert len(column("at-risk", "customer")) == away[0][0]


@pytest.mark.slow
def test_the_month_is_the_calendars(made, shop):
    """The window is December; its days are whole."""
    folder, _ = made
    ((revenue, invoices),) = shop(
        "SELECT round(sum(Total), 2), count(*) FROM Invoice WHERE strftime('%Y-%m', InvoiceDate) = '2025-12'"
    )
    with (folder / "summary.csv").open(newline="") as stream:
        (row,) = csv.DictReader(stream)

    assert (round(float(row["revenue"]), 2), int(row["invoices"])) == (revenue, invoices)


@pytest.mark.slow
def test_paper_has_pages_contents_and_links(made):
    """Numbers, the title, a table of contents that leads to its sections, and a title of its own."""
    paper = pypdf.PdfReader(made[0] / "report.pdf")

    assert paper.metadata.title == "Music sales, December 2025"
    assert len(paper.pages) > 3
    assert f"2 / {len(paper.pages)}" in paper.pages[1].extract_text()
    assert "Music sales, December 2025" in paper.pages[1].extract_text()
    first = paper.pages[0]
    assert "Contents" in first.extract_text()
    assert sum(one.get_object().get("/Subtype") == "/Link" for one in first.get("/Annots", [])) >= 6
