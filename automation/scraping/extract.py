"""Page → items: every field of every item read, with what could not be.

Owns: from a field's rule and a place on a page to a value; what counts as missing and as unreadable.
Never: judges a whole run, fetches or stores.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import Any

import regex

from automation.errors import JobFailed
from automation.net.guard import check_url
from automation.scraping.cleaning import tidy
from automation.scraping.dates import read_date
from automation.scraping.fields import FieldRule
from automation.scraping.page import Found, Page, Scope
from automation.scraping.selectors import REGEX_SECONDS, Selector
from automation.scraping.structured import Data, meta
from automation.scraping.tables import Row, beside
from automation.scraping.values import Money, read_bool, read_int, read_money, read_number
from automation.text import printable

#: At how long a text a regex may look: what it remembers takes a hundred bytes a character.
_REGEX_LONGEST = 1_000_000
#: Places that are no element of the page.
_OTHER_PLACES = frozenset((Data, Row))
_LINKS = {
    "a": "href", "area": "href", "link": "href", "base": "href", "img": "src", "source": "src", "iframe": "src",
    "script": "src", "video": "src", "audio": "src", "embed": "src", "object": "data", "form": "action",
}  # fmt: skip


@dataclass
class Item:
    """One item while it is put together.

    Parameters
    ----------
    unreadable: field → the sentence about a text that was found and is not of the field's type.
    detail: the page that completes it, if there is one.
    """

    values: dict[str, Any] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)
    detail: str | None = None

    def read(self, rules: Mapping[str, FieldRule], page: Page, scope: Scope) -> None:
        """Take these fields from this place of the page."""
        values, is_element, took = self.values, type(scope) not in _OTHER_PLACES, page.effort.took
        for name, rule in rules.items():
            try:
                plain = is_element and rule.is_plain
                value = _read_plain(rule, page, scope) if plain else read_field(rule, page, scope)
            except ValueError as error:
                self.unreadable[name] = str(error)
                value = None
            took(value)
            if value is None or rule.type == "money":
                self.put(name, rule, value)
            else:
                values[name] = value

    def put(self, name: str, rule: FieldRule, value: Any) -> None:
        """Take a value that was read; of money, its currency too."""
        if isinstance(value, Money):
            self.values[f"{name}_currency"] = value.currency
            value = value.amount
        elif rule.type == "money" and not rule.many:
            self.values[f"{name}_currency"] = None
        self.values[name] = _default(rule) if value is None else value


def _default(rule: FieldRule) -> Any:
    return (
        Decimal(str(rule.default)) if rule.type == "money" and isinstance(rule.default, (int, float)) else rule.default
    )


def read_field(rule: FieldRule, page: Page, scope: Scope) -> Any:
    """The value of a field: of the first match, or the list of all with `many`; None when nothing is found.

    Raises ValueError when a text is found and cannot be read as the field's type.
    """
    if rule.is_plain and type(scope) not in _OTHER_PLACES:
        return _read_plain(rule, page, scope)
    return read_texts(rule, found_texts(rule, page, scope, every=rule.many or rule.split is not None), page)


def _read_plain(rule: FieldRule, page: Page, scope: Any) -> Any:
    """The first match of a CSS selector: the way of most fields, and so a short one."""
    reading, kind = page.reading, rule.type
    node = reading.first(rule.css or "", reading.whole if scope is None else scope)
    if node is None:
        return False if kind == "bool" else None
    attr = rule.attr or (_LINKS.get(reading.name(node)) if kind == "url" else None)
    read = reading.inner_html if kind == "html" else reading.text
    text = reading.attribute(node, attr) if attr else read(node)
    if text is not None and rule.regex is not None:
        text = _first(rule.regex, text)
    if text is not None:
        text = tidy(text, rule.clean, keep_space=kind == "html")
    if kind == "bool":
        return text is not None and read_bool(text)
    return _convert(rule, text, page) if text else None


def found_texts(rule: FieldRule, page: Page, scope: Scope, *, every: bool = True) -> list[Any]:
    """What stands where the field says, before it is cleaned and typed: texts, and plain values of JSON.

    Parameters
    ----------
    every: False reads the first place alone.
    """
    if rule.source is not None:
        return _facts(rule.source, page)
    if rule.meta is not None:
        return list(meta(page.reading, rule.meta))
    if rule.column is not None:
        return _of_column(rule, page, scope)
    if rule.label is not None:
        places = page.select(rule.place, scope)
        return [_raw(rule, one, page) for place in places for one in beside(page.reading, place, rule.label)]
    nodes = page.select(rule, scope)
    return [_weighed(rule, node, page) for node in (nodes if every else nodes[:1])]


def read_texts(rule: FieldRule, texts: list[Any], page: Page) -> Any:
    """What was found, cleaned and typed. Raises ValueError for a text that is not of the field's type."""
    if rule.split is not None:
        texts = [part for text in texts if text is not None for part in str(text).split(rule.split)]
    kept = [_kept(rule, text, page) for text in (texts if rule.many else texts[:1])]
    if rule.type == "bool" and not rule.many:
        return bool(kept) and kept[0] is not None and _convert(rule, kept[0], page)
    values = [_convert(rule, text, page) for text in kept if text is not None and text != ""]
    return values if rule.many else next(iter(values), None)


def links(selector: Selector, page: Page, scope: Scope) -> list[str]:
    """The absolute links that a selector finds, in order; those that nobody could fetch are left out."""
    found = []
    for node in page.select(selector, scope):
        link = page.absolute(text) if (text := _link_text(node, selector, page)) else None
        if link and may_be_asked_for(link.partition("#")[0]):
            found.append(link)
    return found


@lru_cache(maxsize=4096)  # a site's navigation is the same on each of its pages
def may_be_asked_for(link: str) -> bool:
    """Whether it is an address that a request can be made of."""
    try:
        check_url(link)
    except JobFailed:
        return False
    return True


def _facts(name: str, page: Page) -> list[str | None]:
    if name.startswith("article."):
        return [page.article.get(name.removeprefix("article."))]
    if name.startswith("row."):
        value = (page.row or {}).get(name.removeprefix("row."))
    else:
        value = getattr(page, name.removeprefix("page."))
    return [None if value is None else str(value)]


def _of_column(rule: FieldRule, page: Page, scope: Scope) -> list[Any]:
    if not isinstance(scope, Row):
        raise ValueError('column is read of items = { table = "…" }')  # noqa: TRY004 - what a field cannot read is a ValueError
    cell = scope.cell(rule.column or 1)
    if cell is None:
        return []
    return [_raw(rule, node, page) for node in page.select(rule.place, cell)]


def _link_text(node: Found, selector: Selector, page: Page) -> str | None:
    if isinstance(node, str):
        return node
    if isinstance(node, Data):
        return node.value if isinstance(node.value, str) else None
    name = selector.attr or _LINKS.get(page.reading.name(node), "href")
    return page.reading.attribute(node, name)


def _raw(rule: FieldRule, node: Found, page: Page) -> Any:
    if isinstance(node, str):
        return node
    if isinstance(node, Data):
        return _plain(node.value)
    if isinstance(node, Row):
        node = node.element
    reading = page.reading
    attr = rule.attr or (_LINKS.get(reading.name(node)) if rule.type == "url" else None)
    if attr:
        return reading.attribute(node, attr)
    return reading.inner_html(node) if rule.type == "html" else reading.text(node)


def _plain(value: Any) -> Any:
    """A text, a number or a truth of JSON as it is; lists and tables as JSON text."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list)) else value


def _weighed(rule: FieldRule, node: Found, page: Page) -> Any:
    """As `_raw`, counted: elements that stand inside of each other have the same text many times."""
    text = _raw(rule, node, page)
    page.effort.took(text)
    return text


def _kept(rule: FieldRule, text: Any, page: Page) -> Any:
    if text is None:
        return None
    if not isinstance(text, str):
        if rule.regex is None and not rule.clean and rule.type != "text":
            return text
        text = json.dumps(text)
    if rule.regex is not None:
        page.effort.check()
        text = _first(rule.regex, text)
    return None if text is None else tidy(text, rule.clean, keep_space=rule.type == "html")


def _first(pattern: str, text: str) -> str | None:
    if len(text) > _REGEX_LONGEST:
        raise ValueError(
            f"a text of {len(text):,} characters is too long for a regex, which takes {_REGEX_LONGEST:,}; narrow the selector"
        )
    try:
        found = regex.search(pattern, text, timeout=REGEX_SECONDS)
    except TimeoutError:
        raise ValueError(
            f"the regex '{printable(pattern, 60)}' took more than {REGEX_SECONDS:g} s on a text of {len(text)} characters; "
            "write one without a repetition inside of a repetition"
        ) from None
    if found is None:
        return None
    kept: str | None = found.group(1) if found.re.groups else found.group(0)
    return kept


def _convert(rule: FieldRule, text: Any, page: Page) -> Any:
    if rule.type in ("text", "html"):
        return text
    decimal = rule.decimal_sign
    if not isinstance(text, str):
        if rule.type == "bool":
            return bool(text)
        text, decimal = _written(text), "."  # a number of JSON says where its fraction begins, whatever the locale
    match rule.type:
        case "int":
            return read_int(text, decimal)
        case "number":
            return float(read_number(text, decimal))
        case "money":
            money = read_money(text, decimal, rule.paid_in, rule.local_signs)
            return float(money.amount) if rule.many else money
        case "date":
            return read_date(text, rule.date_form, page.moment)
        case "url":
            return _absolute(text, page)
        case _:
            return read_bool(text)


def _absolute(text: str, page: Page) -> str:
    link = page.absolute(text)
    if link is None:
        raise ValueError(f"'{printable(text, 60)}' is not a link of the web")
    return link


def _written(value: float | bool) -> str:
    return f"{Decimal(repr(value)):f}" if isinstance(value, float) and math.isfinite(value) else str(value)
