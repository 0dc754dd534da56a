"""robots.txt as RFC 9309 has it.

Owns: which group speaks to us, what is allowed, the delay asked for; one file for each scheme, host and port.
Never: decides what a refusal does to the run.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from protego import Protego

from automation.errors import FailureClass, JobFailed
from automation.net.response import Response

LARGEST = 512_000
_LONGEST_DELAY = 60.0
_LINE = re.compile(r"\s*([A-Za-z][A-Za-z -]*?)\s*(?::|(?<=\S)\s(?=\S))\s*(.*?)\s*")
_TOKEN = re.compile(r"[A-Za-z_-]+")
_AGENT = ("user-agent", "useragent", "user agent")
#: Misspellings that large crawlers take for what was meant.
_DISALLOW = ("disallow", "dissallow", "dissalow", "disalow", "diasllow", "disallaw")
_DELAY = ("crawl-delay", "crawldelay", "crawl delay")
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
    """Fetches each host's robots.txt once and keeps it for the run.

    Parameters
    ----------
    fetch: gets the file, redirects followed, whatever its status; what cannot be had raises JobFailed.
    """

    def __init__(self, fetch: Fetch, user_agent: str) -> None:
        self._fetch = fetch
        self._token = product_token(user_agent)
        self._known: dict[str, Rules] = {}
        self._reading = asyncio.Lock()

    async def rules(self, url: str) -> Rules:
        """The rules for an address. Raises JobFailed (CONFIG) for a host that may not be reached at all."""
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}".lower()
        async with self._reading:
            if origin not in self._known:
                self._known[origin] = await self._read(f"{origin}/robots.txt")
        return self._known[origin]

    async def _read(self, url: str) -> Rules:
        try:
            response = await self._fetch(url)
        except JobFailed as error:
            if error.failure_class is FailureClass.CONFIG and error.code.startswith("ssrf"):
                raise
            # More than five redirects count as no file at all (RFC 9309, 2.3.1.2).
            return Rules() if error.code == "redirects" else Rules(unreachable=str(error))
        if response.is_success:
            return parse(response.content, self._token)
        if 400 <= response.status_code < 500 and response.status_code != 429:
            return Rules()
        return Rules(unreachable=f"{url} answered {response.status_code}")
