"""The hosts of one crawl: how many of its pages are under way at each, and which hosts are given up.

Owns: who may be asked next, and the breaker of each host.
Never: fetches; knows other runs (the turns do).
"""

from __future__ import annotations

from collections import Counter
from urllib.parse import urlsplit

from automation.errors import FailureClass, JobFailed
from automation.text import count

#: So many pages in a row that failed, and their host is given up for this attempt.
_IN_A_ROW = 3
_SEVERAL = 2
#: What is wrong with a host and not with a page of it.
_OF_HOSTS = frozenset({FailureClass.TRANSPORT, FailureClass.THROTTLED, FailureClass.BLOCKED, FailureClass.AUTH})
#: What the next page of the host would only hear again.
_AT_ONCE = ("dns", "tls", "budget", "held", "robots:unreachable", "blocked:")


def host_of(url: str) -> str:
    """The host of an address, in small letters."""
    return (urlsplit(url).hostname or "").lower()


class Hostwise:
    """Lets each host have its share of the pages under way, so that one that is slow or dead holds up no other.

    Parameters
    ----------
    each: pages under way at once at one host.
    """

    def __init__(self, each: int) -> None:
        self._each = each
        self._busy: Counter[str] = Counter()
        self._known: set[str] = set()
        self._streak: Counter[str] = Counter()
        self.lost: dict[str, JobFailed] = {}
        self._missed: list[JobFailed] = []

    def free(self, host: str) -> bool:
        """Whether a page of this host may be begun."""
        self._known.add(host)
        return self._busy[host] < self._each and host not in self.lost

    def begin(self, host: str) -> None:
        """A page of it is under way."""
        self._busy[host] += 1

    def end(self, host: str) -> None:
        """It is done."""
        self._busy[host] -= 1

    def good(self, host: str) -> None:
        """The host answered."""
        self._streak[host] = 0

    def bad(self, host: str, failure: JobFailed) -> bool:
        """Note a failure; True where the others are to go on without this page, or without this host."""
        if failure.failure_class not in _OF_HOSTS or failure.code == "robots" or len(self._known) < _SEVERAL:
            return False
        self._streak[host] += 1
        self._missed.append(failure)
        at_once = failure.retry_after is not None or failure.code.startswith(_AT_ONCE)
        if at_once or self._streak[host] >= _IN_A_ROW:
            self.lost.setdefault(host, failure)
        return True

    def failure(self) -> JobFailed | None:
        """What the run failed with, where hosts were given up: it comes again for the rest of their pages."""
        if not self._missed:
            return None
        first = next(iter(self.lost.values()), self._missed[0])
        waits = [one.retry_after for one in self._missed if one.retry_after is not None]
        shown = "; ".join(list(dict.fromkeys(str(error) for error in [*self.lost.values(), *self._missed]))[:3])
        given_up = (
            f"{len(self.lost)} of {count(len(self._known), 'host')} given up" if self.lost else "no host given up"
        )
        return JobFailed(
            f"{count(len(self._missed), 'page')} failed, {given_up}, what the others have is stored: {shown}",
            first.failure_class,
            code="hosts",
            retry_after=min(waits) if len(waits) == len(self._missed) else None,
        )
