"""A page of a source → its items, and where to go from there.

Owns: items, the links to their detail pages, the next pages; whether a page is of the kind that the source expects.
Never: fetches; decides what is visited twice.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from automation.errors import FailureClass, JobFailed
from automation.net.response import Response
from automation.scraping import structured
from automation.scraping.bounds import Bounds
from automation.scraping.errand import Errand, advanced
from automation.scraping.extract import Item, found_texts, links, may_be_asked_for
from automation.scraping.feeds import read_feed
from automation.scraping.fields import FieldRule
from automation.scraping.frontier import Visit
from automation.scraping.hooks import Hooks
from automation.scraping.page import USUAL, Page, Scope
from automation.scraping.selectors import Selector
from automation.scraping.source import Cursor, Source, fill
from automation.scraping.structured import Data
from automation.text import printable

_HTML_TYPES = frozenset({"", "text/html", "application/xhtml+xml", "text/plain", "application/xml", "text/xml"})


class Reader:
    """Reads the pages of one source.

    Parameters
    ----------
    ours: whether an address is on a host that may be visited.
    expect: `html`, or `any`.
    parser: what reads HTML: `lxml` or `lexbor`.
    bounds: how much of one page is read.
    """

    def __init__(
        self, source: Source, ours: Callable[[str], bool], expect: str, parser: str = "lxml", bounds: Bounds = USUAL
    ) -> None:
        self.source, self._ours, self._expect = source, ours, expect
        self._parser, self._bounds = parser, bounds

    def page(self, response: Response, visit: Visit) -> Page:
        """The page of an answer. Raises JobFailed when it is not of the kind that the fields are read from."""
        page = Page.of(response, visit.depth, visit.errand.row, self._parser, self._bounds)
        if visit.errand.file == "feed":
            return page
        detail = visit.item is not None
        if self.source.html_in is not None and not detail:
            return self._inside(page, self.source.html_in)
        fields = self.source.detail.fields.values() if detail and self.source.detail else ()
        is_json = any(rule.is_whole_json for rule in fields) if detail else self.source.is_json
        if self._expect == "html" and not is_json:
            _require_html(response, page)
        return page

    def items(self, page: Page, visit: Visit, content: bytes) -> list[Item]:
        """The items of a list page or feed, without what their detail pages add."""
        page.effort.check()
        places = self.places(page, visit, content)
        page.bounds.check_items(len(places), page.url)
        return [self._item(page, scope) for scope in places]

    def lacks_items(self, response: Response, visit: Visit) -> bool:
        """Whether the page has nothing of what is read from it, as pages that scripts fill have before these run."""
        if visit.errand.file != "page":
            return False
        try:
            page = self.page(response, visit)
            found = [self.completion(page)] if visit.item is not None else self.items(page, visit, response.content)
        except JobFailed:
            return True
        rules = self.source.detail.fields if visit.item is not None and self.source.detail else self.source.fields
        read = [name for name, rule in rules.items() if rule.source is None]
        values = [item.values.get(name) for item in found for name in read]
        return not found or (bool(values) and all(value in (None, "", [], False) for value in values))

    def onward(self, page: Page, visit: Visit, has_items: bool) -> Iterator[tuple[str, Errand, int]]:
        """The list pages that this one leads to: address, errand, number."""
        plain = Errand(visit.errand.source, row=visit.errand.row)
        for selector in self.source.follow:
            for link in self._links(selector, page):
                if self._ours(link):
                    yield link, plain, 0
        if self.source.next_param and has_items:
            param = self.source.next_param
            number = visit.number + param.step
            yield (*advanced(visit.url, visit.errand, param.name, number, param.where), number)
        if self.source.cursor and (mark := self._mark(self.source.cursor, page)) is not None:
            yield (*advanced(visit.url, visit.errand, self.source.cursor.name, mark, self.source.cursor.where), 0)

    def completion(self, page: Page) -> Item:
        """What a detail page adds to its item."""
        found = Item()
        if self.source.detail is not None:
            found.read(self.source.detail.fields, page, None)
        return found

    def places(self, page: Page, visit: Visit, content: bytes) -> list[Scope]:
        """Where the items of a list page or feed stand; `[None]` where the page is one item."""
        try:
            if visit.errand.file == "feed":
                return [Data(entry) for entry in read_feed(content)]
            selector = self.source.items or self.source.detail
            if selector is None or selector.is_item_itself:
                return [None]
            return [one for one in page.select(selector) if not isinstance(one, str)]
        except ValueError as error:
            raise JobFailed(
                f"{printable(page.url, 200)}: {error}", FailureClass.PARSE_DRIFT, code="parse_drift"
            ) from error

    def _item(self, page: Page, scope: Scope) -> Item:
        item = Item()
        item.read(self.source.fields, page, scope)
        page.effort.check()
        detail = self.source.detail
        if detail is None:
            return item
        if detail.url is not None:
            link = fill(detail.url, item.values)
            found = [link] if link and may_be_asked_for(link) else []
        else:
            # Without `items`, the links to the detail pages are the items themselves.
            own = self.source.items is None and not self.source.feed
            where = detail.model_copy(update=dict.fromkeys(detail.places)) if own else detail
            found = self._links(where, page, scope)[:1]
        item.detail = next((link for link in found if self._ours(link)), None)
        return item

    def _links(self, selector: Selector, page: Page, scope: Scope = None) -> list[str]:
        try:
            return links(selector, page, scope)
        except ValueError as error:
            raise JobFailed(
                f"{printable(page.url, 200)}: {error}", FailureClass.PARSE_DRIFT, code="parse_drift"
            ) from error

    def _mark(self, cursor: Cursor, page: Page) -> str | int | None:
        rule = FieldRule.model_validate(
            {name: value for name, value in cursor.model_dump(by_alias=True).items() if name not in ("name", "where")}
        )
        try:
            found = next(iter(found_texts(rule, page, None)), None)
        except ValueError as error:
            raise JobFailed(
                f"{printable(page.url, 200)}: cursor: {error}", FailureClass.PARSE_DRIFT, code="parse_drift"
            ) from error
        if found is None or found is False or not str(found).strip():
            return None
        return found if isinstance(found, int) else str(found).strip()

    def _inside(self, page: Page, path: str) -> Page:
        """The HTML that a JSON answer holds, as the page; the JSON stays what `json` is read from."""
        data = page.data
        try:
            found = [one.value for one in structured.search(path, data) if isinstance(one.value, str)]
        except ValueError as error:
            raise JobFailed(f"html_in: {error}", FailureClass.PARSE_DRIFT, code="parse_drift") from error
        inner = replace(page, html="\n".join(found))
        inner.__dict__["data"] = data
        return inner


class HookedReader(Reader):
    """Reads pages by a function of somebody's own, which gives items and links."""

    def __init__(
        self, hooks: Hooks, source: Source, ours: Callable[[str], bool], expect: str, parser: str = "lxml",
        bounds: Bounds = USUAL,
    ) -> None:  # fmt: skip
        super().__init__(source, ours, expect, parser, bounds)
        self._hooks = hooks
        self._found: list[str] = []

    def lacks_items(self, response: Response, visit: Visit) -> bool:  # noqa: ARG002
        """Never: only the function knows, and it is called once for a page."""
        return False

    def items(self, page: Page, visit: Visit, content: bytes) -> list[Item]:  # noqa: ARG002
        """The items that the function gives; its links are kept for `onward`, which is asked next."""
        items, self._found = self._hooks.read(page, self.source.fields)
        return items

    def onward(self, page: Page, visit: Visit, has_items: bool) -> Iterator[tuple[str, Errand, int]]:  # noqa: ARG002
        """The links that the function gave."""
        for link in self._found:
            if may_be_asked_for(link) and self._ours(link):
                yield link, Errand(visit.errand.source, row=visit.errand.row), 0


def may_be_rendered(response: Response, visit: Visit) -> bool:
    """Whether it is a page with scripts: no sitemap, feed or JSON, and not asked for with a body."""
    return visit.errand.file == "page" and not visit.errand.body and is_markup(response)


def is_markup(response: Response) -> bool:
    """Whether it begins as pages do."""
    return response.content[:512].lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<"


def digest(items: Sequence[Item]) -> str:
    """A text that is the same for pages with the same items."""
    text = json.dumps([[item.values, item.detail] for item in items], default=str, ensure_ascii=False)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _require_html(response: Response, page: Page) -> None:
    start = page.html[:512].lstrip("\ufeff \t\r\n")
    looks = start[:1] == "<" or response.content_type in ("text/html", "application/xhtml+xml")
    if response.content_type in _HTML_TYPES and looks and not start.startswith(("%PDF-", "{", "[{", "PK\x03\x04")):
        return
    if response.content_type == "" and not start:
        return
    hint = (
        'for JSON read the fields by json = "…"'
        if start[:1] in ("{", "[")
        else 'set expect = "any" if it is to be read'
    )
    raise JobFailed(
        f"{printable(response.url, 200)} is no HTML page ({response.content_type or 'no content type'}, begins "
        f"'{printable(start, 24)}'); {hint}",
        FailureClass.DATA_INVALID,
        code="expect",
    )
