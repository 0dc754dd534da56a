"""What can be asked of a parsed page, answered by BeautifulSoup: the reference that every faster way has to equal.

Owns: CSS by soupsieve, XPath by lxml on the same elements, text, attributes and inner HTML of an element.
Never: parses, fetches or converts.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, Protocol, cast

from bs4 import BeautifulSoup, Tag
from bs4.element import CData, NavigableString, PreformattedString

from automation.scraping.twin import Twin

BLOCKS = frozenset(
    (
        "address", "article", "aside", "blockquote", "body", "br", "button", "caption", "dd", "details", "div", "dl", "dt",
        "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "html",
        "legend", "li", "main", "nav", "ol", "option", "p", "pre", "section", "summary", "table", "tbody", "td", "tfoot",
        "th", "thead", "tr", "ul",
    )
)  # fmt: skip

#: An element of a page, or the page itself; what it is, only the reading that gave it knows.
Element = Any
#: What a selector finds: elements, or the texts and attributes of an XPath.
Node = Element | str


class Reading(Protocol):
    """A parsed page. Every reading of a page gives the same answers."""

    @property
    def whole(self) -> Element:
        """What stands for the whole page, where an element is asked for."""

    def css(self, selector: str, scope: Element) -> list[Node]:
        """The elements below the scope that match, in document order."""

    def first(self, selector: str, scope: Element) -> Node | None:
        """The first one of these, or None."""

    def xpath(self, expression: str, scope: Element) -> list[Node]:
        """What the expression finds from the scope. Raises lxml's XPathError when it cannot be evaluated."""

    def name(self, element: Element) -> str:
        """The tag's name."""

    def attribute(self, element: Element, name: str) -> str | None:
        """The value of an attribute, words of a list with one space between; None where there is none."""

    def text(self, element: Element) -> str:
        """The text as a reader sees it: blocks and line breaks apart, inline elements together; no scripts, no comments."""

    def raw(self, element: Element) -> str:
        """The text inside an element without a child as it stands, be it a script's."""

    def inner_html(self, element: Element) -> str:
        """The HTML inside an element."""


class SoupReading:
    """A page as BeautifulSoup reads it."""

    def __init__(self, soup: BeautifulSoup) -> None:
        self.soup = soup

    @property
    def whole(self) -> Element:
        """The soup."""
        return self.soup

    def css(self, selector: str, scope: Element) -> list[Node]:
        """By soupsieve."""
        return list(scope.select(selector))

    def first(self, selector: str, scope: Element) -> Node | None:
        """By soupsieve."""
        return cast("Node | None", scope.select_one(selector))

    def xpath(self, expression: str, scope: Element) -> list[Node]:
        """On the twin."""
        return self._twin.find(expression, scope)

    def name(self, element: Element) -> str:
        """The tag's name."""
        return str(element.name)

    def attribute(self, element: Element, name: str) -> str | None:
        """The value, joined where it is a list."""
        value = element.get(name)
        return " ".join(value) if isinstance(value, list) else cast("str | None", value)

    def text(self, element: Element) -> str:
        """The strings below the tag, joined as a reader sees them."""
        pieces: list[str] = []
        last_block: object = None
        blocks: dict[int, object] = {}
        for one in element.descendants:
            if isinstance(one, Tag):
                if one.name == "br":
                    pieces.append(" ")
            elif type(one) in (NavigableString, CData):
                block = _block_of(one.parent, element, blocks)
                if block is not last_block and pieces:
                    pieces.append(" ")
                last_block = block
                pieces.append(str(one))
        return "".join(pieces)

    def raw(self, element: Element) -> str:
        """The strings of the tag, comments left out."""
        strings = (one for one in element.descendants if isinstance(one, NavigableString))
        return "".join(str(one) for one in strings if not isinstance(one, PreformattedString))

    def inner_html(self, element: Element) -> str:
        """As BeautifulSoup writes it."""
        return str(element.decode_contents())

    @cached_property
    def _twin(self) -> Twin:
        return Twin(self.soup)


def _block_of(parent: Any, top: Tag, known: dict[int, object]) -> object:
    """The block that a text stands in; `known` keeps it for each element, as a page may be nested without end."""
    passed: list[int] = []
    while parent is not None and id(parent) not in known and parent.name not in BLOCKS and parent is not top:
        passed.append(id(parent))
        parent = parent.parent
    block = known.get(id(parent), parent) if parent is not None else None
    known.update(dict.fromkeys(passed, block))
    return block
