"""A CSS selector as a compiled XPath that finds the same elements.

Owns: which selectors can be said in XPath so that nothing differs from soupsieve, and how.
Never: parses CSS, which soupsieve does; looks at a page.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import soupsieve
from bs4.builder import HTMLTreeBuilder
from lxml import etree
from soupsieve import css_types as ct

from automation.scraping.twin import NOT_IN_XML

#: What this file knows of a parsed selector. Where soupsieve says more, less or other things, nothing is translated.
_KNOWN = {
    "Selector": "tag ids classes attributes nth selectors relation rel_type contains lang flags",
    "SelectorTag": "name prefix",
    "SelectorAttribute": "attribute prefix pattern xml_type_pattern inverse ignore_case",
    "SelectorContains": "text own",
    "SelectorNth": "a n b of_type last selectors",
    "SelectorList": "selectors is_not is_html",
}
#: Parts that say nothing of which elements are meant.
_BOOKKEEPING = {"_hash", "count"}
_UNDERSTOOD = all(
    {*getattr(getattr(ct, kind, None), "__slots__", ())} - _BOOKKEEPING == {*names.split()}
    for kind, names in _KNOWN.items()
)
_AXES = {
    " ": "ancestor::*", ">": "parent::*", "~": "preceding-sibling::*", "+": "preceding-sibling::*[1]",
    ": ": "descendant::*", ":>": "*", ":~": "following-sibling::*", ":+": "following-sibling::*[1]",
}  # fmt: skip
#: What stands before and after the escaped value in soupsieve's pattern for an attribute → the condition in XPath.
_VALUES = {
    ("^", r"\Z"): "{0} = {1}",
    ("^", ""): "starts-with({0}, {1})",
    ("", r"\Z"): "substring({0}, string-length({0}) - string-length({1}) + 1) = {1}",
    ("", ""): "contains({0}, {1})",
    (r"(?:(?<=^)|(?<=[ \t\r\n\f]))", r"(?=(?:[ \t\r\n\f]|\Z))"): (
        "contains(concat(' ', normalize-space({0}), ' '), concat(' ', {1}, ' '))"
    ),
    ("^", r"(?:-.*)?\Z"): "({0} = {1} or starts-with({0}, concat({1}, '-')))",
    ("^(?!", r"\Z)"): "{0} != {1}",
}
#: Tag → attributes that BeautifulSoup keeps as a list of words; `*` stands for every tag.
WORDS = HTMLTreeBuilder.DEFAULT_CDATA_LIST_ATTRIBUTES
_SOME_WORDS = frozenset().union(*(names for tag, names in WORDS.items() if tag != "*"))
#: Attributes that lxml gives their own name as a value where the page gives none, and BeautifulSoup an empty text.
VALUELESS = frozenset(
    (
        "checked", "compact", "declare", "defer", "disabled", "ismap", "multiple", "nohref", "noresize", "noshade", "nowrap",
        "readonly", "selected",
    )
)  # fmt: skip
#: White space between words for Python, and not for XPath.
SPACES = (
    "\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)
_PLAIN_NAME = re.compile(r"[a-z][a-z0-9.-]*")
_PLAIN_WORDS = "normalize-space(@class)"
_CAPITALS, _SMALL = "'ABCDEFGHIJKLMNOPQRSTUVWXYZ'", "'abcdefghijklmnopqrstuvwxyz'"


class _Untranslatable(Exception):
    """The selector asks for what XPath, or this file, cannot say."""


@dataclass(frozen=True)
class Quick:
    """A selector as XPath.

    Parameters
    ----------
    sideways: whether it counts or looks through siblings, which takes long where one element has very many children.
    """

    below: Any
    whole: Any
    first_below: Any
    first_whole: Any
    values: Mapping[str, str]
    sideways: bool

    def find(self, element: Any, *, is_page: bool) -> list[Any]:
        """What is found below an element, or on the whole page of which it is the root."""
        return list((self.whole if is_page else self.below)(element, **self.values))

    def first(self, element: Any, *, is_page: bool) -> Any | None:
        """The first one of these, after which nobody looks further."""
        path = self.first_whole if is_page else self.first_below
        found = path(element, **self.values) if self.values else path(element)
        return found[0] if found else None


@lru_cache(maxsize=512)
def translate(css: str) -> Quick | None:
    """The selector as XPath; None for one that only BeautifulSoup can answer."""
    if not _UNDERSTOOD:
        return None
    words = _Words()
    try:
        step = words.step(soupsieve.compile(css).selectors)
    except _Untranslatable:
        return None
    paths = [f"{axis}::{step}{first}" for first in ("", "[1]") for axis in ("descendant", "descendant-or-self")]
    below, whole, first_below, first_whole = (etree.XPath(path, smart_strings=False) for path in paths)
    return Quick(below, whole, first_below, first_whole, words.values, sideways="-sibling::" in step)


@dataclass
class _Words:
    """The condition under construction, and the texts it compares with that XPath cannot quote, which are variables."""

    values: dict[str, str] = field(default_factory=dict)

    def step(self, selectors: ct.SelectorList) -> str:
        """`a[…]` where one tag is looked for, which is quicker than asking each element for its name, else `*[…]`."""
        condition = self.any_of(selectors)
        only = selectors[0] if len(selectors) == 1 and not selectors.is_not else None
        if isinstance(only, ct.Selector) and only.tag and (name := self._tag(only.tag)):
            rest = condition.removeprefix("(").removesuffix(")").removeprefix(name).removeprefix(" and ")
            return name.removeprefix("self::") + (f"[{rest}]" if rest else "")
        return f"*[{condition}]"

    def any_of(self, selectors: ct.SelectorList) -> str:
        """Whether an element matches one of these, or none of them for `:not`."""
        if selectors.is_html or not selectors.selectors:
            raise _Untranslatable
        parts = [self.all_of(one) for one in selectors if one is not ct.Null]
        condition = " or ".join(f"({part})" for part in parts) or "false()"
        return f"not({condition})" if selectors.is_not else condition

    def all_of(self, selector: ct.Selector) -> str:
        """Whether an element matches each part of one selector; the cheap parts stand first."""
        if selector.lang or selector.flags & ~ct.SEL_EMPTY:
            raise _Untranslatable
        parts = [self._tag(selector.tag)] if selector.tag else []
        parts += [f"@id = {self._value(one)}" for one in selector.ids]
        parts += [self._class(one) for one in selector.classes]
        parts += [self._attribute(one, selector.tag) for one in selector.attributes]
        parts += [self._nth(one, selector.tag) for one in selector.nth]
        if selector.flags & ct.SEL_EMPTY:
            parts.append("not(*) and not(text()[normalize-space()])")
        parts += [f"({self.any_of(one)})" for one in selector.selectors]
        if selector.relation:
            parts.append(self._relation(selector.relation))
        if len({one.own for one in selector.contains}) > 1:
            raise _Untranslatable
        parts += [self._contains(one) for one in selector.contains]
        return " and ".join(part for part in parts if part) or "true()"

    def _tag(self, tag: ct.SelectorTag) -> str:
        if tag.prefix not in (None, "*"):
            raise _Untranslatable
        return f"self::{_name(tag.name)}" if tag.name not in (None, "*") else ""

    def _class(self, name: str) -> str:
        if not name or re.search(r"\s", name):
            raise _Untranslatable
        word = self._value(name)
        # Most elements are told apart by the first condition, and nearly all of the others by the second: `translate` costs most.
        spaced = f"' {name} '" if word.startswith("'") else f"concat(' ', {word}, ' ')"
        plain, all_spaces = (
            f"contains(concat(' ', {words}, ' '), {spaced})" for words in (_PLAIN_WORDS, _words("@class"))
        )
        return f"contains(@class, {word}) and ({plain} or {all_spaces})"

    def _attribute(self, rule: ct.SelectorAttribute, tag: ct.SelectorTag | None) -> str:
        name = f"@{_name(rule.attribute)}"
        if rule.prefix:
            raise _Untranslatable
        if rule.pattern is None:
            return name
        if name[1:] in VALUELESS:
            raise _Untranslatable
        text = _words(name) if _has_words(name[1:], tag) else name
        text = f"translate({text}, {_CAPITALS}, {_SMALL})" if rule.ignore_case else text
        form, value = _taken_apart(rule.pattern)
        condition = form.format(text, self._value(value))
        return f"(not({name}) or {condition})" if rule.inverse else f"{name} and {condition}"

    def _nth(self, nth: ct.SelectorNth, tag: ct.SelectorTag | None) -> str:
        side = "following-sibling" if nth.last else "preceding-sibling"
        before, counted = f"{side}::*", ""
        if nth.of_type:
            if tag is None or tag.name in (None, "*") or nth.selectors:
                raise _Untranslatable
            before = f"{side}::{_name(tag.name)}"
        elif nth.selectors and not _is_everything(nth.selectors):
            counted = self.any_of(nth.selectors)
            before = f"{before}[{counted}]"
        place = _place(before, nth)
        return f"({counted}) and {place}" if counted else place

    def _relation(self, relation: ct.SelectorList) -> str:
        kinds = {getattr(one, "rel_type", None) for one in relation}
        axis = _AXES.get(kinds.pop() or "") if len(kinds) == 1 else None
        if axis is None:
            raise _Untranslatable
        return f"{axis}[{self.any_of(relation)}]"

    def _contains(self, rule: ct.SelectorContains) -> str:
        # Beside white space the two trees differ: BeautifulSoup shortens texts that are nothing else.
        if not rule.text or any(not text or re.search(r"\s", text) for text in rule.text):
            raise _Untranslatable
        found = " or ".join(f"contains(., {self._value(text)})" for text in rule.text)
        return f"text()[{found}]" if rule.own else f"({found})"

    def _value(self, text: str) -> str:
        if NOT_IN_XML.search(text):
            raise _Untranslatable
        if "'" not in text:
            return f"'{text}'"
        name = f"v{len(self.values)}"
        self.values[name] = text
        return f"${name}"


def _name(name: str) -> str:
    """A tag's or attribute's name as lxml has it; others, such as `svg:path`, are not the same in both trees."""
    lowered = name.lower()
    if not name.isascii() or not _PLAIN_NAME.fullmatch(lowered):
        raise _Untranslatable
    return lowered


def _words(attribute: str) -> str:
    """The words of an attribute's value with one space between them, as BeautifulSoup has them."""
    return f"normalize-space(translate({attribute}, '{SPACES}', '{' ' * len(SPACES)}'))"


def _has_words(attribute: str, tag: ct.SelectorTag | None) -> bool:
    if attribute in WORDS["*"]:
        return True
    if tag is None or tag.name in (None, "*"):
        if attribute in _SOME_WORDS:
            raise _Untranslatable
        return False
    return attribute in WORDS.get(tag.name.lower(), ())


def _taken_apart(pattern: re.Pattern[str]) -> tuple[str, str]:
    """The condition and the value of which soupsieve made this pattern."""
    if pattern.flags == re.DOTALL | re.UNICODE:
        for (before, after), form in _VALUES.items():
            source = pattern.pattern
            if len(source) < len(before + after) or not (source.startswith(before) and source.endswith(after)):
                continue
            escaped = source[len(before) : len(source) - len(after)]
            value = re.sub(r"\\(.)", r"\1", escaped, flags=re.DOTALL)
            if re.escape(value) == escaped and (value or form == _VALUES["^", r"\Z"]):
                return form, value
    raise _Untranslatable


def _is_everything(selectors: ct.SelectorList) -> bool:
    only = selectors[0] if len(selectors) == 1 and not selectors.is_not else None
    plain = ct.Selector(ct.SelectorTag("*", "*"), (), (), (), (), (), ct.SelectorList(), None, (), (), 0)
    return isinstance(only, ct.Selector) and only == plain


def _place(before: str, nth: ct.SelectorNth) -> str:
    """Whether the number of an element, one more than there are `before` it, is a·n + b for an n from 0 on."""
    if nth.a == 0:
        if nth.b < 1:
            return "false()"
        return f"not({before}[{nth.b}])" + (f" and {before}[{nth.b - 1}]" if nth.b > 1 else "")
    if not nth.n:
        raise _Untranslatable
    number, step = f"(count({before}) + 1)", abs(nth.a)
    if nth.a > 0:
        return f"{number} >= {nth.b} and ({number} - {nth.b}) mod {step} = 0"
    return f"{number} <= {nth.b} and ({nth.b} - {number}) mod {step} = 0"
