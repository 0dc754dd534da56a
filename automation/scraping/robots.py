"""robots.txt as RFC 9309 has it.

Owns: which group speaks to us, what is allowed, the delay asked for; one file for each scheme, host and port.
Never: decides what a refusal does to the run.
"""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

from protego import Protego

from automation.clock import Clock
from automation.errors import FailureClass, JobFailed
from automation.net.cache import PageCache, lifetime
from automation.net.response import Response

LARGEST = 512_000
_LONGEST_DELAY = 60.0
_LONGEST_KEPT = 86400.0
_LINE = re.compile(r"\s*([A-Za-z][A-Za-z -]*?)\s*(?::|(?<=\S)\s(?=\S))\s*(.*?)\s*")
_TOKEN = re.compile(r"[A-Za-z_-]+")
_AGENT = ("user-agent", "useragent", "user agent")
#: Misspellings that large crawlers take for what was meant.
_DISALLOW = ("disallow", "dissallow", "dissalow", "disalow", "diasllow", "disallaw")
_DELAY = ("crawl-delay", "crawldelay", "crawl delay")
#: There is one, or there is none.
_LASTING = frozenset({200, 404, 410})
_US, _OTHERS = "us", "others"

Fetch = Callable[[str], Awaitable[Response]]


@dataclass(frozen=True)
class Rules:
    """What one robots.txt says to us.

    Parameters
    ----------
    delay: seconds between requests that it asks for, at most 60; None when it says nothing.
    unreachable: why the file could not be had; then nothing may be fetched.
    """

    matcher: Protego | None = None
    delay: float | None = None
    unreachable: str = ""

    def allows(self, url: str) -> bool:
        """Whether this address may be fetched."""
        if self.unreachable:
            return False
        return self.matcher is None or self.matcher.can_fetch(url, _US)


def product_token(user_agent: str) -> str:
    """The name that groups of robots.txt call us by: `FooBot` of `FooBot/1.0` and of `Mozilla/5.0 (compatible; FooBot/1.0)`."""
    compatible = re.search(r"compatible;\s*([A-Za-z_-]+)", user_agent)
    first = _TOKEN.match(user_agent.strip())
    return (compatible[1] if compatible else first[0] if first else "automation").lower()


def parse(content: bytes, token: str) -> Rules:
    """The rules for this product token.

    Only lines of RFC 9309 and Crawl-delay count, names of agents match whole and in any case, and all groups of one
    name are one group. Paths are matched by Protego: longest rule, allow on a tie, `*` and `$`.
    """
    text = content[:LARGEST].decode("utf-8", "replace").removeprefix("\ufeff")
    lines: list[str] = []
    delays: dict[str, float] = {}
    group: set[str] = set()
    open_for_agents = False
    for line in re.split(r"\r\n|\r|\n", text):
        found = _LINE.fullmatch(line.partition("#")[0])
        if not found:
            continue
        name, value = found[1].lower(), found[2]
        if name in _AGENT:
            agent = _agent(value, token)
            group = {*group, agent} if open_for_agents else {agent}
            open_for_agents = True
            lines.append(f"User-agent: {agent}")
        elif name == "allow" or name in _DISALLOW:
            open_for_agents = False
            lines.append(f"{'Allow' if name == 'allow' else 'Disallow'}: {value}")
        elif name in _DELAY:
            for agent in group:
                delays.setdefault(agent, _seconds(value))
    speaks_to_us = f"User-agent: {_US}" in lines
    delay = delays.get(_US if speaks_to_us else "*", 0.0)
    return Rules(Protego.parse("\n".join(lines)), min(delay, _LONGEST_DELAY) or None)


def _agent(value: str, token: str) -> str:
    if value.startswith("*"):
        return "*"
    named = _TOKEN.match(value)
    return _US if named and named[0].lower() == token else _OTHERS


def _seconds(text: str) -> float:
    return float(text[:12]) if re.fullmatch(r"\d+(\.\d+)?", text, re.ASCII) else 0.0


class Robots:
    """Fetches each host's robots.txt once a day, or once a run where no folder is given.

    Parameters
    ----------
    fetch: gets the file, redirects followed, whatever its status; what cannot be had raises JobFailed.
    kept: files of other runs; one of a server that says how long it may be kept is kept no longer, and none over a day.
    """

    def __init__(self, fetch: Fetch, user_agent: str, clock: Clock, kept: PageCache | None = None) -> None:
        self._fetch, self._clock, self._kept = fetch, clock, kept
        self._token = product_token(user_agent)
        self._known: dict[str, tuple[float, Rules]] = {}
        self._reading: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def rules(self, url: str) -> Rules:
        """The rules for an address. Raises JobFailed (CONFIG) for a host that may not be reached at all."""
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}".lower()
        if (known := self._fresh(origin)) is not None:
            return known
        # One host that does not answer keeps nobody from another.
        async with self._reading[origin]:
            if (known := self._fresh(origin)) is None:
                age, known = await self._read(f"{origin}/robots.txt")
                self._known[origin] = (self._clock.monotonic() - age, known)
        return known

    def _fresh(self, origin: str) -> Rules | None:
        read_at, rules = self._known.get(origin, (float("-inf"), None))
        return rules if self._clock.monotonic() - read_at < _LONGEST_KEPT else None

    async def _read(self, url: str) -> tuple[float, Rules]:
        """The file's age in seconds, and what it says."""
        if self._kept is not None and (kept := self._kept.look(url)) is not None:
            age = self._clock.now() - kept.response.received_at
            if timedelta() <= age < _may_be_kept(kept.response):
                return age.total_seconds(), self._rules(url, kept.response)
        try:
            response = await self._fetch(url)
        except JobFailed as error:
            if error.failure_class is FailureClass.CONFIG and error.code.startswith("ssrf"):
                raise
            # More than five redirects count as no file at all (RFC 9309, 2.3.1.2).
            return 0.0, Rules() if error.code == "redirects" else Rules(unreachable=str(error))
        rules = self._rules(url, response)
        if self._kept is not None and not rules.unreachable and _may_be_kept(response):
            self._kept.store(url, response)
        return 0.0, rules

    def _rules(self, url: str, response: Response) -> Rules:
        if response.is_success:
            return parse(response.content, self._token)
        if 400 <= response.status_code < 500 and response.status_code != 429:
            return Rules()
        return Rules(unreachable=f"{url} answered {response.status_code}")


def _may_be_kept(response: Response) -> timedelta:
    """How long a file stands for the one of its server: a day, unless the server says less (RFC 9309, 2.4).

    A page in its place, or a refusal, may be another thing a minute later.
    """
    is_page = response.content.lstrip()[:1] == b"<"
    if response.status_code not in _LASTING or (response.is_success and is_page):
        return timedelta()
    control, most = response.headers.get("cache-control", "").lower(), timedelta(seconds=_LONGEST_KEPT)
    told = "expires" in response.headers or any(word in control for word in ("max-age", "no-store", "no-cache"))
    return min(most, lifetime(response.headers, response.received_at)) if told else most
