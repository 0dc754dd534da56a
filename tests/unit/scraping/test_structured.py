"""Fields that are read from JSON, JSON-LD, microdata, meta elements, tables and labels of a page."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from pydantic import ValidationError

from automation.errors import JobFailed
from automation.scraping.extract import Item
from automation.scraping.page import Page
from automation.scraping.params import ScrapeParams

LINKED = """<script type="application/ld+json">
{"@context": "https://schema.org", "@graph": [
  {"@type": "Organization", "name": "Shop"},
  {"@type": ["Thing", "http://schema.org/Product"], "name": "Lamp", "offers": [{"price": "51,77", "priceCurrency": "EUR"}],
   "aggregateRating": {"ratingValue": 4.5}}]}
</script><script type="application/ld+json">not json</script>"""
MICRO = """<div itemscope itemtype="https://schema.org/Product"><b itemprop=name>Chair</b>
<div itemprop=offers itemscope itemtype="https://schema.org/Offer"><meta itemprop=price content="9.50"><a itemprop=url href="/c">x</a></div>
<img itemprop="image" src="a.png"><img itemprop="image" src="b.png"></div>"""
TABLE = """<table class=p><caption>Prices</caption><thead><tr><th rowspan=2>Name<th colspan=2>Price</tr><tr><th>EUR<th>USD</tr></thead>
<tr><td rowspan=2><a href="/x">X</a></td><td>1</td><td>2</td></tr><tr><td colspan=2>3<table><tr><td>inner</table></td></tr></table>"""


def items(html, fields, items=None, **more):
    """The values of the items of a page."""
    page = Page("https://x.example/a/", 200, 0, "utf-8", html, datetime(2026, 11, 21, tzinfo=UTC))
    params = ScrapeParams.model_validate({"start": "https://x.example/", "fields": fields, "items": items, **more})
    found = []
    for scope in page.select(params.items) if params.items else [None]:
        item = Item()
        item.read(params.fields, page, scope)
        found.append({**item.values, **item.unreadable})
    return found


def one(html, field):
    """The value of one field of a page."""
    return items(html, {"f": field})[0]["f"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ({"jsonld": "Product.name"}, "Lamp"),
        ({"jsonld": "name"}, "Shop"),
        ({"jsonld": "Product.offers.price", "type": "number", "decimal": ","}, 51.77),
        ({"jsonld": "Product.aggregateRating.ratingValue", "type": "number"}, 4.5),
        ({"jsonld": "Product.offers[0].priceCurrency"}, "EUR"),
        ({"jsonld": "name", "many": True}, ["Shop", "Lamp"]),
        ({"jsonld": "Recipe.name"}, None),
        ({"meta": "og:title"}, "Lamps & more"),
        ({"meta": "Description"}, "All lamps"),
        ({"css": "#state", "json": "a.b[].c", "many": True, "type": "int"}, [1, 2]),
        ({"css": "#state", "json": "a.b[1].c", "type": "int"}, 2),
        ({"css": "[data-p]", "attr": "data-p", "json": "p", "type": "money"}, Decimal("12.5")),
        ({"css": "#state", "json": "a"}, '{"b": [{"c": 1}, {"c": 2}]}'),
        ({"css": "i", "split": ",", "clean": "upper"}, ["A", "B"]),
        ({"css": "i", "type": "list"}, ["a, b"]),
    ],
)
def test_a_field_is_read_from_data_inside_of_the_page(field, value):
    """Types by their names, single values through lists, meta of any kind, JSON in scripts and attributes."""
    page = f"""<meta property="og:title" content="Lamps &amp; more"><meta name=description content="All lamps">{LINKED}
    <script id=state>{json.dumps({"a": {"b": [{"c": 1}, {"c": 2}]}})}</script><p data-p='{{"p": 12.5}}'><i>a, b</i>"""

    assert one(page, field) == value


def test_microdata_is_read_with_what_is_inside_of_it():
    """An inner item belongs to its property; links and contents are values."""
    names = {"name": "name", "price": "offers.price", "link": "Offer.url", "images": "Product.image"}
    fields = {name: {"microdata": path, "many": name == "images"} for name, path in names.items()}

    assert items(MICRO, fields) == [{"name": "Chair", "price": "9.50", "link": "/c", "images": ["a.png", "b.png"]}]


def test_rows_of_a_table_are_items():
    """Headings of two lines, cells over rows and columns, a table in a cell, a link in a cell."""
    fields = {
        "name": {"column": "name"}, "link": {"column": 1, "css": "a", "type": "url"},
        "eur": {"column": "Price EUR", "regex": r"\d+", "type": "int"}, "usd": {"column": "Price USD", "regex": r"\d"},
    }  # fmt: skip

    assert items(TABLE, fields, {"table": "table.p"}) == [
        {"name": "X", "link": "https://x.example/x", "eur": 1, "usd": "2"},
        {"name": "X", "link": "https://x.example/x", "eur": 3, "usd": "3"},
    ]


def test_a_column_that_is_not_there_names_those_that_are():
    """The sentence of an unreadable field leads to the right heading."""
    found = items(
        "<table><tr><th>Name<th>Price</tr><tr><td>a<td>1</table>", {"f": {"column": "Prise"}}, {"table": "table"}
    )

    assert found == [{"f": "the table has no column 'Prise'; did you mean 'Price'? Columns: 'Name', 'Price'"}]


def test_a_value_stands_beside_its_label():
    """Cells behind a cell, dd behind dt, the label's case and colon put aside."""
    page = "<table><tr><th>UPC:</th><td>a1</td></tr></table><dl><dt>Weight</dt><dd>2 kg</dd><dd>4 lb</dd><dt>Size</dt><dd>3</dd></dl>"

    assert (one(page, {"label": "upc"}), one(page, {"css": "dl", "label": "Weight", "many": True})) == (
        "a1",
        ["2 kg", "4 lb"],
    )


def test_the_items_of_a_json_page_are_read_by_json():
    """A path chooses the items, paths within them the values; numbers need no decimal sign."""
    page = json.dumps(
        {"data": [{"id": 1, "price": {"eur": 1234.5}, "on": False, "tags": ["a", "b"]}, {"id": 2, "n": None}]}
    )
    fields = {
        "id": {"json": "id", "type": "int"}, "price": {"json": "price.eur", "type": "number", "locale": "de"},
        "on": {"json": "on", "type": "bool"}, "tags": {"json": "tags", "many": True}, "at": {"from": "page.status"},
    }  # fmt: skip

    assert items(page, fields, {"json": "data"}) == [
        {"id": 1, "price": 1234.5, "on": False, "tags": ["a", "b"], "at": "200"},
        {"id": 2, "price": None, "on": False, "tags": [], "at": "200"},
    ]


@pytest.mark.parametrize("kind", ["int", "number", "money"])
def test_what_json_calls_a_number_and_is_none_leaves_its_field_empty(kind):
    """Numbers beyond every column, truths in the place of a number: the field is unreadable, and the others go on."""
    text = '{"a": 1%s, "b": 1e999, "c": true, "d": NaN, "e": 7}' % ("0" * 400)
    fields = {name: {"json": name, "type": kind} for name in "abcde"}

    (found,) = items(text, fields, {"json": "@"})

    assert found["e"] == 7
    assert [found[name].partition(" ")[0][:6] for name in "abcd"] == ["'10000", "'inf'", "'True'", "'nan'"]


def test_json_that_is_none_says_so():
    """A page for people in place of JSON names the way to JSON inside of it; a broken script is the field's failure."""
    with pytest.raises(JobFailed, match=r"is not JSON.*css = "):
        items("<h1>Blocked</h1>", {"f": {"json": "a"}})
    assert "what was found is not JSON" in one("<script>{</script>", {"css": "script", "json": "a"})


@pytest.mark.parametrize(
    ("text", "locale", "money"),
    [("$1,234.50", "es-MX", ("1234.5", "MXN")), ("1.234", "de-DE", ("1234", "EUR")), ("12 kr", "sv-SE", ("12", "SEK"))],
)
def test_a_locale_says_what_its_people_mean(text, locale, money):
    """The dollar of Mexico, the dot of Germany, the krona of Sweden."""
    found = items(f"<p>{text}", {"f": {"css": "p", "type": "money", "locale": locale}})[0]

    assert (found["f"], found["f_currency"]) == (Decimal(money[0]), money[1])


def test_a_regex_without_end_fails_its_field_alone(monkeypatch):
    """Backtracking is stopped, and the sentence names the regex."""
    monkeypatch.setattr("automation.scraping.extract.REGEX_SECONDS", 0.05)
    found = items(f"<p>{'a' * 200}!</p><b>x</b>", {"f": {"css": "p", "regex": "^(a|a)*$"}, "g": "b"})[0]

    assert "took more than 0.05 s" in found["f"]
    assert found["g"] == "x"


def test_an_article_is_read_without_the_page_around_it():
    """Text and title of what a reader came for; navigation is none of it."""
    words = "".join(
        f"<p>Paragraph {number} of a long story about the sea and its many islands.</p>" for number in range(9)
    )
    page = f"<html><head><title>The sea</title><meta name=author content='Ada Byron'></head><body><nav>Home Shop</nav><article><h1>The sea</h1>{words}</article></body></html>"
    found = items(
        page, {"text": {"from": "article.text"}, "title": {"from": "article.title"}, "by": {"from": "article.author"}}
    )

    assert (found[0]["title"], found[0]["by"]) == ("The sea", "Ada Byron")
    assert "Paragraph 8" in found[0]["text"]
    assert "Home Shop" not in found[0]["text"]


@pytest.mark.parametrize(
    ("field", "says"),
    [
        ({"json": "a..b"}, "is not a JMESPath expression"),
        ({"json": "data[?lenght(name) > `3`]"}, "no function lenght(); did you mean length()?"),
        ({"xpath": "re:test(//a, 'b')"}, "Undefined namespace prefix"),
        ({"css": "p", "type": "date", "format": "%-d"}, "write one such as %d/%m/%Y"),
        ({"css": "p", "jsonld": "a"}, "write css or jsonld, not both"),
        ({"css": "p", "type": "date", "languages": "xx"}, "'xx' is not a known language"),
        ({"css": "p", "type": "date", "zone": "Europe/Madird"}, "did you mean 'Europe/Madrid'"),
        ({"css": "p", "type": "money", "locale": "xx-YY"}, "is not a known locale"),
        ({"css": "p", "zone": "Europe/Madrid"}, 'zone goes with type = "date"'),
        ({"column": 0}, "columns are counted from 1"),
        ({"css": "p", "regex": "a" * 1001}, "write at most 1000"),
        ({"from": "article.txt"}, "did you mean 'article.text'"),
    ],
)
def test_a_field_that_cannot_be_read_is_refused_before_the_run(field, says):
    """What is wrong, and what to write."""
    with pytest.raises(ValidationError) as caught:
        ScrapeParams.model_validate({"start": "https://x.example/", "fields": {"f": field}})

    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("condition", "says"),
    [
        ("prise < 5", "'prise' is not a field; did you mean 'price'"),
        ("price <", "is not a condition"),
        ("a b", "is not a condition"),
    ],
)
def test_a_condition_is_checked_before_the_run(condition, says):
    """A field that is not there, and a text that is no expression."""
    fields = {"price": {"css": "p", "type": "money"}}
    with pytest.raises(ValidationError, match=says.replace("?", r"\?")):
        ScrapeParams.model_validate({"start": "https://x.example/", "fields": fields, "keep_if": condition})


def test_tables_inside_of_tables_take_no_time():
    """Each row is of its own table alone, however deep that stands."""
    found = items("<table><tr><td>" * 60 + "x", {"f": {"column": 1}}, {"table": "table"})

    assert [one["f"] for one in found] == ["x"] * 60
