"""How bytes reach a server: only to addresses that the guard permitted, and only until the deadline.

Owns: name look-up once a connection, the connection to the address that was checked, TLS trust.
Never: reads the environment's proxies; keeps anything of a request.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from contextvars import ContextVar
from functools import cache
from typing import Any

import certifi
import httpcore
import httpx

from automation.clock import Clock
from automation.errors import JobFailed
from automation.net.guard import Guard, check_unknown
from automation.net.names import look_up, resolve

KEPT_ALIVE = 30.0
#: Monotonic second at which the request of this thread or task must have ended.
deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


@cache
def trusted() -> ssl.SSLContext:
    """TLS 1.2 or newer, the system's certificates and those of certifi; read once, since that takes 30 ms."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


class _TimedStream(httpcore.NetworkStream):
    """A connection whose every wait ends with the request's deadline."""

    def __init__(self, stream: httpcore.NetworkStream, clock: Clock) -> None:
        self._stream, self._clock = stream, clock

    def _left(self, timeout: float | None, late: type[httpcore.TimeoutException]) -> float | None:
        end = deadline.get()
        if end is None:
            return timeout
        left = end - self._clock.monotonic()
        if left <= 0:
            raise late("the deadline of the request has passed")
        return left if timeout is None else min(timeout, left)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = self._left(timeout, httpcore.ConnectTimeout)
        return _TimedStream(self._stream.start_tls(ssl_context, server_hostname, left), self._clock)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _TimedBackend(httpcore.NetworkBackend):
    """Connects to a proxy, wherever it stands, until the deadline."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._plain = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> httpcore.NetworkStream:
        return _TimedStream(self._plain.connect_tcp(host, port, timeout, local_address, socket_options), self._clock)


class GuardedBackend(_TimedBackend):
    """Connects to the very address that was checked, so that a second look-up cannot change it."""

    def __init__(self, guard: Guard, clock: Clock) -> None:
        super().__init__(clock)
        self._guard = guard

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> httpcore.NetworkStream:
        permitted = self._guard.permit(host, port, look_up(host, port))
        for position, address in enumerate(permitted, 1):
            try:
                return super().connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if position == len(permitted):
                    raise
        raise AssertionError("the guard permits at least one address")


class GuardedAsyncBackend(httpcore.AsyncNetworkBackend):
    """The same for asyncio; its waits are ended by the fetcher's own time limit."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._plain = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature is httpcore's
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> httpcore.AsyncNetworkStream:
        permitted = self._guard.permit(host, port, await resolve(host, port))
        for position, address in enumerate(permitted, 1):
            try:
                return await self._plain.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if position == len(permitted):
                    raise
        raise AssertionError("the guard permits at least one address")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class _Stream(httpx.SyncByteStream):
    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        yield from self._stream

    def close(self) -> None:
        self._stream.close()


class _AsyncStream(httpx.AsyncByteStream):
    def __init__(self, stream: Any) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._stream:
            yield part

    async def aclose(self) -> None:
        await self._stream.aclose()


def _core_request(request: httpx.Request) -> httpcore.Request:
    url = request.url
    target = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
    return httpcore.Request(
        request.method, target, headers=request.headers.raw, content=request.stream, extensions=request.extensions
    )


class GuardedTransport(httpx.BaseTransport):
    """httpx's way out, through the guard; built on httpcore's public classes alone.

    Parameters
    ----------
    proxy: goes through it, with the user and password of its URL. It may stand anywhere: whoever runs the project chose it.
    """

    def __init__(self, guard: Guard, clock: Clock, proxy: str | None = None) -> None:
        self._guard, self._proxied = guard, proxy is not None
        self._pool: httpcore.ConnectionPool
        if proxy is None:
            self._pool = httpcore.ConnectionPool(
                ssl_context=trusted(), keepalive_expiry=KEPT_ALIVE, network_backend=GuardedBackend(guard, clock)
            )
            return
        where, auth = _proxy(proxy)
        self._pool = httpcore.HTTPProxy(
            where, auth, ssl_context=trusted(), keepalive_expiry=KEPT_ALIVE, network_backend=_TimedBackend(clock)
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if self._proxied:
            self._check(request.url)
        answer = self._pool.handle_request(_core_request(request))
        return httpx.Response(
            answer.status, headers=answer.headers, stream=_Stream(answer.stream), extensions=answer.extensions
        )

    def close(self) -> None:
        self._pool.close()

    def _check(self, url: httpx.URL) -> None:
        """What is inside here is not asked for through a proxy either; a name that only the proxy knows is its affair."""
        try:
            found = look_up(url.host, _port(url))
        except JobFailed:
            check_unknown(url.host)
            return
        self._guard.permit(url.host, _port(url), found)


class GuardedAsyncTransport(httpx.AsyncBaseTransport):
    """The same for asyncio.

    Parameters
    ----------
    proxy: goes through it, with the user and password of its URL. It may stand anywhere: whoever wrote the job chose it.
    """

    def __init__(self, guard: Guard, proxy: str | None = None) -> None:
        self._guard, self._proxied = guard, proxy is not None
        self._pool: httpcore.AsyncConnectionPool
        if proxy is None:
            self._pool = httpcore.AsyncConnectionPool(
                ssl_context=trusted(), keepalive_expiry=KEPT_ALIVE, network_backend=GuardedAsyncBackend(guard)
            )
            return
        where, auth = _proxy(proxy)
        self._pool = httpcore.AsyncHTTPProxy(
            where, auth, ssl_context=trusted(), keepalive_expiry=KEPT_ALIVE, max_connections=None
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self._proxied:
            await self._check(request.url)
        answer = await self._pool.handle_async_request(_core_request(request))
        return httpx.Response(
            answer.status, headers=answer.headers, stream=_AsyncStream(answer.stream), extensions=answer.extensions
        )

    async def aclose(self) -> None:
        await self._pool.aclose()

    async def _check(self, url: httpx.URL) -> None:
        try:
            found = await resolve(url.host, _port(url))
        except JobFailed:
            check_unknown(url.host)
            return
        self._guard.permit(url.host, _port(url), found)


def _proxy(address: str) -> tuple[httpcore.URL, tuple[str, str] | None]:
    """A proxy's place, and its user and password."""
    url = httpx.URL(address)
    where = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=b"/")
    return where, (url.username, url.password) if url.userinfo else None


def _port(url: httpx.URL) -> int:
    return url.port or (443 if url.scheme == "https" else 80)
