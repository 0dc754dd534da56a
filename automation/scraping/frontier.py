"""The pages still to visit, each once.

Owns: which two addresses are the same page, the order of visits, and the bound on list pages.
Never: fetches.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from w3lib.url import canonicalize_url

from automation.scraping.extract import Item
from automation.scraping.params import NextParam

_DETAIL, _LIST = 0, 1
_PORTS = {"http": ":80", "https": ":443"}


@dataclass(order=True)
class Visit:
    """One page to visit; detail pages come before list pages, so that items are complete early.

    Parameters
    ----------
    item: the item that a detail page completes; None for a list page.
    number: of a list page, by `next_param`.
    """

    rank: int
    turn: int
    url: str = field(compare=False)
    depth: int = field(compare=False)
    item: Item | None = field(compare=False, default=None)
    number: int = field(compare=False, default=0)


class Frontier:
    """Takes addresses and hands each page out once.

    Parameters
    ----------
    max_pages: list pages handed in at most; `full` tells when one was turned away.
    """

    def __init__(self, max_pages: int) -> None:
        self._max_pages = max_pages
        self._seen: set[str] = set()
        self._heap: list[Visit] = []
        self._turn = 0
        self._lists = 0
        self.full = False

    def add_list(self, url: str, depth: int, number: int = 0) -> bool:
        """Visit this list page, unless it was seen or there are too many; tells whether it will be."""
        if page_id(url) in self._seen:
            return False
        if self._lists >= self._max_pages:
            self.full = True
            return False
        self._seen.add(page_id(url))
        self._lists += 1
        self._push(_LIST, url, depth, None, number)
        return True

    def add_detail(self, url: str, depth: int, item: Item) -> None:
        """Visit this page to complete the item."""
        self._push(_DETAIL, url, depth, item, 0)

    def arrived(self, asked: str, final: str) -> bool:
        """Note where a list page really was; False when a redirect led to a page already known."""
        if page_id(asked) == page_id(final):
            return True
        known = page_id(final) in self._seen
        self._seen.add(page_id(final))
        return not known

    def pop(self) -> Visit | None:
        """The next page to visit, or None when there is none at the moment."""
        return heapq.heappop(self._heap) if self._heap else None

    def _push(self, rank: int, url: str, depth: int, item: Item | None, number: int) -> None:
        self._turn += 1
        heapq.heappush(self._heap, Visit(rank, self._turn, url.partition("#")[0], depth, item, number))


def page_id(url: str) -> str:
    """The same text for two addresses of one page: order of parameters, escapes, fragment and default port put aside."""
    parts = urlsplit(str(canonicalize_url(url, keep_fragments=False)))
    return urlunsplit(parts._replace(netloc=parts.netloc.removesuffix(_PORTS.get(parts.scheme, ":"))))


def numbered(url: str, param: NextParam, number: int) -> str:
    """The address with its page number set."""
    parts = urlsplit(url)
    kept = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name != param.name]
    return urlunsplit(parts._replace(query=urlencode([*kept, (param.name, str(number))]), fragment=""))
