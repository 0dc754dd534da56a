"""The HTTP client of crawls: the same rules as `Client`, for asyncio, with a word before every hop.

Owns: one page fetched, redirects followed under the guard, the body read within limits.
Never: waits for politeness, reads robots.txt or tries again; the crawl does, through `before`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import timedelta

import httpx

from automation.clock import Clock, SystemClock
from automation.net.body import Body
from automation.net.failures import told_as_failure
from automation.net.guard import Guard
from automation.net.limits import Limits
from automation.net.response import Response
from automation.net.rules import Hop, base_headers, cookie_jar, first_hop, has_body, next_hop
from automation.net.transport import GuardedAsyncTransport

Before = Callable[[str], Awaitable[None]]


class Fetcher:
    """Fetches pages; make it inside the event loop that uses it, and close it there.

    Parameters
    ----------
    allow_networks, allow_ports, limits, user_agent: as for `Client`.
    """

    def __init__(
        self,
        *,
        allow_networks: Iterable[str] = (),
        allow_ports: Iterable[int] = (),
        limits: Limits | None = None,
        user_agent: str | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.limits = limits or Limits()
        self._clock = clock or SystemClock()
        self._client = httpx.AsyncClient(
            transport=GuardedAsyncTransport(Guard.of(allow_networks, allow_ports)),
            headers=base_headers(user_agent),
            cookies=cookie_jar(self.limits),
            trust_env=False,
        )

    def set_cookie(self, name: str, value: str, host: str) -> None:
        """Send this cookie to this host."""
        self._client.cookies.set(name, value, domain=host if "." in host else f"{host}.local")

    async def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        before: Before | None = None,
        limits: Limits | None = None,
    ) -> Response:
        """Fetch a page, whatever its status.

        Parameters
        ----------
        before: awaited with the URL before each request of the chain; its waiting does not count, and what it
            raises ends the chain.

        Raises JobFailed as `Client.request` does.
        """
        limits = limits or self.limits
        hop = first_hop("GET", url, {"headers": headers})
        left = limits.deadline
        while True:
            if before is not None:
                await before(str(hop.url))
            began = self._clock.monotonic()
            with told_as_failure(str(hop.url)):
                async with asyncio.timeout(left):
                    answer = await self._one(hop, limits, auth if hop.authorised else None, began)
            if isinstance(answer, Response):
                return answer
            left, hop = left - (self._clock.monotonic() - began), answer

    async def aclose(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def __aenter__(self) -> Fetcher:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.aclose()

    async def _one(self, hop: Hop, limits: Limits, auth: tuple[str, str] | None, began: float) -> Response | Hop:
        url = str(hop.url)
        timeouts = httpx.Timeout(limits.silence, connect=limits.connect)
        request = self._client.build_request(hop.method, hop.url, timeout=timeouts, **hop.options)
        answer = await self._client.send(request, auth=auth, stream=True, follow_redirects=False)
        try:
            following = next_hop(hop, answer.status_code, answer.headers, limits)
            if following is not None:
                return following
            body = Body(answer.headers, limits, url, self._clock.monotonic())
            async for chunk in answer.aiter_raw():
                body.feed(chunk, self._clock.monotonic())
                if body.full:
                    break
            content = body.finish(expected=has_body(hop.method, answer.status_code))
        finally:
            await answer.aclose()
        spent = timedelta(seconds=self._clock.monotonic() - began)
        return Response(
            answer.status_code,
            answer.headers,
            content,
            str(request.url),
            hop.method,
            hop.history,
            spent,
            self._clock.now(),
        )
