"""The pages still to visit, each once, and what has to be written down for another attempt to go on.

Owns: which two addresses are the same page, the order of visits, the bound on list pages, what changed since last asked.
Never: fetches; writes to a database.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from urllib.parse import urlsplit, urlunsplit

from w3lib.url import canonicalize_url

from automation.scraping.errand import PLAIN, Errand
from automation.scraping.extract import Item
from automation.scraping.hostwise import host_of

#: In the order of visits: what completes an item, what lists items, and the address that a redirect led to.
DETAIL, LIST, ARRIVED = 0, 1, 2
_PORTS = {"http": ":80", "https": ":443"}


@dataclass(order=True)
class Visit:
    """One page to visit; detail pages come before list pages, so that items are complete early.

    Parameters
    ----------
    turn: unique in its run.
    item: the item that a detail page completes; None for a list page.
    number: of a list page, by `next_param`.
    done: nothing more is to be done for it.
    mark: of a list page that was read: a digest of its items.
    saved: it stands in the database, perhaps as it was before.
    errand: what it is for beside its address.
    """

    rank: int
    turn: int
    url: str = field(compare=False)
    depth: int = field(compare=False)
    item: Item | None = field(compare=False, default=None)
    number: int = field(compare=False, default=0)
    done: bool = field(compare=False, default=False)
    mark: str = field(compare=False, default="")
    saved: bool = field(compare=False, default=False)
    errand: Errand = field(compare=False, default=PLAIN)


class Frontier:
    """Takes addresses and hands each page out once.

    Parameters
    ----------
    max_pages: list pages handed in at most; `full` tells when one was turned away.
    """

    def __init__(self, max_pages: int) -> None:
        self._max_pages = max_pages
        self._seen: set[bytes] = set()
        self._marks: set[str] = set()
        self._heaps: dict[str, list[Visit]] = {}
        self._line: deque[str] = deque()
        self._changed: dict[int, Visit] = {}
        self._turn = 0
        self._lists = 0
        self.full = False

    def restore(self, visits: Iterable[Visit]) -> None:
        """Go on where another attempt stopped; pages that it had begun and not done are to visit again."""
        for visit in visits:
            self._turn = max(self._turn, visit.turn)
            if visit.rank != DETAIL:
                self._seen.add(_digest(visit.url, visit.errand))
                self._lists += visit.rank == LIST
            if visit.mark:
                self._marks.add(visit.mark)
            if not visit.done:
                self._queue(visit)

    def add_list(self, url: str, depth: int, number: int = 0, errand: Errand = PLAIN) -> bool:
        """Visit this list page, unless it was seen or there are too many; tells whether it will be."""
        digest = _digest(url, errand)
        if digest in self._seen:
            return False
        if self._lists >= self._max_pages:
            self.full = True
            return False
        self._seen.add(digest)
        self._lists += 1
        self._push(LIST, url, depth, None, number, errand)
        return True

    def add_detail(self, url: str, depth: int, item: Item, errand: Errand = PLAIN) -> None:
        """Visit this page to complete the item."""
        self._push(DETAIL, url, depth, item, 0, errand)

    def arrived(self, asked: str, final: str, errand: Errand = PLAIN) -> bool:
        """Note where a list page really was; False when a redirect led to a page already known."""
        digest = _digest(final, errand)
        if digest == _digest(asked, errand):
            return True
        if digest in self._seen:
            return False
        self._seen.add(digest)
        self._turn += 1
        self._changed[self._turn] = Visit(ARRIVED, self._turn, final.partition("#")[0], 0, done=True, errand=errand)
        return True

    def repeats(self, visit: Visit, mark: str) -> bool:
        """Whether a page with these items was read before; if not, this one is noted as read."""
        if mark in self._marks:
            return True
        self._marks.add(mark)
        visit.mark = mark
        return False

    def pop(self, free: Callable[[str], bool] = lambda _host: True) -> Visit | None:
        """The next page to visit, or None when there is none at the moment; hosts take turns.

        Parameters
        ----------
        free: whether a page of this host may be begun.
        """
        for _ in range(len(self._line)):
            host = self._line[0]
            if free(host):
                visit = heapq.heappop(self._heaps[host])
                self._line.popleft()
                if self._heaps[host]:
                    self._line.append(host)
                else:
                    del self._heaps[host]
                return visit
            self._line.rotate(-1)
        return None

    def settle(self, visit: Visit) -> None:
        """All that this page gave has been handed on."""
        visit.done, visit.item = True, None
        self._changed[visit.turn] = visit

    @property
    def unsaved(self) -> int:
        """How many pages were found or settled since `changes` was last asked."""
        return len(self._changed)

    def changes(self) -> list[Visit]:
        """The pages found or settled since the last time."""
        changed, self._changed = self._changed, {}
        return list(changed.values())

    def _push(self, rank: int, url: str, depth: int, item: Item | None, number: int, errand: Errand) -> None:
        self._turn += 1
        visit = Visit(rank, self._turn, url.partition("#")[0], depth, item, number, errand=errand)
        self._changed[visit.turn] = visit
        self._queue(visit)

    def _queue(self, visit: Visit) -> None:
        host = host_of(visit.url)
        if host not in self._heaps:
            self._heaps[host] = []
            self._line.append(host)
        heapq.heappush(self._heaps[host], visit)


@lru_cache(maxsize=4096)  # a site's navigation is the same on each of its pages
def page_id(url: str) -> str:
    """The same text for two addresses of one page: order of parameters, escapes, fragment and default port put aside."""
    parts = urlsplit(str(canonicalize_url(url, keep_fragments=False)))
    return urlunsplit(parts._replace(netloc=parts.netloc.removesuffix(_PORTS.get(parts.scheme, ":"))))


def _digest(url: str, errand: Errand) -> bytes:
    """A page's identity in few bytes, since a crawl keeps that of every page."""
    return blake2b(
        (page_id(url.partition("#")[0]) + errand.mark()).encode("utf-8", "surrogatepass"), digest_size=16
    ).digest()
