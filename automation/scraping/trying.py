"""One page looked at as a job would: what was answered, what each field yields before and after its type.

Owns: the figures of such a look, and hints for selectors that find nothing.
Never: stores an item; prints.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from automation.errors import JobFailed
from automation.net.response import Response
from automation.scraping.asking import pages_of
from automation.scraping.crawl_visit import first_visit
from automation.scraping.extract import Item, found_texts, read_texts
from automation.scraping.fields import FieldRule
from automation.scraping.frontier import LIST, Visit
from automation.scraping.page import Page, Scope
from automation.scraping.pages import GONE, Disallowed
from automation.scraping.params import ScrapeParams
from automation.scraping.reader import Reader
from automation.scraping.surroundings import Surroundings
from automation.scraping.values import Money
from automation.text import nearest, printable

#: More items of one page are not needed to see what a field yields.
_ITEMS = 200
_CLASS = re.compile(r"\.([A-Za-z_][\w-]*)")


@dataclass
class FieldLook:
    """What a field yields on the items of the page.

    Parameters
    ----------
    found: how many of `of` items have something there; `matches`, what the first of them has.
    before: the text of the first that has, before it is tidied and typed; `after`, the value.
    problem: why there is no value, or a hint.
    """

    name: str
    where: str
    of: int = 0
    found: int = 0
    matches: int = 0
    before: Any = None
    after: Any = None
    problem: str = ""


@dataclass
class Look:
    """What one page gave.

    Parameters
    ----------
    robots: what robots.txt says: `allowed`, `disallowed`, or that it was not asked.
    items: how many the page has; None where the page is one item.
    rendered: a browser has shown it first.
    onward: addresses of further list pages.
    """

    url: str
    robots: str
    status: int | None = None
    seconds: float | None = None
    size: int | None = None
    content_type: str = ""
    charset: str = ""
    title: str | None = None
    redirects: tuple[str, ...] = ()
    rendered: bool = False
    items: int | None = None
    fields: list[FieldLook] = field(default_factory=list)
    onward: list[str] = field(default_factory=list)
    detail: Look | None = None
    problem: str = ""
    page: Page | None = None
    response: Response | None = None


async def look_at(
    params: ScrapeParams, around: Surroundings, *, url: str | None = None, rules: Mapping[str, FieldRule] | None = None
) -> Look:
    """Fetch one page as the job would, robots.txt and delay included, and read it.

    Parameters
    ----------
    url: another one than the first of the parameters.
    rules: fields to try in place of the job's, each on the whole page.

    What cannot be fetched or read is the look's `problem`. Raises JobFailed only where there is nothing to begin with.
    """
    visit = first_visit(params, around.rows, url)
    reader = Reader(params.every_source[visit.errand.source], lambda _url: True, params.expect, params.parser, params)
    async with pages_of(params, around) as pages:
        look, response = await _fetched(pages, visit, asked=params.robots)
        if response is None:
            return look
        try:
            if params.render and (params.render is True or reader.lacks_items(response, visit)):
                response, look.rendered = await pages.render(response), True
            page = reader.page(response, visit)
            look.page = page
            look.charset, look.title = page.charset, (page.title if "<" in page.html[:2000] else None)
            if rules:
                look.fields = [_tried(name, rule, page, [None]) for name, rule in rules.items()]
                return look
            first = _read(look, reader, page, visit, response)
            if first is not None and first.detail:
                look.detail = await _detail(pages, reader, visit, first, asked=params.robots)
        except JobFailed as error:
            look.problem = str(error)
            look.page = look.page or Page.of(response, 0)
    return look


async def _fetched(pages: Any, visit: Visit, *, asked: bool) -> tuple[Look, Response | None]:
    look = Look(visit.url, "allowed" if asked else "not asked (robots = false)")
    try:
        response: Response = await pages.get(visit.url, **(visit.errand.body or {}))
    except Disallowed as error:
        look.robots, look.problem = "disallowed", str(error)
        return look, None
    except JobFailed as error:
        look.robots, look.problem = "", str(error)
        return look, None
    look.url, look.status, look.response = response.url, response.status_code, response
    look.seconds, look.size = response.elapsed.total_seconds(), len(response.content)
    look.content_type, look.redirects = response.content_type, response.history
    if response.status_code in GONE:
        look.problem = f"{printable(look.url, 200)} is gone ({look.status})"
    return look, response


def _read(look: Look, reader: Reader, page: Page, visit: Visit, response: Response) -> Item | None:
    source = reader.source
    places = reader.places(page, visit, response.content)
    whole = places == [None]
    look.items = None if whole else len(places)
    look.fields = [_tried(name, rule, page, places[:_ITEMS]) for name, rule in source.fields.items()]
    if not places and source.items is not None and not look.problem:
        look.problem = (
            f"items matches nothing: {shown(source.items)}{_hint(source.items.css or source.items.table, page)}"
        )
    look.onward = [address for address, _, _ in reader.onward(page, visit, bool(places))][:5]
    return next(iter(reader.items(page, visit, response.content)), None)


async def _detail(pages: Any, reader: Reader, visit: Visit, item: Item, *, asked: bool) -> Look:
    inner = Visit(LIST, 0, str(item.detail), 1, item, errand=visit.errand)
    look, response = await _fetched(pages, Visit(LIST, 0, inner.url, 1), asked=asked)
    if response is not None and reader.source.detail is not None:
        try:
            look.page = page = reader.page(response, inner)
            look.fields = [_tried(name, rule, page, [None]) for name, rule in reader.source.detail.fields.items()]
        except JobFailed as error:
            look.problem = str(error)
    return look


def _tried(name: str, rule: FieldRule, page: Page, scopes: Sequence[Scope]) -> FieldLook:
    """What a field finds in each place, and the first that it finds."""
    look = FieldLook(name, shown(rule), of=len(scopes))
    for scope in scopes:
        try:
            texts = [text for text in found_texts(rule, page, scope) if text not in (None, "")]
        except ValueError as error:
            look.problem = look.problem or str(error)
            continue
        if not texts:
            continue
        look.found += 1
        if look.found == 1:
            look.matches = len(texts)
            look.before = texts if rule.many else texts[0]
            look.after, problem = _typed(rule, texts, page)
            look.problem = problem or look.problem
    if not look.found and scopes and not look.problem:
        look.problem = f"nothing matches{_hint(rule.css, page)}"
    return look


def _typed(rule: FieldRule, texts: list[Any], page: Page) -> tuple[Any, str]:
    try:
        value = read_texts(rule, texts, page)
    except ValueError as error:
        return None, str(error)
    if isinstance(value, Money):
        return f"{value.amount.normalize():f} {value.currency or ''}".strip(), ""
    return value, "" if value not in (None, [], "") else "regex or clean leaves nothing of it"


def shown(rule: Any) -> str:
    """A selector as it is written in TOML, in short."""
    parts = {
        "css": rule.css, "xpath": rule.xpath, "json": rule.path, "jsonld": rule.jsonld, "microdata": rule.microdata,
        "meta": getattr(rule, "meta", None), "column": getattr(rule, "column", None), "label": getattr(rule, "label", None),
        "table": getattr(rule, "table", None), "from": getattr(rule, "source", None),
    }  # fmt: skip
    given = {name: part for name, part in parts.items() if part is not None}
    attr = f"@{rule.attr}" if rule.attr else ""
    if list(given) == ["css"]:
        return f"{given['css']}{attr}"
    return ", ".join(f"{name} {part}" for name, part in given.items()) + (f" {attr}" if attr else "") or "the item"


def _hint(css: str | None, page: Page) -> str:
    """The class of the page that was perhaps meant, where the selector names one that the page has not."""
    if not css or "<" not in page.html[:2000]:
        return ""
    nodes = page.reading.css("[class]", page.reading.whole)
    classes = {name for node in nodes for name in (page.reading.attribute(node, "class") or "").split()}
    for name in _CLASS.findall(css):
        if name not in classes:
            meant = nearest(name, classes)
            near = f"; did you mean .{printable(meant, 40)}?" if meant else ""
            return f"; the page has no class '{printable(name, 40)}'{near}"
    return ""
