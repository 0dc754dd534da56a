"""The lxml twin of a parsed page, so that XPath sees what CSS sees.

Owns: building it element by element, and which tag is which element.
Never: parses HTML; what BeautifulSoup read is what there is.
"""

from __future__ import annotations

import re
from typing import Any

from bs4 import BeautifulSoup, Tag
from bs4.element import CData, NavigableString, Script, Stylesheet, TemplateString
from lxml import etree

_NOT_IN_A_NAME = re.compile(r"[^\w.-]")
#: Characters that no text of an XML tree may hold, lxml's own included.
NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_TEXTS = (NavigableString, CData, Script, Stylesheet, TemplateString)


class Twin:
    """An lxml tree with one element for each tag, in the same place, with the same attributes and texts.

    A character that no XML name may hold, such as the colon of `svg:path`, is `_` in names here.
    """

    def __init__(self, soup: BeautifulSoup) -> None:
        self._tags: dict[Any, Tag] = {}
        self._elements: dict[int, Any] = {}
        self._root: Any = None
        self._grow(soup)

    def find(self, expression: str, scope: Tag) -> list[Tag | str]:
        """What the expression finds from this tag, or from the whole document when it is the soup itself.

        Raises lxml's XPathError when the expression cannot be evaluated.
        """
        context = self._elements.get(id(scope), self._root)
        if context is None:
            return []
        found = context.xpath(expression)
        if not isinstance(found, list):
            return [str(found)]
        nodes = (self._tags.get(one) if isinstance(one, etree._Element) else str(one) for one in found)
        return [node for node in nodes if node is not None]

    def _grow(self, soup: BeautifulSoup) -> None:
        # A page may be nested deeper than Python's stack, so each parent is looked up and none is called.
        for node in soup.descendants:
            # What stands beside <html> is taken into it: a tree has one root. White space there is dropped.
            parent = self._root if node.parent is soup else self._elements.get(id(node.parent))
            if isinstance(node, Tag):
                self._add(node, parent)
            elif parent is not None and type(node) in _TEXTS and not (node.parent is soup and str(node).isspace()):
                _append(parent, _text(str(node)))

    def _add(self, tag: Tag, parent: Any) -> None:
        element = (
            etree.Element(plain_name(tag.name)) if parent is None else etree.SubElement(parent, plain_name(tag.name))
        )
        if self._root is None:
            self._root = element
        for name, value in tag.attrs.items():
            element.set(plain_name(name), _text(" ".join(value) if isinstance(value, list) else str(value)))
        self._elements[id(tag)], self._tags[element] = element, tag


def _append(parent: Any, text: str) -> None:
    if len(parent):
        parent[-1].tail = (parent[-1].tail or "") + text
    else:
        parent.text = (parent.text or "") + text


def plain_name(name: str) -> str:
    """The name of a tag or attribute as an XPath can say it."""
    plain = _NOT_IN_A_NAME.sub("_", name)
    return plain if plain[:1].isalpha() or plain[:1] == "_" else f"_{plain}"


def _text(text: str) -> str:
    return NOT_IN_XML.sub("\ufffd", text)
