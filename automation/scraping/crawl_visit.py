"""The first visit of a crawl, for those who look at one page alone.

Owns: which one that is.
Never: fetches.
"""

from __future__ import annotations

from automation.errors import InvalidInput
from automation.scraping.errand import Errand
from automation.scraping.frontier import LIST, Visit
from automation.scraping.outset import Rows, first_pages
from automation.scraping.params import ScrapeParams


def first_visit(params: ScrapeParams, rows: Rows, url: str | None = None) -> Visit:
    """The page that the job begins with, or this address as one of its list pages.

    Raises InvalidInput where a sitemap or nothing is what it begins with, and no address is given.
    """
    for address, errand, depth, number in first_pages(params.every_source, rows):
        if url is not None:
            file = "page" if errand.file == "sitemap" else errand.file
            return Visit(
                LIST, 1, url, depth, number=number, errand=Errand(errand.source, file, errand.body, errand.row)
            )
        if errand.file != "sitemap":
            return Visit(LIST, 1, address, depth, number=number, errand=errand)
    raise InvalidInput("The job begins with a sitemap or with no page at all; say which page to try: --url https://…")
