"""What selectors find, and the text and links of what they find."""

from __future__ import annotations

import re
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.scraping.extract import Item, links
from automation.scraping.page import Page
from automation.scraping.params import ScrapeParams
from automation.scraping.selectors import Selector

SHELF = """<html><head><title> A &amp; B </title><base href="/shop/"></head><body>
<article data-sku=" a1 " class="x y"><h3><a href="one?b=2&amp;a=1#top">One <b>bo</b>ok<script>no()</script><!-- no --></a></h3>
  <p class=price>£ 1.50</p><i></i><i>second</i><ul><li>a<li>b</ul><img src="//cdn.example/i.png"></article>
<article><h3><a href="mailto:x@y.z">Two</a></h3><p class=sold>Sold out</p></article></body></html>"""


def page(html=SHELF, url="https://x.example/list/page"):
    return Page(url, 200, 1, "utf-8", html)


def read(name, rule, place=0, html=SHELF):
    params = ScrapeParams.model_validate({"start": "https://x.example/", "fields": {name: rule}})
    looked, item = page(html), Item()
    item.read(params.fields, looked, looked.select(Selector(css="article"))[place])
    return item


def whole_text(looked):
    return looked.reading.text(looked.reading.whole)


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        ("h3 > a", "One book"),
        ("h3 > a@href", "one?b=2&a=1#top"),
        ({"css": "h3 > a", "type": "url"}, "https://x.example/shop/one?b=2&a=1#top"),
        ({"css": "img", "type": "url"}, "https://cdn.example/i.png"),
        ("@data-sku", "a1"),
        ("@class", "x y"),
        ({"css": "li", "many": True}, ["a", "b"]),
        ({"css": "b", "type": "html"}, "bo"),
        ("i", None),
        ({"css": "i", "default": "-"}, "-"),
        ({"css": ".price", "regex": r"(\d)\."}, "1"),
        ({"regex": r"book\s+(£)"}, "£"),
        ({"css": ".price", "clean": ["remove:£", "strip", "prefix:x"]}, "x1.50"),
        ({"css": ".sold", "type": "bool"}, False),
        ({"xpath": ".//h3/a/@href"}, "one?b=2&a=1#top"),
        ({"xpath": "following-sibling::article//a"}, "Two"),
        ({"xpath": "count(.//li)", "type": "int"}, 2),
        ({"xpath": ".//li[2]/text()"}, "b"),
        ({"from": "page.url"}, "https://x.example/list/page"),
        ({"from": "page.title"}, "A & B"),
        ({"from": "page.status", "type": "int"}, 200),
        ({"css": ".none", "many": True}, []),
    ],
)
def test_a_rule_reads_its_value(rule, value):
    """Each form of a field gives the first match inside the item, or all with `many`."""
    assert read("v", rule).values["v"] == value


def test_an_unreadable_text_is_told_and_is_no_value():
    """What is there and is not of the type is counted, not invented."""
    item = read("v", {"css": "h3", "type": "money"}, place=1)

    assert item.values == {"v": None, "v_currency": None}
    assert "'Two' holds no amount" in item.unreadable["v"]
    assert "not a link" in read("v", {"css": "a", "type": "url"}, place=1).unreadable["v"]


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<div>a</div>b", "a b"),
        ("a<br>b", "a b"),
        ("<p>x<b>y</b>z</p>", "xyz"),
        ("<p>a<p>b", "a b"),
        ("<td>1</td>", "1"),
        ("<style>p{}</style><p>a<!-- c --></p><template>t</template>", "a"),
        ("a\x00b &#0; c", None),
    ],
)
def test_text_is_what_a_reader_sees(html, text):
    """Blocks stand apart, inline elements do not; scripts, styles and comments are no text."""
    found = " ".join(whole_text(page(html.replace("\x00", ""))).split())

    assert found == text if text is not None else "\x00" not in found


@pytest.mark.parametrize(
    ("link", "absolute"),
    [
        ("a", "https://x.example/shop/a"),
        ("/a b", "https://x.example/a%20b"),
        (" \n/a\t", "https://x.example/a"),
        ("//y.example/a", "https://y.example/a"),
        ("\\\\y.example\\a", "https://y.example/a"),
        ("?p=2", "https://x.example/shop/?p=2"),
        ("/ä?q=ü", "https://x.example/%C3%A4?q=%C3%BC"),
        ("javascript:void(0)", None),
        ("mailto:a@b.c", None),
        ("http://[bad", None),
        ("", "https://x.example/shop/"),
    ],
)
def test_links_become_absolute(link, absolute):
    """Against `<base>`, as browsers do; what is not of the web is none."""
    assert page().absolute(link) == absolute


@pytest.mark.parametrize("base", ["javascript:x", "data:text/html,x", "http://[", "//"])
def test_a_base_that_is_no_address_of_the_web_is_none(base):
    """Links start from the page then, as in browsers."""
    assert page(f'<base href="{base}">').absolute("a") == "https://x.example/list/a"


def test_links_of_a_selector_leave_out_what_leads_out_of_the_web():
    """A mail address is not followed."""
    looked = page()

    assert links(Selector(css="a"), looked, None) == ["https://x.example/shop/one?b=2&a=1#top"]


@pytest.mark.parametrize(
    "html", ["", " ", "<", "\ufeff", "<!doctype html>", "<?xml version='1.0'?><a>x</a>", "text only"]
)
def test_odd_pages_are_read_without_a_warning(html):
    """Nothing at all, half a tag or XML: a page with nothing to find."""
    assert page(html).select(Selector(css="article")) == []


@given(
    st.lists(
        st.sampled_from(
            [
                "<p>",
                "</p>",
                "<div>",
                "<b>",
                "</b>",
                "</html>",
                "<html>",
                "<td>",
                "<svg:x>",
                "<li",
                "a:b=1",
                "2=3>",
                "text",
                "&amp;",
                "\x01",
                "<br/>",
            ]
        ),
        max_size=20,
    )
)
def test_xpath_finds_what_css_finds(parts):
    """On any tag soup, the two ways to name an element agree."""
    looked = page("".join(parts))
    for name in ("p", "b", "li", "td"):
        by_css = looked.select(Selector(css=name))
        assert looked.select(Selector(xpath=f"//{name}")) == by_css


@pytest.mark.parametrize(
    "html", [SHELF, "<?xml version='1.0' encoding='utf-8'?>" + SHELF, SHELF + "trailing <p>text</p>"]
)
def test_an_absolute_path_starts_at_html(html):
    """Paths as browsers' tools copy them work."""
    looked = page(html)

    (first,) = looked.select(Selector(xpath="/html/body/article[1]"))

    assert looked.reading.attribute(first, "class") == "x y"


@given(st.text("abzAZ09/._~-?=&#%: \\", max_size=20))
def test_a_plain_path_is_made_absolute_as_any_link_is(link):
    """The short way and the long way have one answer."""
    page = Page("https://x.example:8080/a/b?c#d", 200, 0, "utf-8", "<p>")
    short = page.absolute(link)
    with mock.patch("automation.scraping.page._PLAIN_PATH", re.compile("(?!)")):
        assert short == page.absolute(link)
