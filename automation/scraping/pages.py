"""One page fetched politely: its turn at the host, robots.txt, and a few tries.

Owns: what is tried again within a run and after how long, and what ends it.
Never: parses a page; knows the frontier.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from automation.clock import Clock, SystemClock
from automation.errors import FailureClass, JobFailed
from automation.net.cache import PageCache
from automation.net.failures import status_failure
from automation.net.fetcher import Fetcher
from automation.net.response import Response
from automation.scraping.blocked import refuse_block
from automation.scraping.login import Session
from automation.scraping.politeness import LONGEST_WAIT, Seat, Turns
from automation.scraping.rendering import Unready
from automation.scraping.robots import LARGEST, Robots
from automation.text import format_duration, printable

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
    robots_kept: what other runs know of robots.txt.
    block_signs: texts that mark a block page, beside those known; None looks for no block pages.
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
        block_signs: Sequence[str] | None = (),
        clock: Clock | None = None,
        robots_kept: PageCache | None = None,
    ) -> None:
        self._fetcher, self._turns, self._log = fetcher, turns, log
        self._hosts, self._headers, self._auth = hosts, headers, auth
        self._block_signs = block_signs
        self._session: Session | None = None
        self._render: Callable[[Response], Awaitable[Response]] | None = None
        self._on_bad: Callable[[JobFailed, Response], None] = lambda _error, _response: None
        self._cache: PageCache | None = None
        self._trusting = False
        self._entering, self._logins = asyncio.Lock(), 0
        self._clock = clock or SystemClock()
        self._robots = Robots(self._robots_file, user_agent, self._clock, robots_kept) if robots else None

    async def get(self, url: str, *, again: bool = True, **request: Any) -> Response:
        """The page, with a status of success, 404 or 410.

        A wait that the server asks for is kept when it is at most a minute; 5xx, 429 and broken connections are tried
        three times with growing pauses. Raises JobFailed; one whose `retry_after` is longer leaves the run at once.
        Raises Disallowed when robots.txt forbids it.
        """
        seen = self._logins
        look = self._page if request or self._cache is None else partial(self._kept_page, self._cache)
        response = await self._tries(url, partial(look, request), lambda status: 200 <= status < 300 or status in GONE)
        outside = again and self._session is not None and self._session.asks_again(response)
        return await self._again_inside(url, request, seen) if outside else response

    def show_with(self, render: Callable[[Response], Awaitable[Response]]) -> None:
        """Render pages with this."""
        self._render = render

    async def render(self, response: Response) -> Response:
        """The page as a browser shows it."""
        assert self._render is not None
        try:
            shown = await self._render(response)
        except Unready as error:
            self._on_bad(error, error.page)
            raise
        self._refuse_block(shown)
        return shown

    def on_bad(self, told: Callable[[JobFailed, Response], None]) -> None:
        """Show block pages, and those that never were what was waited for, to this before they fail."""
        self._on_bad = told

    def _refuse_block(self, response: Response) -> None:
        if self._block_signs is None:
            return
        try:
            refuse_block(response, self._block_signs)
        except JobFailed as error:
            self._on_bad(error, response)
            raise

    async def resource(self, method: str, url: str, headers: Mapping[str, str], content: bytes | None) -> Response:
        """What a rendered page asks for: at once, as browsers do, under the guard, redirects left to the page."""
        own = _host(url) in self._hosts
        return await self._fetcher.request(
            method, url, headers={**headers, **(self._headers if own else {})}, content=content,
            auth=self._auth if own else None, follow_redirects=False,
        )  # fmt: skip

    def remember(self, cache: PageCache | None, *, trusting: bool) -> None:
        """Ask for pages of an earlier run only whether they changed; `trusting`: not even that while they are fresh."""
        self._cache, self._trusting = cache, trusting

    async def log_in(self, session: Session) -> None:
        """Log in now, and once more where a page turns out to be the login. Raises JobFailed (AUTH)."""
        self._session = session
        await session.enter(self._for_login)

    async def _for_login(self, url: str, **request: Any) -> Response:
        # The user asked for this page by name; robots.txt speaks of what is found by following links.
        return await self._tries(
            url, partial(self._page, {"obey": False, **request}), lambda status: status < 500 and status != 429
        )

    async def _again_inside(self, url: str, request: Mapping[str, Any], seen: int) -> Response:
        """The page once more after another login; one login is enough for all who found themselves outside."""
        assert self._session is not None
        async with self._entering:
            if self._logins == seen:
                self._log.warning("%s leads to the login: the session has ended; logging in again", url)
                await self._session.enter(self._for_login)
                self._logins += 1
        response = await self.get(url, again=False, **request)
        if self._session.asks_again(response):
            raise JobFailed(
                f"{url} leads to the login although the login succeeded; the user may not see this page",
                FailureClass.AUTH,
                code="login:again",
            )
        return response

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
                await self._tell_others(_host(url), failure)
                raise failure
            self._log.warning("%s; trying again in %s", failure, format_duration(pause))
            await self._turns.hold(_host(url), pause)
        raise AssertionError("the last try raises or returns")

    async def _tell_others(self, host: str, failure: JobFailed) -> None:
        """What a server asks for counts for every run, also where this one ends."""
        if failure.failure_class is FailureClass.THROTTLED and failure.code.startswith("http:") and failure.retry_after:
            await self._turns.hold(host, failure.retry_after.total_seconds())

    async def _page(self, request: Mapping[str, Any], url: str) -> Response:
        own = _host(url) in self._hosts
        sent = dict(request)
        headers = {**(self._headers if own else {}), **sent.pop("questions", {})}
        admit = partial(self._admit, obey=sent.pop("obey", True))
        async with self._turns.at(_host(url)) as seat:
            response = await self._ask(
                url,
                **sent,
                headers=headers,
                auth=self._auth if own else None,
                before=partial(admit, seat),
            )
        self._refuse_block(response)
        if response.status_code == 206:
            raise JobFailed(
                f"{url} answered a part (206) that was not asked for", FailureClass.TRANSPORT, code="http:206"
            )
        return response

    async def _kept_page(self, cache: PageCache, request: Mapping[str, Any], url: str) -> Response:
        """As `_page`, unless the page of another run is still what the server would send."""
        kept = cache.look(url)
        if kept is not None and self._trusting and kept.fresh(self._clock.now()):
            return kept.response
        response = await self._page({**request, "questions": kept.questions} if kept else request, url)
        if response.status_code == 304 and kept is not None:
            # A 304 of another address, which a redirect led to, says nothing about this one.
            response = kept.confirmed(response) if not response.history else await self._page(request, url)
        cache.keep(response)
        return response

    async def _ask(self, url: str, method: str = "GET", **options: Any) -> Response:
        """Fetch, and let the throttle know how that went."""
        try:
            response = await self._fetcher.request(method, url, **options)
        except JobFailed as error:
            if error.failure_class is FailureClass.TRANSPORT:
                self._turns.note(_host(url), 0.0, good=False)
            raise
        fine = response.status_code < 500 and response.status_code != 429
        self._turns.note(_host(response.url), response.elapsed.total_seconds(), good=fine)
        return response

    async def _robots_file(self, url: str) -> Response:
        # The page that waits for this file holds a place of this run at its host, so the file must not ask for another.
        limits = replace(self._fetcher.limits, max_bytes=LARGEST, cut=True)

        async def ask(address: str) -> Response:
            async with self._turns.seat() as seat:
                return await self._ask(address, before=lambda hop: seat.turn(_host(hop)), limits=limits)

        return await self._tries(url, ask, lambda status: status < 500 and status != 429)

    async def _admit(self, seat: Seat, url: str, *, obey: bool) -> None:
        # The request that led here is over: its turn must not be held while robots.txt is fetched from the same host.
        await seat.end()
        if self._robots is not None and obey:
            rules = await self._robots.rules(url)
            if not rules.allows(url):
                raise _refused(url, rules.unreachable)
            if rules.delay:
                self._turns.widen(_host(url), rules.delay)
        await seat.turn(_host(url))


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
