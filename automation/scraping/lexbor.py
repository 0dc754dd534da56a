"""A page as selectolax (the extra `lexbor`) reads it: faster, by HTML5's own rules, and without a promise to equal BeautifulSoup.

Owns: the same questions, answered by Lexbor's tree.
Never: answers XPath, which Lexbor has not.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from automation.errors import FailureClass, JobFailed
from automation.scraping.reading import BLOCKS, Element, Node
from automation.text import printable

_NO_TEXT = frozenset(("script", "style", "template"))
_TEXT = "-text"
#: What looks through siblings takes the square of their number.
_SIDEWAYS = re.compile(r"~(?!=)|:nth-|:has\(")
_WIDE = 50_000


class LexborReading:
    """A page as Lexbor reads it. Raises JobFailed (CONFIG) where selectolax is not installed."""

    def __init__(self, html: str) -> None:
        try:
            from selectolax.lexbor import LexborHTMLParser
        except ImportError as error:
            raise JobFailed(
                "parser = \"lexbor\" needs the extra 'lexbor'; install it: pip install 'automation[lexbor]'",
                FailureClass.CONFIG,
                code="extra",
            ) from error
        self._parser: Any = LexborHTMLParser(html)
        self._is_wide = html.count("<") > _WIDE
        self._known: dict[int, Any] = {}
        self.whole: Element = self._parser

    def css(self, selector: str, scope: Element) -> list[Node]:
        """By Lexbor."""
        own = None if scope is self.whole else scope.mem_id
        # An element keeps its identity: the same place is the same object.
        return [
            self._known.setdefault(one.mem_id, one) for one in self._asked(scope.css, selector) if one.mem_id != own
        ]

    def first(self, selector: str, scope: Element) -> Node | None:
        """By Lexbor, which need not look further."""
        found = self._asked(scope.css_first, selector)
        if found is None or scope is self.whole or found.mem_id != scope.mem_id:
            return found if found is None else self._known.setdefault(found.mem_id, found)
        return next(iter(self.css(selector, scope)), None)

    def xpath(self, expression: str, scope: Element) -> list[Node]:  # noqa: ARG002
        """There is none."""
        raise JobFailed(
            f'parser = "lexbor" reads no XPath: {printable(expression, 80)}', FailureClass.CONFIG, code="xpath"
        )

    def name(self, element: Element) -> str:
        """The tag's name."""
        return "[document]" if element is self.whole else str(element.tag)

    def attribute(self, element: Element, name: str) -> str | None:
        """The value as it is written; an attribute without one is empty."""
        if element is self.whole:
            return None
        attributes = element.attributes  # made anew each time that it is asked for
        return (attributes[name] or "") if name in attributes else None

    def text(self, element: Element) -> str:
        """The texts below the element, blocks and line breaks apart."""
        node = self._parser.root if element is self.whole else element
        if node is None or node.tag in _NO_TEXT:
            return ""
        only = node.first_child
        if only is not None and only.tag == _TEXT and only.next is None:
            return only.text(deep=False) or ""
        pieces: list[str] = []
        _gather(node, pieces)
        return "".join(pieces)

    def raw(self, element: Element) -> str:
        """The text inside the element as it stands."""
        return str((self._parser.root if element is self.whole else element).text(deep=True))

    def inner_html(self, element: Element) -> str:
        """As Lexbor writes it."""
        return str((self._parser.root if element is self.whole else element).inner_html or "")

    def _asked(self, find: Callable[[str], Any], selector: str) -> Any:
        if self._is_wide and _SIDEWAYS.search(selector):
            raise JobFailed(
                f"parser = \"lexbor\" takes too long for '{printable(selector, 80)}' on a page of so many elements; "
                'parser = "lxml" reads it',
                FailureClass.DATA_INVALID,
                code="nesting",
            )
        try:
            return find(selector)
        except Exception as error:  # selectolax has one class for it, which only it can name
            raise JobFailed(
                f"parser = \"lexbor\" does not know the selector '{printable(selector, 80)}': {printable(str(error), 80)}; "
                "leave parser out for it",
                FailureClass.CONFIG,
                code="css",
            ) from error


def _gather(node: Any, pieces: list[str]) -> None:
    # A stack of ours: a page may be nested deeper than Python's.
    waiting: list[Any] = [node.first_child]
    closing: list[bool] = []
    while waiting:
        one = waiting.pop()
        if one is None:
            if closing and closing.pop():
                pieces.append(" ")
            continue
        waiting.append(one.next)
        if one.tag == _TEXT:
            pieces.append(one.text(deep=False) or "")
        elif one.is_element_node and one.tag not in _NO_TEXT:
            block = one.tag in BLOCKS
            if block:
                pieces.append(" ")
            closing.append(block)
            waiting.append(one.first_child)
