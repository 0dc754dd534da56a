"""The parts of a crawl that are written in Python.

Owns: what `each` and `parse` may give back, and the sentences about what they may not.
Never: visits or stores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from automation.errors import FailureClass, JobFailed
from automation.scraping.extract import Item, read_texts
from automation.scraping.fields import FieldRule
from automation.scraping.files import file_columns
from automation.scraping.page import Page
from automation.text import nearest, printable


@dataclass(frozen=True)
class Hooks:
    """What somebody wrote in Python.

    Parameters
    ----------
    each: item → item, items, or None.
    parse: page → items (dicts) and links (strings).
    """

    each: Callable[[dict[str, Any]], Any] | None = None
    parse: Callable[[Any], Iterable[Any]] | None = None

    def after(self, item: Item, rules: Mapping[str, FieldRule]) -> Iterator[Item]:
        """What becomes of a complete item. Raises JobFailed for what is no item."""
        if self.each is None:
            yield item
            return
        found = self.each(dict(item.values))
        for one in found if isinstance(found, list) else [] if found is None else [found]:
            yield Item(_known("each", one, rules), item.unreadable)

    def read(self, page: Page, rules: Mapping[str, FieldRule]) -> tuple[list[Item], list[str]]:
        """The items and the links of a page. Raises JobFailed for what is neither."""
        items: list[Item] = []
        found: list[str] = []
        for one in self.parse(page) if self.parse else ():
            if isinstance(one, str):
                if (link := page.absolute(one)) is not None:
                    found.append(link)
                continue
            item = Item()
            for name, value in _known("parse", one, rules).items():
                _put(item, name, value, rules, page)
            items.append(item)
        return items, found


def _known(hook: str, one: Any, rules: Mapping[str, FieldRule]) -> dict[str, Any]:
    if not isinstance(one, Mapping):
        shown = printable(repr(one), 80)
        raise _wrong(f"{hook} gave {shown}; give items as dicts" + (" and links as strings" if hook == "parse" else ""))
    allowed = {
        *rules,
        *file_columns(rules),
        *(f"{name}_currency" for name, rule in rules.items() if rule.type == "money"),
    }
    for name in one:
        if name not in allowed:
            meant = nearest(str(name), allowed)
            hint = f"did you mean '{meant}'? Fields" if meant else "fields"
            raise _wrong(f"{hook} gave an item with '{printable(str(name), 60)}'; {hint}: {', '.join(rules)}")
    return dict(one)


def _put(item: Item, name: str, value: Any, rules: Mapping[str, FieldRule], page: Page) -> None:
    """A text is read as the field's type; other values are taken as they are."""
    rule = rules.get(name)
    if rule is None or not isinstance(value, str) or rule.many:
        item.values[name] = value
        return
    try:
        item.put(name, rule, read_texts(rule, [value], page))
    except ValueError as error:
        item.unreadable[name] = str(error)
        item.values[name] = None


def _wrong(message: str) -> JobFailed:
    return JobFailed(message, FailureClass.DATA_INVALID, code="hook")
