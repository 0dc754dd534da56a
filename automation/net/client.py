"""The HTTP client of plugins: `ctx.http`.

Owns: one request after the other, redirects followed under the guard, bodies read within limits.
Never: tries again; a run's retry policy does. Never reads proxies or credentials from the environment.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx

from automation.clock import Clock, SystemClock
from automation.net.body import Body
from automation.net.failures import told_as_failure
from automation.net.guard import Guard
from automation.net.limits import Limits
from automation.net.response import Response
from automation.net.rules import Hop, base_headers, cookie_jar, first_hop, has_body, next_hop, told_with_origin
from automation.net.transport import GuardedTransport, deadline


class Client:
    """Reaches public addresses over http and https, within limits; cookies are kept between requests.

    Parameters
    ----------
    allow_networks: CIDRs that may be reached on any port although they are not public.
    allow_ports: ports of public addresses beside 80 and 443.
    user_agent: who we say we are; default: automation and its version.
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
        proxy: str | None = None,
    ) -> None:
        self.limits, self.proxy = limits or Limits(), proxy
        self._clock = clock or SystemClock()
        self._guard = Guard.of(allow_networks, allow_ports)
        self._agent = user_agent
        self._made: httpx.Client | None = None

    def allowing(
        self,
        *,
        allow_networks: Iterable[str] = (),
        allow_ports: Iterable[int] = (),
        limits: Limits | None = None,
        proxy: str | None = None,
    ) -> Client:
        """Another client, of the same clock and name, that may reach these as well; close it after use.

        Parameters
        ----------
        proxy: in place of this client's own, where there is one.
        """
        return Client(
            allow_networks=[*map(str, self._guard.allow_networks), *allow_networks],
            allow_ports=[*self._guard.allow_ports, *allow_ports],
            limits=limits or self.limits,
            user_agent=self._agent,
            clock=self._clock,
            proxy=proxy or self.proxy,
        )

    def request(
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
        follow_redirects: bool = True,
        timeout: float | timedelta | None = None,
        max_bytes: int | None = None,
    ) -> Response:
        """Send a request and read the whole answer, whatever its status; `raise_for_status()` makes it a failure.

        Parameters
        ----------
        auth: user and password; sent to the host of `url` alone.
        timeout: for all of it, redirects included; seconds or a `timedelta`; default 60 s.
        max_bytes: the largest body, after decompression; default 10 MB.

        Raises JobFailed: CONFIG for an address that may not be reached, TRANSPORT when no complete answer came,
        DATA_INVALID for one that is too large.
        """
        limits = _limits(self.limits, timeout, max_bytes)
        given = {"headers": headers, "params": params, "json": json, "data": data, "content": content}
        hop = first_hop(method, url, {name: value for name, value in given.items() if value is not None})
        began = self._clock.monotonic()
        token = deadline.set(began + limits.deadline)
        try:
            while True:
                answer = self._one(hop, limits, auth if hop.authorised else None, began, follow=follow_redirects)
                if isinstance(answer, Response):
                    return answer
                hop = answer
        finally:
            deadline.reset(token)

    def get(self, url: str, **options: Any) -> Response:
        """`request("GET", …)`."""
        return self.request("GET", url, **options)

    def post(self, url: str, **options: Any) -> Response:
        """`request("POST", …)`."""
        return self.request("POST", url, **options)

    def close(self) -> None:
        """Close all connections; a later request opens new ones."""
        if self._made is not None:
            self._made.close()
            self._made = None

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def _one(
        self, hop: Hop, limits: Limits, auth: tuple[str, str] | None, began: float, *, follow: bool
    ) -> Response | Hop:
        url = str(hop.url)
        client = self._client()
        with told_as_failure(url), told_with_origin(hop.origin):
            request = client.build_request(hop.method, hop.url, timeout=_timeouts(limits), **hop.options)
            answer = client.send(request, auth=auth, stream=True, follow_redirects=False)
            try:
                following = next_hop(hop, answer.status_code, answer.headers, limits) if follow else None
                if following is not None:
                    return following
                body = Body(answer.headers, limits, url, self._clock.monotonic())
                for chunk in answer.iter_raw():
                    body.feed(chunk, self._clock.monotonic())
                    if body.full:
                        break
                content = body.finish(expected=has_body(hop.method, answer.status_code))
            finally:
                answer.close()
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

    def _client(self) -> httpx.Client:
        if self._made is None:
            self._made = httpx.Client(
                transport=GuardedTransport(self._guard, self._clock, self.proxy),
                headers=base_headers(self._agent),
                cookies=cookie_jar(self.limits),
                trust_env=False,
            )
        return self._made


def _limits(limits: Limits, timeout: float | timedelta | None, max_bytes: int | None) -> Limits:
    seconds = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
    return replace(
        limits,
        deadline=limits.deadline if seconds is None else seconds,
        max_bytes=limits.max_bytes if max_bytes is None else max_bytes,
    )


def _timeouts(limits: Limits) -> httpx.Timeout:
    wait = min(limits.silence, limits.deadline)
    return httpx.Timeout(wait, connect=min(limits.connect, limits.deadline))
