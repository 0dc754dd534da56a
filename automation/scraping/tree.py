"""The fast reading of a page: the lxml tree itself, where it is certain to be what BeautifulSoup would have built.

Owns: when that is certain, and each answer from the tree; what it cannot answer it asks of BeautifulSoup.
Never: differs from the reference in any answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from copy import deepcopy
from functools import cached_property
from itertools import chain
from typing import Any

from lxml import etree

from automation.scraping.css import SPACES, VALUELESS, WORDS, translate
from automation.scraping.reading import BLOCKS, Element, Node, SoupReading
from automation.scraping.twin import plain_name

#: What no text of an XML tree may hold (`NOT_IN_XML`), written as a number.
_REFERENCES = re.compile(
    r"&#(?:x0*(?:[0-8bcef]|1[0-9a-f]|fff[ef])(?![0-9a-f])|0*(?:[0-8]|1[124-9]|2[0-9]|3[01]|6553[45])(?![0-9]))", re.I
)
_CONTROLS = bytes((*range(9), 11, 12, *range(14, 32)))
#: lxml's own tree ends at 256 levels, and at texts of ten million bytes; neither ends what BeautifulSoup is told.
_DEEP = etree.XPath(f"boolean({'/'.join('*' * 253)})")
LONGEST = 2_500_000
#: The two signs that it begins with are looked for quickly; without regard to case nothing would be.
_DOCTYPE = re.compile("<![dD][oO][cC][tT][yY][pP][eE]")
_BEFORE_DOCTYPE = re.compile(r"(?:[ \t\n\r\f]|<\?[^>]*>|<!--.*?-->)*", re.DOTALL)
#: BeautifulSoup or soupsieve treat what is inside these in a way of their own.
_SPECIAL = ("template", "rt", "rp")
#: With more children of one element, XPath takes the square of their number to count siblings, and soupsieve does not.
WIDE = 3000
_NO_TEXT = frozenset(("script", "style", "template"))
_KEEPS_SPACE = ("pre", "textarea")
_PLAIN_ATTRIBUTE = re.compile(r"[A-Za-z][A-Za-z0-9.-]*")
_ASCII_SPACES = " \n\t\f\r"
_BLANK_TEXTS = etree.XPath("//text()[. != ' ' and . != '\n' and not(normalize-space())]")
#: An expression that may see the value of such an attribute.
_SEES_VALUELESS = re.compile(rf"@\s*[^\s\w]|attribute|{'|'.join(sorted(VALUELESS))}")
_LETTERS = "abcdefghijklmnopqrstuvwxyz_"
_ODD_NAMES = etree.XPath(
    "//*[@*[translate(name(), $all, '') or translate(substring(name(), 1, 1), $first, '')]"
    " or translate(name(), $all, '') or translate(substring(name(), 1, 1), $first, '')]"
)
_SPACED_VALUES = etree.XPath("//@*[. != normalize-space() or . != translate(., $odd, '')]")


def grow(html: str) -> Any | None:
    """The root of the page's tree; None where it may differ from what BeautifulSoup makes of the same page."""
    if len(html) > LONGEST or _holds_control(html) or ("&" in html and "&#" in html and _REFERENCES.search(html)):
        return None
    # A text around a doctype is one in lxml's tree, and two in BeautifulSoup's.
    doctypes = [one.start() for one in _DOCTYPE.finditer(html)]
    if doctypes and doctypes != [_start_of(html)]:
        return None
    # BeautifulSoup's own parser is made and fed in the same way.
    parser = etree.HTMLParser(recover=True)
    try:
        parser.feed(html.removeprefix("\ufeff"))
        root = parser.close()
    except (etree.LxmlError, ValueError):
        return None
    if root is None or any(isinstance(one.tag, str) for one in _beside(root)):
        return None
    if _DEEP(root) or any(True for _ in root.iter(*_SPECIAL)) or any(len(one) for one in root.iter("iframe")):
        return None
    return root


def _holds_control(html: str) -> bool:
    """Whether there is a character that no XML has (`NOT_IN_XML`, asked of bytes, which takes a quarter of the time)."""
    try:
        content = html.encode()
    except UnicodeEncodeError:
        return True
    return len(content.translate(None, _CONTROLS)) != len(content) or "\ufffe" in html or "\uffff" in html


def _start_of(html: str) -> int:
    """Where a doctype may stand: after white space, comments and an XML declaration."""
    found = _BEFORE_DOCTYPE.match(html.removeprefix("\ufeff"))
    return (found.end() if found else 0) + html.startswith("\ufeff")


def _beside(root: Any) -> chain[Any]:
    return chain(root.itersiblings(), root.itersiblings(preceding=True))


class TreeReading:
    """A page as lxml reads it, with BeautifulSoup's answers.

    Parameters
    ----------
    root: of the tree that `grow` made.
    reference: makes the page's reading by BeautifulSoup, which has one element for each of the tree, in the same order.
    """

    def __init__(self, root: Any, reference: Callable[[], SoupReading]) -> None:
        self._root, self._make_reference = root, reference
        self.whole: Element = root.getroottree()

    def css(self, selector: str, scope: Element) -> list[Node]:
        """By compiled XPath where the selector can be said in it."""
        quick = translate(selector)
        if quick is not None and not (quick.sideways and self._is_wide):
            return quick.find(self._start(scope), is_page=scope is self.whole)
        return [self._pairs.ours(tag) for tag in self._reference.css(selector, self._pairs.theirs(scope))]

    def first(self, selector: str, scope: Element) -> Node | None:
        """As `css`, by an expression that ends at the first one."""
        quick = translate(selector)
        if quick is None or (quick.sideways and self._is_wide):
            return next(iter(self.css(selector, scope)), None)
        return quick.first(self._root, is_page=True) if scope is self.whole else quick.first(scope, is_page=False)

    def xpath(self, expression: str, scope: Element) -> list[Node]:
        """On a copy of the tree in which names and texts are as in the reference."""
        if _SEES_VALUELESS.search(expression):
            return [self._pairs.ours(one) for one in self._reference.xpath(expression, self._pairs.theirs(scope))]
        found = self._copies.theirs(self._start(scope)).xpath(expression, smart_strings=False)
        if not isinstance(found, list):
            return [str(found)]
        return [self._copies.ours(one) for one in found]

    def name(self, element: Element) -> str:
        """The tag's name."""
        return str(self._start(element).tag) if element is not self.whole else "[document]"

    def attribute(self, element: Element, name: str) -> str | None:
        """The value of an attribute."""
        if element is self.whole or name in VALUELESS or not _PLAIN_ATTRIBUTE.fullmatch(name):
            return self._reference.attribute(self._pairs.theirs(element), name)
        value = element.get(name)
        return value if value is None else _as_words(element.tag, name, str(value))

    def text(self, element: Element) -> str:
        """The texts below the element, joined as a reader sees them."""
        if element is self.whole:
            return self._reference.text(self._reference.whole)
        if element.tag in _NO_TEXT or (self._hides and _within(element, _NO_TEXT)):
            return ""
        keeps = self._keeps and _within(element, _KEEPS_SPACE)
        if not len(element):
            text = element.text or ""
            return text if keeps or not text else _shortened(text)
        return _joined(element, keeps)

    def raw(self, element: Element) -> str:
        """The element's own text."""
        text = "" if element is self.whole else element.text or ""
        # BeautifulSoup shortens a text of nothing but white space, unless it stands where it is kept.
        if element is self.whole or len(element) or (text and not text.strip(_ASCII_SPACES)):
            return self._reference.raw(self._pairs.theirs(element))
        return text

    def inner_html(self, element: Element) -> str:
        """By BeautifulSoup, which writes HTML in its own way."""
        return self._reference.inner_html(self._pairs.theirs(element))

    def _start(self, scope: Element) -> Any:
        return self._root if scope is self.whole else scope

    @cached_property
    def _hides(self) -> bool:
        """Whether an element stands where its text is not read."""
        return any(len(one) for one in self._root.iter(*_NO_TEXT))

    @cached_property
    def _keeps(self) -> bool:
        """Whether white space is kept anywhere."""
        return next(self._root.iter(*_KEEPS_SPACE), None) is not None

    @cached_property
    def _is_wide(self) -> bool:
        return any(len(one) > WIDE for one in self._root.iter(etree.Element))

    @cached_property
    def _reference(self) -> SoupReading:
        return self._make_reference()

    @cached_property
    def _pairs(self) -> _Pairs:
        soup = self._reference.soup
        return _Pairs([self.whole, *self._root.iter(etree.Element)], [soup, *soup.find_all(True)])

    @cached_property
    def _copies(self) -> _Pairs:
        ours = list(self._root.iter(etree.Element))
        return _Pairs(ours, list(_like_the_twin(self._root).iter(etree.Element)))


class _Pairs:
    """Which element of one tree is which of another, both in document order."""

    def __init__(self, ours: list[Any], theirs: list[Any]) -> None:
        self._both = list(zip(ours, theirs, strict=True))
        self._theirs = {id(mine): other for mine, other in self._both}
        self._ours = {id(other): mine for mine, other in self._both}

    def theirs(self, mine: Any) -> Any:
        return self._theirs[id(mine)]

    def ours(self, other: Any) -> Any:
        return other if isinstance(other, str) else self._ours[id(other)]


def _as_words(tag: str, name: str, value: str) -> str:
    if name in WORDS["*"] or name in WORDS.get(tag, ()):
        return " ".join(re.findall(r"\S+", value))
    return value


def _joined(element: Any, keeps: bool) -> str:
    """The texts below an element, a space where the block changes; `keeps`: it stands where white space is kept."""
    pieces: list[str] = []
    blocks: list[Any] = []
    kept = int(keeps)
    last_block: Any = None

    def add(text: str | None) -> None:
        nonlocal last_block
        if text:
            if blocks[-1] is not last_block and pieces:
                pieces.append(" ")
            last_block = blocks[-1]
            pieces.append(text if kept else _shortened(text))

    walk = etree.iterwalk(element, events=("start", "end", "comment", "pi"))
    for event, one in walk:
        if event == "start":
            blocks.append(one if one is element or one.tag in BLOCKS else blocks[-1])
            kept += one is not element and one.tag in _KEEPS_SPACE
            if one.tag == "br" and one is not element:
                pieces.append(" ")
            if one.tag in _NO_TEXT:
                walk.skip_subtree()
            else:
                add(one.text)
            continue
        if event == "end":
            blocks.pop()
            kept -= one is not element and one.tag in _KEEPS_SPACE
        if one is not element:
            add(one.tail)
    return "".join(pieces)


def _within(element: Any, names: Collection[str]) -> bool:
    return element.tag in names or next(element.iterancestors(*names), None) is not None


def _shortened(text: str) -> str:
    """A text of nothing but white space as BeautifulSoup keeps it."""
    if text.strip(_ASCII_SPACES):
        return text
    return "\n" if "\n" in text else " "


def _like_the_twin(root: Any) -> Any:
    """A copy with the reference's names and texts: no comments, blank texts shortened, lists of words joined."""
    copy = deepcopy(root)
    for text in _BLANK_TEXTS(copy):
        beside = text.getparent()
        holder = beside if text.is_text else beside.getparent()
        if not _within(holder, _KEEPS_SPACE):
            setattr(beside, "text" if text.is_text else "tail", _shortened(str(text)))
    for value in _SPACED_VALUES(copy, odd=SPACES):
        element = value.getparent()
        element.set(value.attrname, _as_words(element.tag, value.attrname, str(value)))
    for note in list(copy.iter(etree.Comment, etree.ProcessingInstruction)):
        _take_out(note)
    for element in _ODD_NAMES(copy, all=f"{_LETTERS}{_LETTERS.upper()}0123456789.-", first=_LETTERS + _LETTERS.upper()):
        attributes = element.items()
        element.tag = plain_name(element.tag)
        element.attrib.clear()
        for name, text in attributes:
            element.set(plain_name(name), text)
    return copy


def _take_out(note: Any) -> None:
    before, parent, tail = note.getprevious(), note.getparent(), note.tail or ""
    if before is None:
        parent.text = ((parent.text or "") + tail) or None
    else:
        before.tail = ((before.tail or "") + tail) or None
    parent.remove(note)
