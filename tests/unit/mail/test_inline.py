"""CSS at the elements: the same page as inlining each mail by itself."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from automation.mail import inline
from automation.mail.inline import inline_css

SHEET = "<style>p { color: red } td { padding: 1px } @media print { p { color: black } }</style>"


def page(body, sheet=SHEET, title="Hi"):
    return f"<!doctype html><html><head><title>{title}</title>{sheet}</head><body>{body}</body></html>"


def alike(text):
    return re.sub(r"\s+", " ", text)


def test_rules_stand_at_the_elements_and_media_queries_in_a_sheet():
    """Mail programs drop the rest."""
    found = inline_css(page("<p>Hello</p>"))

    assert '<p style="color: red;">Hello</p>' in found
    assert "@media print" in found


def test_a_page_without_a_sheet_is_left_alone():
    """Also when it is only a piece of a page."""
    assert inline_css("<p>Hi<br></p>") == "<p>Hi<br></p>"


def test_a_second_mail_of_a_shape_is_not_inlined_again(monkeypatch):
    """Other words, another link, another title: the shape is the same."""
    inline_css(page('<p>Ann <a href="https://x/1">a</a></p>', title="One"))
    monkeypatch.setattr(inline, "_inlined", None)

    found = inline_css(page('<p>Bob &amp; Eve <a href="https://x/2?a&amp;b">b</a></p>', title="Two"))

    assert '<p style="color: red;">Bob &amp; Eve <a href="https://x/2?a&amp;b">b</a></p>' in found
    assert "<title>Two</title>" in found


def test_rules_that_ask_for_links_see_them():
    """Then a link is part of the shape."""
    sheet = '<style>a[href^="https"] { color: green }</style>'

    assert "green" in inline_css(page('<a href="https://x">x</a>', sheet))
    assert 'style="color' not in inline_css(page('<a href="mailto:x">x</a>', sheet))


PIECES = st.sampled_from(
    ["<p>", "</p>", "<table>", "<tr>", "<td>", "</td>", "</tr>", "</table>", "<b>", "</b>", '<a href="u">', "</a>", "<br>",
     '<img src="cid:x" alt="a > b">', "<!-- c > d -->", "word", " ", "&lt;", 'q"q', "<", ">", "\ue000", "ü\n"]
)  # fmt: skip


@given(st.lists(PIECES, max_size=12), st.lists(PIECES, max_size=12))
@settings(max_examples=50)
def test_whatever_the_page_it_is_as_if_inlined_by_itself(first, second):
    """Also broken ones, and one after the other."""
    for body in ("".join(first), "".join(second), "".join(first)):
        whole = page(body)
        assert alike(inline_css(whole)) == alike(inline._inlined(whole))
