"""One page fetched politely: its turn at the host, robots.txt, and a few tries.

Owns: what is tried again within a run and after how long, and what ends it.
Never: parses a page; knows the frontier.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlsplit

from automation.errors import FailureClass, JobFailed
from automation.net.failures import status_failure
from automation.net.fetcher import Fetcher
from automation.net.response import Response
from automation.scraping.politeness import Turns
from automation.scraping.robots import LARGEST, Robots
from automation.text import format_duration, printable

LONGEST_WAIT = timedelta(seconds=60)
TRIES = 3
_FIRST_PAUSE = 1.0
_FINAL_CODES = frozenset({"redirects", "tls"})
GONE = frozenset({404, 410})


class Disallowed(JobFailed):
    """robots.txt says no, or cannot be had."""


class Pages:
    """Fetches the pages of one run.

    Parameters
    ----------
    hosts: those that get the job's own headers and credentials.
    robots: whether robots.txt is obeyed.
    """

    def __init__(
        self,
        fetcher: Fetcher,
        turns: Turns,
        log: logging.Logger | logging.LoggerAdapter[logging.Logger],
        *,
        user_agent: str,
        robots: bool,
        hosts: frozenset[str],
        headers: Mapping[str, str],
        auth: tuple[str, str] | None,
    ) -> None:
        self._fetcher, self._turns, self._log = fetcher, turns, log
        self._hosts, self._headers, self._auth = hosts, headers, auth
        self._robots = Robots(self._robots_file, user_agent) if robots else None

    async def get(self, url: str) -> Response:
        """The page, with a status of success, 404 or 410.

        A wait that the server asks for is kept when it is at most a minute; 5xx, 429 and broken connections are tried
        three times with growing pauses. Raises JobFailed; one whose `retry_after` is longer leaves the run at once.
        Raises Disallowed when robots.txt forbids it.
        """
        return await self._tries(url, self._page, lambda status: 200 <= status < 300 or status in GONE)

    async def _tries(
        self, url: str, ask: Callable[[str], Awaitable[Response]], fine: Callable[[int], bool]
    ) -> Response:
        for number in range(1, TRIES + 1):
            try:
                response = await ask(url)
            except JobFailed as error:
                failure = error
            else:
                if fine(response.status_code):
                    return response
                failure = status_failure("GET", url, response.status_code, response.headers, response.received_at)
            pause = _pause(failure, number)
            if pause is None:
                raise failure
            self._log.warning("%s; trying again in %s", failure, format_duration(pause))
            self._turns.hold(_host(url), pause)
        raise AssertionError("the last try raises or returns")

    async def _page(self, url: str) -> Response:
        own = _host(url) in self._hosts
        async with self._turns.at(_host(url)):
            response = await self._fetcher.get(
                url,
                headers=self._headers if own else None,
                auth=self._auth if own else None,
                before=self._admit,
            )
        if response.status_code == 206:
            raise JobFailed(
                f"{url} answered a part (206) that was not asked for", FailureClass.TRANSPORT, code="http:206"
            )
        return response

    async def _robots_file(self, url: str) -> Response:
        # The page that waits for this file holds a place at its host, so the file must not ask for another.
        limits = replace(self._fetcher.limits, max_bytes=LARGEST, cut=True)

        async def ask(address: str) -> Response:
            return await self._fetcher.get(address, before=self._take_turn, limits=limits)

        return await self._tries(url, ask, lambda status: status < 500 and status != 429)

    async def _admit(self, url: str) -> None:
        if self._robots is not None:
            rules = await self._robots.rules(url)
            if not rules.allows(url):
                raise _refused(url, rules.unreachable)
            if rules.delay:
                self._turns.widen(_host(url), rules.delay)
        await self._take_turn(url)

    async def _take_turn(self, url: str) -> None:
        await self._turns.wait(_host(url))


def _pause(failure: JobFailed, number: int) -> float | None:
    """Seconds before the next try; None when there is none."""
    if isinstance(failure, Disallowed) or failure.code in _FINAL_CODES or number >= TRIES:
        return None
    if failure.failure_class not in (FailureClass.TRANSPORT, FailureClass.THROTTLED):
        return None
    if failure.retry_after is not None:
        return failure.retry_after.total_seconds() if failure.retry_after <= LONGEST_WAIT else None
    return _FIRST_PAUSE * float(4 ** (number - 1)) * (0.5 + random.random() / 2)


def _refused(url: str, unreachable: str) -> Disallowed:
    shown = printable(url, 200)
    if unreachable:
        return Disallowed(
            f"{shown} may not be fetched while its robots.txt cannot be had: {printable(unreachable, 200)}",
            FailureClass.TRANSPORT,
            code="robots:unreachable",
        )
    return Disallowed(
        f"{shown} is disallowed by the site's robots.txt; choose other pages, or set robots = false if the site's owner agrees",
        FailureClass.BLOCKED,
        code="robots",
    )


def _host(url: str) -> str:
    return (urlsplit(url).hostname or "").lower()
