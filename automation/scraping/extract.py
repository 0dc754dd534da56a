"""Page → items: every field of every item read, with what could not be.

Owns: from a field's rule and a place on a page to a value; what counts as missing and as unreadable.
Never: judges a whole run, fetches or stores.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import Any

from automation.errors import JobFailed
from automation.net.guard import check_url
from automation.scraping.cleaning import tidy
from automation.scraping.page import Page
from automation.scraping.reading import Element, Node
from automation.scraping.selectors import FieldRule, Selector
from automation.scraping.values import Money, read_bool, read_date, read_int, read_money, read_number

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

    def read(self, rules: Mapping[str, FieldRule], page: Page, scope: Element | None) -> None:
        """Take these fields from this place of the page."""
        for name, rule in rules.items():
            try:
                value = read_field(rule, page, scope)
            except ValueError as error:
                self.unreadable[name] = str(error)
                value = None
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


def read_field(rule: FieldRule, page: Page, scope: Element | None) -> Any:
    """The value of a field: of the first match, or the list of all with `many`; None when nothing is found.

    Raises ValueError when a text is found and cannot be read as the field's type.
    """
    texts = _facts(rule, page) if rule.source else [_raw(rule, node, page) for node in page.select(rule, scope)]
    kept = [_kept(rule, text) for text in (texts if rule.many else texts[:1])]
    if rule.type == "bool" and not rule.many:
        return bool(kept) and kept[0] is not None and read_bool(kept[0])
    values = [_convert(rule, text, page) for text in kept if text]
    return values if rule.many else next(iter(values), None)


def links(selector: Selector, page: Page, scope: Element | None) -> list[str]:
    """The absolute links that a selector finds, in order; those that nobody could fetch are left out."""
    found = []
    for node in page.select(selector, scope):
        text = node if isinstance(node, str) else _link_of(node, selector, page)
        link = page.absolute(text) if text else None
        if link and _may_be_asked_for(link.partition("#")[0]):
            found.append(link)
    return found


@lru_cache(maxsize=4096)  # a site's navigation is the same on each of its pages
def _may_be_asked_for(link: str) -> bool:
    try:
        check_url(link)
    except JobFailed:
        return False
    return True


def _facts(rule: FieldRule, page: Page) -> list[str | None]:
    value = getattr(page, str(rule.source).removeprefix("page."))
    return [None if value is None else str(value)]


def _link_of(node: Element, selector: Selector, page: Page) -> str | None:
    name = selector.attr or _LINKS.get(page.reading.name(node), "href")
    return page.reading.attribute(node, name)


def _raw(rule: FieldRule, node: Node, page: Page) -> str | None:
    if isinstance(node, str):
        return node
    attr = rule.attr or (_LINKS.get(page.reading.name(node)) if rule.type == "url" else None)
    if attr:
        return page.reading.attribute(node, attr)
    return page.reading.inner_html(node) if rule.type == "html" else page.reading.text(node)


def _kept(rule: FieldRule, text: str | None) -> str | None:
    if text is None:
        return None
    if rule.regex is not None:
        found = re.search(rule.regex, text)
        if found is None:
            return None
        text = found.group(1) if found.re.groups else found.group(0)
    return None if text is None else tidy(text, rule.clean, keep_space=rule.type == "html")


def _convert(rule: FieldRule, text: str, page: Page) -> Any:
    match rule.type:
        case "int":
            return read_int(text, rule.decimal)
        case "number":
            return float(read_number(text, rule.decimal))
        case "money":
            money = read_money(text, rule.decimal, rule.currency)
            return float(money.amount) if rule.many else money
        case "date":
            return read_date(text, rule.format)
        case "url":
            link = page.absolute(text)
            if link is None:
                raise ValueError(f"'{text[:60]}' is not a link of the web")
            return link
        case "bool":
            return read_bool(text)
    return text
