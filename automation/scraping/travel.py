"""What a crawl meets on its way, counted.

Owns: the counts. Never: counts by itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Travel:
    """What a crawl met on its way.

    Parameters
    ----------
    gone: followed and detail pages that answered 404 or 410.
    failed: followed and detail pages that could not be had or read, passed over.
    failed_files: files of items that could not be had or are not of a kind that is taken.
    incomplete: pages were left out that another time would be there.
    refused: followed and detail pages at, or redirected to, an address that may not be reached.
    rendered: pages that a browser has shown.
    repeated: list pages with nothing but items of an earlier page.
    stopped_by: what ended the crawl before there was nothing left: `cancelled`, or the limit's name; empty otherwise.
    """

    pages: int = 0
    gone: int = 0
    repeated: int = 0
    failed: int = 0
    failed_files: int = 0
    incomplete: bool = False
    skipped_by_robots: int = 0
    skipped_other_host: int = 0
    refused: int = 0
    rendered: int = 0
    stopped_by: str = ""
    hosts: set[str] = field(default_factory=set)
