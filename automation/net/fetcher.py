"""The HTTP client of crawls: the same rules as `Client`, for asyncio, with a word before every hop.

Owns: one page fetched, redirects followed under the guard, the body read within limits.
Never: waits for politeness, reads robots.txt or tries again; the crawl does, through `before`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any

import httpx

from automation.clock import Clock, SystemClock
from automation.net.body import Body
from automation.net.failures import told_as_failure
from automation.net.guard import Guard
from automation.net.limits import Limits
from automation.net.response import Response
from automation.net.rules import Hop, base_headers, basic, cookie_jar, first_hop, has_body, next_hop, told_with_origin

Before = Callable[[str], Awaitable[None]]
#: From here on httpx's own pool costs more than the requests.
MANY = 5


class Fetcher:
    """Fetches pages; make it inside the event loop that uses it, and close it there.

    Parameters
    ----------
    allow_networks, allow_ports, limits, user_agent: as for `Client`.
    connections: how many requests are under way at the same time; beyond a few, another transport carries them.
    proxy: `http://user:password@host:port`; every request goes through it.
    """

    def __init__(
        self,
        *,
        allow_networks: Iterable[str] = (),
        allow_ports: Iterable[int] = (),
        limits: Limits | None = None,
        user_agent: str | None = None,
        clock: Clock | None = None,
        connections: int = 1,
        proxy: str | None = None,
    ) -> None:
        self.limits = limits or Limits()
        self._clock = clock or SystemClock()
        self._transport = _transport(Guard.of(allow_networks, allow_ports), connections, proxy)
        self._headers = httpx.Headers(base_headers(user_agent))
        self._cookies = httpx.Cookies(cookie_jar(self.limits))

    def set_cookie(self, name: str, value: str, host: str) -> None:
        """Send this cookie to this host."""
        self._cookies.set(name, value, domain=host if "." in host else f"{host}.local")

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        data: Mapping[str, Any] | None = None,
        content: bytes | str | None = None,
        auth: tuple[str, str] | None = None,
        before: Before | None = None,
        limits: Limits | None = None,
        follow_redirects: bool = True,
    ) -> Response:
        """Send a request and read the whole answer, whatever its status.

        Parameters
        ----------
        before: awaited with the URL before each request of the chain; its waiting does not count, and what it
            raises ends the chain.

        Raises JobFailed as `Client.request` does.
        """
        limits = limits or self.limits
        given = {"params": params, "json": json, "data": data, "content": content}
        hop = first_hop(
            method, url, {"headers": headers, **{name: one for name, one in given.items() if one is not None}}
        )
        left = limits.deadline
        while True:
            if before is not None:
                await before(str(hop.url))
            began = self._clock.monotonic()
            with told_as_failure(str(hop.url)), told_with_origin(hop.origin):
                async with asyncio.timeout(left):
                    answer = await self._one(
                        hop, limits, auth if hop.authorised else None, began, follow=follow_redirects
                    )
            if isinstance(answer, Response):
                return answer
            left, hop = left - (self._clock.monotonic() - began), answer

    async def get(self, url: str, **options: Any) -> Response:
        """`request("GET", …)`."""
        return await self.request("GET", url, **options)

    async def post(self, url: str, **options: Any) -> Response:
        """`request("POST", …)`."""
        return await self.request("POST", url, **options)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._transport.aclose()

    async def __aenter__(self) -> Fetcher:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.aclose()

    async def _one(
        self, hop: Hop, limits: Limits, auth: tuple[str, str] | None, began: float, *, follow: bool
    ) -> Response | Hop:
        url = str(hop.url)
        request = self._made(hop, limits, auth)
        answer = await self._transport.handle_async_request(request)
        try:
            if "set-cookie" in answer.headers:
                answer.request = request
                self._cookies.extract_cookies(answer)
            following = next_hop(hop, answer.status_code, answer.headers, limits) if follow else None
            if following is not None:
                return following
            body = Body(answer.headers, limits, url, self._clock.monotonic())
            assert isinstance(answer.stream, httpx.AsyncByteStream), "both transports are asyncio's"
            async for chunk in answer.stream:
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

    def _made(self, hop: Hop, limits: Limits, auth: tuple[str, str] | None) -> httpx.Request:
        """The request with our headers, cookies and credentials; httpx's client does the same with ten times the work."""
        options = dict(hop.options)
        headers = self._headers.copy()
        headers.update(options.pop("headers"))
        if auth is not None:
            headers["Authorization"] = basic(*auth)
        waits = {"connect": limits.connect, "read": limits.silence, "write": limits.silence, "pool": limits.silence}
        request = httpx.Request(hop.method, hop.url, headers=headers, extensions={"timeout": waits}, **options)
        if any(True for _ in self._cookies.jar) and "cookie" not in request.headers:
            self._cookies.set_cookie_header(request)
        return request


def _transport(guard: Guard, connections: int, proxy: str | None) -> httpx.AsyncBaseTransport:
    if connections < MANY or proxy is not None:
        from automation.net.transport import GuardedAsyncTransport

        return GuardedAsyncTransport(guard, proxy)
    from automation.net.many import ManyTransport

    return ManyTransport(guard, connections)
