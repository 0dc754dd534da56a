"""From the start pages to the last one: which page next, what is read there, which items come out.

Owns: the order of visits, links followed, items completed by their detail page, pages that repeat themselves.
Never: waits or retries (pages does), stores items or judges the run (the engine does).
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from automation.errors import FailureClass, JobFailed
from automation.net.failures import status_failure
from automation.net.response import Response
from automation.scraping.extract import Item, links
from automation.scraping.frontier import Frontier, Visit, numbered, page_id
from automation.scraping.page import Page
from automation.scraping.pages import GONE, Disallowed, Pages
from automation.scraping.params import ScrapeParams
from automation.scraping.reading import Element
from automation.text import printable

_HTML_TYPES = frozenset({"", "text/html", "application/xhtml+xml", "text/plain", "application/xml", "text/xml"})
Logger = logging.Logger | logging.LoggerAdapter[logging.Logger]


@dataclass
class Travel:
    """What a crawl met on its way.

    Parameters
    ----------
    gone: followed and detail pages that answered 404 or 410.
    refused: followed and detail pages at, or redirected to, an address that may not be reached.
    repeated: list pages with nothing but items of an earlier page.
    stopped_by: what ended the crawl before there was nothing left: `max_pages`, `cancelled`; empty otherwise.
    """

    pages: int = 0
    gone: int = 0
    repeated: int = 0
    skipped_by_robots: int = 0
    skipped_other_host: int = 0
    refused: int = 0
    stopped_by: str = ""
    hosts: set[str] = field(default_factory=set)


class Crawl:
    """Visits the pages of one run and hands out items.

    Parameters
    ----------
    deliver: called with each item, complete or without its detail page's fields where it has none.
    cancelled: asked before each page.
    progress: told how many pages were fetched.
    """

    def __init__(
        self,
        params: ScrapeParams,
        pages: Pages,
        log: Logger,
        *,
        deliver: Callable[[Item], None],
        cancelled: Callable[[], bool],
        progress: Callable[[int], None],
    ) -> None:
        self.params, self._pages, self._log = params, pages, log
        self._deliver, self._cancelled, self._progress = deliver, cancelled, progress
        self._frontier = Frontier(params.max_pages)
        self._fingerprints: set[bytes] = set()
        self._details: dict[str, Item | None] = {}
        self.travel = Travel(hosts=set(params.start_hosts))

    async def run(self) -> Travel:
        """Visit everything that is to be visited. Raises the first JobFailed of any page."""
        for url in self.params.start:
            self._frontier.add_list(url, 0, self.params.next_param.first if self.params.next_param else 0)
        running: set[asyncio.Task[None]] = set()
        most = self.params.concurrency * len(self.params.start_hosts)
        try:
            while await self._step(running, most):
                pass
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
        if self._frontier.full and not self.travel.stopped_by:
            self.travel.stopped_by = "max_pages"
            self._log.warning("Stopped after max_pages = %d list pages; there are more", self.params.max_pages)
        return self.travel

    async def _step(self, running: set[asyncio.Task[None]], most: int) -> bool:
        """Start what may start, then wait for one page to be done; False when all is done."""
        if self._cancelled():
            self.travel.stopped_by = "cancelled"
            return False
        while len(running) < most and (visit := self._frontier.pop()):
            running.add(asyncio.create_task(self._visit(visit)))
        if not running:
            return False
        done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            running.discard(task)
            task.result()
        return True

    async def _visit(self, visit: Visit) -> None:
        if visit.item is not None and page_id(visit.url) in self._details:
            self._complete(visit.item, self._details[page_id(visit.url)])
            return
        response = await self._fetch(visit)
        if response is None:
            return
        page = Page.of(response, visit.depth)
        if self.params.expect == "html":
            _require_html(response, page)
        if visit.item is not None:
            self._read_detail(visit, visit.item, page)
        else:
            self._read_list(visit, page)

    async def _fetch(self, visit: Visit) -> Response | None:
        """The page, or None where it is gone or disallowed and that does not fail the run."""
        is_start = visit.item is None and visit.depth == 0
        try:
            response = await self._pages.get(visit.url)
        except Disallowed as error:
            if is_start:
                raise
            self.travel.skipped_by_robots += 1
            self._log.info("%s", error)
            return None
        except JobFailed as error:
            # What a page links to is its own choice: a link to an inner address is passed over, and told.
            if is_start or not error.code.startswith(("ssrf:", "url", "redirect:")):
                raise
            self.travel.refused += 1
            self._log.warning("Passed over: %s", error)
            return None
        self.travel.pages += 1
        self._progress(self.travel.pages)
        if response.status_code not in GONE:
            return response
        if is_start:
            raise status_failure("GET", response.url, response.status_code, response.headers, response.received_at)
        self.travel.gone += 1
        self._log.info("Gone (%d): %s", response.status_code, printable(visit.url, 200))
        if visit.item is not None:
            self._details[page_id(visit.url)] = None
        return None

    def _read_list(self, visit: Visit, page: Page) -> None:
        if visit.depth == 0:
            self.travel.hosts.add(_host(page.url))
        elif not self._on_our_hosts(page.url):
            return
        if not self._frontier.arrived(visit.url, page.url):
            return
        for text in self.params.must_contain:
            if text not in page.html:
                raise JobFailed(
                    f"{printable(page.url, 200)} does not hold '{printable(text, 60)}' (must_contain); "
                    "it may be a block page, a login or an error",
                    FailureClass.BLOCKED,
                    code="must_contain",
                )
        items = self._items(page)
        if self._repeats(items):
            self.travel.repeated += 1
            self._log.info("%s holds nothing but items of an earlier page", printable(page.url, 200))
            return
        for item in items:
            if item.detail:
                self._frontier.add_detail(item.detail, visit.depth + 1, item)
            else:
                self._deliver(item)
        self._follow(visit, page, bool(items))

    def _items(self, page: Page) -> list[Item]:
        selector = self.params.items or self.params.detail
        scopes = [one for one in page.select(selector) if not isinstance(one, str)] if selector else [None]
        return [self._item(page, scope) for scope in scopes]

    def _item(self, page: Page, scope: Element | None) -> Item:
        item = Item()
        item.read(self.params.fields, page, scope)
        detail = self.params.detail
        if detail is not None:
            # Without `items`, the links to the detail pages are the items themselves.
            where = detail if self.params.items else detail.model_copy(update={"css": None, "xpath": None})
            found = [link for link in links(where, page, scope)[:1] if self._on_our_hosts(link)]
            item.detail = found[0] if found else None
        return item

    def _repeats(self, items: Sequence[Item]) -> bool:
        if not items:
            return False
        text = json.dumps([[item.values, item.detail] for item in items], default=str, ensure_ascii=False)
        mark = hashlib.sha256(text.encode()).digest()
        known = mark in self._fingerprints
        self._fingerprints.add(mark)
        return known

    def _follow(self, visit: Visit, page: Page, has_items: bool) -> None:
        if self.params.max_depth is not None and visit.depth >= self.params.max_depth:
            return
        for selector in self.params.follow:
            for link in links(selector, page, None):
                if self._on_our_hosts(link):
                    self._frontier.add_list(link, visit.depth + 1)
        if self.params.next_param and has_items:
            number = visit.number + self.params.next_param.step
            self._frontier.add_list(numbered(visit.url, self.params.next_param, number), visit.depth + 1, number)

    def _read_detail(self, visit: Visit, item: Item, page: Page) -> None:
        found = Item()
        if not self._on_our_hosts(page.url) or self.params.detail is None:
            return
        found.read(self.params.detail.fields, page, None)
        self._details[page_id(visit.url)] = found
        self._complete(item, found)

    def _complete(self, item: Item, found: Item | None) -> None:
        if found is None:
            self.travel.gone += 1
            return
        item.values.update(found.values)
        item.unreadable.update(found.unreadable)
        self._deliver(item)

    def _on_our_hosts(self, url: str) -> bool:
        if not self.params.same_host or _host(url) in self.travel.hosts:
            return True
        self.travel.skipped_other_host += 1
        return False


def _require_html(response: Response, page: Page) -> None:
    start = page.html[:512].lstrip("\ufeff \t\r\n")
    looks = start[:1] == "<" or response.content_type in ("text/html", "application/xhtml+xml")
    if response.content_type in _HTML_TYPES and looks and not start.startswith(("%PDF-", "{", "[{", "PK\x03\x04")):
        return
    if response.content_type == "" and not start:
        return
    raise JobFailed(
        f"{printable(response.url, 200)} is no HTML page ({response.content_type or 'no content type'}, begins "
        f"'{printable(start, 24)}'); set expect = \"any\" if it is to be read all the same",
        FailureClass.DATA_INVALID,
        code="expect",
    )


def _host(url: str) -> str:
    return (urlsplit(url).hostname or "").lower()
