"""From the start pages to the last one: which page next, what is read there, which items come out.

Owns: the order of visits, links followed, items completed by their detail page, pages that repeat themselves.
Never: waits or retries (pages does), stores items or judges the run (the engine does).
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable
from functools import partial

from automation.errors import FailureClass, JobFailed
from automation.net.failures import status_failure
from automation.net.response import Response
from automation.scraping.errand import Errand
from automation.scraping.extract import Item
from automation.scraping.files import Files
from automation.scraping.frontier import Frontier, Visit, page_id
from automation.scraping.hooks import Hooks
from automation.scraping.hostwise import Hostwise, host_of
from automation.scraping.outset import Rows, beyond, first_pages, no_rows, read_map
from automation.scraping.page import Page
from automation.scraping.pages import GONE, Disallowed, Pages
from automation.scraping.params import ScrapeParams
from automation.scraping.reader import HookedReader, Reader, digest, may_be_rendered
from automation.scraping.snapshots import Snapshots
from automation.scraping.travel import Travel
from automation.scraping.under_way import UnderWay
from automation.text import printable

#: A detail page that several items share is fetched once, unless so many others came between.
_DETAILS_KEPT = 2000
Logger = logging.Logger | logging.LoggerAdapter[logging.Logger]


class Crawl:
    """Visits the pages of one run and hands out items.

    Parameters
    ----------
    deliver: called with each item, complete or without its detail page's fields where it has none.
    settled: called between pages, when all that the pages before gave was delivered; what it answers ends the crawl.
    progress: told how many pages were fetched.
    frontier, travel: what another attempt left, or new ones.
    snapshots: shown each page on which something is wrong.
    hooks: what is done in Python; `parse` takes the place of the selectors.
    files: keeps the files of items.
    rows: runs the query of a `for_query`.
    """

    def __init__(
        self,
        params: ScrapeParams,
        pages: Pages,
        log: Logger,
        *,
        deliver: Callable[[Item], None],
        settled: Callable[[], str],
        progress: Callable[[int], None],
        frontier: Frontier,
        travel: Travel,
        snapshots: Snapshots,
        hooks: Hooks,
        files: Files,
        rows: Rows = no_rows,
    ) -> None:
        self.params, self._pages, self._log = params, pages, log
        self._deliver, self._settled, self._progress = deliver, settled, progress
        self._frontier, self.travel, self._snapshots = frontier, travel, snapshots
        self._details: OrderedDict[str, Item | None] = OrderedDict()
        self.last_failure: JobFailed | None = None
        self.hosts = Hostwise(params.concurrency)
        self.travel.hosts |= params.start_hosts
        self._rows, self._files = rows, files
        make = partial(HookedReader, hooks) if hooks.parse else Reader
        self._readers = [
            make(source, self._on_our_hosts, params.expect, params.parser, params) for source in params.every_source
        ]

    async def run(self) -> Travel:
        """Visit everything that is to be visited. Raises the first JobFailed of any page."""
        for url, errand, depth, number in first_pages(self.params.every_source, self._rows):
            if errand.row is not None:
                self.travel.hosts.add(host_of(url))
            self._frontier.add_list(url, depth, number, errand)
        under_way = UnderWay(self._frontier, self.hosts, self._visit)
        try:
            while not self._ended() and await under_way.one():
                pass
        finally:
            await under_way.end()
        if self._frontier.full and not self.travel.stopped_by:
            self.travel.stopped_by = "max_pages"
            self._log.warning("Stopped after max_pages = %d list pages; there are more", self.params.max_pages)
        return self.travel

    def _ended(self) -> bool:
        """Whether a limit, or a wish to stop, ends the crawl here."""
        if reason := self._settled():
            self.travel.stopped_by = reason
        return bool(reason)

    async def _visit(self, visit: Visit) -> None:
        if visit.item is not None and visit.errand.file == "file":
            await self._get_file(visit, visit.item)
        elif visit.item is not None and _detail_id(visit) in self._details:
            self._complete(visit, visit.item, self._details[_detail_id(visit)])
        elif not await self._look(visit):
            return
        # No other task has run since the page came: what it gave and that it is done are saved together or not at all.
        self._frontier.settle(visit)

    async def _look(self, visit: Visit) -> bool:
        """Fetch and read the page; False when that failed and is passed over: another attempt would try it again."""
        try:
            if (response := await self._fetch(visit)) is not None:
                self._read(visit, response)
        except JobFailed as error:
            if self.hosts.bad(host_of(visit.url), error):
                self._log.warning("Left out: %s", error)
                self.travel.incomplete = True
                return False
            is_start = visit.item is None and visit.depth == 0
            # One who asks for a long wait is not asked for the next page instead.
            if is_start or error.retry_after is not None or not self.params.max_errors:
                raise
            self.travel.failed += 1
            self.last_failure = error
            self._log.warning(
                "Passed over, %d of max_errors = %d: %s", self.travel.failed, self.params.max_errors, error
            )
            return False
        return True

    def _read(self, visit: Visit, response: Response) -> None:
        if visit.errand.file == "sitemap":
            self._read_sitemap(visit, response)
            return
        reader = self._readers[visit.errand.source]
        page = None
        try:
            page = reader.page(response, visit)
            if visit.item is not None:
                self._read_detail(visit, visit.item, page)
            else:
                self._read_list(visit, page, response.content)
        except JobFailed as error:
            self._snapshots.note(error.code or error.failure_class, page or Page.of(response, visit.depth))
            raise

    async def _fetch(self, visit: Visit) -> Response | None:
        """The page, or None where it is gone or disallowed and that does not fail the run."""
        is_start = visit.item is None and visit.depth == 0
        try:
            response = await self._pages.get(visit.url, **(visit.errand.body or {}))
        except Disallowed as error:
            if is_start:
                raise
            self.travel.skipped_by_robots += 1
            self.travel.incomplete |= error.code == "robots:unreachable"
            self._log.info("%s", error)
            return None
        except JobFailed as error:
            # What a page links to is its own choice: a link to an inner address is passed over, and told.
            if is_start or not error.code.startswith(("ssrf:", "url", "redirect:")):
                raise
            self.travel.refused += 1
            self._log.warning("Passed over: %s", error)
            return None
        self.hosts.good(host_of(visit.url))
        self.travel.pages += 1
        self._progress(self.travel.pages)
        if response.status_code not in GONE:
            return await self._shown(visit, response)
        if is_start:
            raise status_failure("GET", response.url, response.status_code, response.headers, response.received_at)
        self.travel.gone += 1
        self._log.info("Gone (%d): %s", response.status_code, printable(visit.url, 200))
        if visit.item is not None:
            self._remember(visit, None)
        return None

    async def _shown(self, visit: Visit, response: Response) -> Response:
        """The answer, rendered where the job says so and there is something to render."""
        wish, reader = self.params.render, self._readers[visit.errand.source]
        if (
            not wish
            or not may_be_rendered(response, visit)
            or (wish == "auto" and not reader.lacks_items(response, visit))
        ):
            return response
        self.travel.rendered += 1
        return await self._pages.render(response)

    def _read_list(self, visit: Visit, page: Page, content: bytes) -> None:
        if visit.depth == 0:
            self.travel.hosts.add(host_of(page.url))
        elif not self._on_our_hosts(page.url):
            return
        if not self._frontier.arrived(visit.url, page.url, visit.errand):
            return
        for text in self.params.must_contain:
            if text not in page.html:
                raise JobFailed(
                    f"{printable(page.url, 200)} does not hold '{printable(text, 60)}' (must_contain); "
                    "it may be a block page, a login or an error",
                    FailureClass.BLOCKED,
                    code="must_contain",
                )
        reader = self._readers[visit.errand.source]
        items = reader.items(page, visit, content)
        self._snapshots.look(page, items, reader.source.fields)
        if items and self._frontier.repeats(visit, digest(items)):
            self.travel.repeated += 1
            self._log.info("%s holds nothing but items of an earlier page", printable(page.url, 200))
            return
        for item in items:
            if item.detail:
                errand = Errand(visit.errand.source, row=visit.errand.row)
                self._frontier.add_detail(item.detail, visit.depth + 1, item, errand)
            else:
                self._finish(visit, item)
        self._follow(visit, page, bool(items))

    def _read_sitemap(self, visit: Visit, response: Response) -> None:
        source = self._readers[visit.errand.source].source
        self.travel.hosts.add(host_of(response.url))
        found = read_map(response.url, response.content, self.params.max_bytes)
        if found.cut:
            self._log.warning("%s names more pages than are read of one file", printable(response.url, 200))
        for url, errand, depth, number in beyond(source, visit.errand, visit.depth, found, response.received_at):
            if self._on_our_hosts(url):
                self._frontier.add_list(url, depth, number, errand)

    def _follow(self, visit: Visit, page: Page, has_items: bool) -> None:
        if self.params.max_depth is not None and visit.depth >= self.params.max_depth:
            return
        for url, errand, number in self._readers[visit.errand.source].onward(page, visit, has_items):
            self._frontier.add_list(url, visit.depth + 1, number, errand)

    def _read_detail(self, visit: Visit, item: Item, page: Page) -> None:
        if not self._on_our_hosts(page.url):
            return
        reader = self._readers[visit.errand.source]
        found = reader.completion(page)
        self._snapshots.look(page, [found], reader.source.detail.fields if reader.source.detail else {})
        self._remember(visit, found)
        self._complete(visit, item, found)

    def _remember(self, visit: Visit, found: Item | None) -> None:
        """Keep what a detail page gave for other items that lead to it."""
        self._details[_detail_id(visit)] = found
        if len(self._details) > _DETAILS_KEPT:
            self._details.popitem(last=False)

    def _complete(self, visit: Visit, item: Item, found: Item | None) -> None:
        if found is None:
            self.travel.gone += 1
            return
        item.values.update(found.values)
        item.unreadable.update(found.unreadable)
        self._finish(visit, item)

    def _finish(self, visit: Visit, item: Item) -> None:
        """Hand the item out, or fetch its next file first."""
        if (wanted := self._files.next(item)) is None:
            self._deliver(item)
            return
        self._frontier.add_detail(wanted[1], visit.depth + 1, item, Errand(visit.errand.source, "file"))

    async def _get_file(self, visit: Visit, item: Item) -> None:
        if why := await self._files.fetch(self._pages, item):
            self.travel.failed_files += 1
            self._log.warning("The file %s %s", printable(visit.url, 200), why)
        self._finish(visit, item)

    def _on_our_hosts(self, url: str) -> bool:
        if not self.params.same_host or host_of(url) in self.travel.hosts:
            return True
        self.travel.skipped_other_host += 1
        return False


def _detail_id(visit: Visit) -> str:
    return f"{visit.errand.source} {page_id(visit.url)}"
