"""What a compiled selector carries beside its XPath; that it finds what soupsieve finds is held by `test_readings`."""

from __future__ import annotations

import pytest
from lxml import etree

from automation.scraping.css import translate

PAGE = etree.fromstring("<html><body><h2 title=\"it's\">It's one</h2><h2>two</h2></body></html>", etree.HTMLParser())


@pytest.mark.parametrize("css", ['h2:-soup-contains("It\'s")', '[title="it\'s"]'])
def test_a_text_with_a_quote_is_a_variable(css: str) -> None:
    """XPath has no way to write it, and a selector of a user's must not end up as code."""
    quick = translate(css)

    assert quick is not None
    assert [value.lower() for value in quick.values.values()] == ["it's"]
    assert [one.text for one in quick.find(PAGE, is_page=True)] == ["It's one"]


@pytest.mark.parametrize(("css", "sideways"), [("li:nth-child(2)", True), ("h2 ~ a", True), ("h2 > a.x", False)])
def test_a_selector_that_looks_through_siblings_is_marked(css: str, sideways: bool) -> None:
    """On very wide pages it takes long, and is asked of the reference."""
    quick = translate(css)

    assert quick is not None
    assert quick.sideways is sideways
