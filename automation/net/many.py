"""The way out for crawls that keep many connections open: aiohttp's connections behind httpx's transport interface.

httpx's own pool walks through all requests and connections at each open and close; with a hundred at once it does a tenth
of what these do. What leaves and what comes back is the same, down to the failures.

Owns: the guard where every address passes, IP literals too; aiohttp's errors in httpx's words.
Never: follows redirects, decompresses, keeps cookies or reads the environment.
"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import aiohttp
import httpx
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from automation.net.guard import Guard, is_plain_address
from automation.net.names import name_threads, resolve
from automation.net.transport import KEPT_ALIVE, trusted

#: As much as h11 takes of one line of a header.
_LONGEST_HEADER = 65536
_MOST_HEADERS = 512
_PIECE = 262_144


class _Resolver(AbstractResolver):
    """Looks a name up once for each connection and hands out what the guard permits."""

    def __init__(self, guard: Guard) -> None:
        self._guard, self._threads = guard, name_threads()

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002 - the signature is aiohttp's
    ) -> list[ResolveResult]:
        permitted = self._guard.permit(host, port, await resolve(host, port, self._threads))
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for address in permitted
        ]

    async def close(self) -> None:
        """Names that are still looked up are waited for by nobody."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class ManyTransport(httpx.AsyncBaseTransport):
    """httpx's way out, through the guard, for many connections at once.

    Parameters
    ----------
    connections: how many may be open at the same time.
    """

    def __init__(self, guard: Guard, connections: int) -> None:
        self._guard = guard
        self._connections = connections
        self._made: aiohttp.ClientSession | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await self._check_number(request.url)
        waits = request.extensions.get("timeout", {})
        with _told_as_httpx():
            answer = await self._session().request(
                request.method,
                URL(str(request.url), encoded=True),
                headers=[(name.decode("ascii"), value.decode("latin-1")) for name, value in _sent(request)],
                data=await request.aread() or None,
                timeout=aiohttp.ClientTimeout(sock_connect=waits.get("connect"), sock_read=waits.get("read")),
                allow_redirects=False,
            )
        return httpx.Response(answer.status, headers=list(answer.raw_headers), stream=_Stream(answer))

    async def aclose(self) -> None:
        if self._made is not None:
            await self._made.close()
            await self._names.close()
            self._made = None

    async def _check_number(self, url: httpx.URL) -> None:
        """Numbers that stand for an address are refused by aiohttp as a matter of form; the guard has the better words."""
        host = url.host
        # An address in its plain form needs no look-up: it is asked about where its connection begins.
        if not host[:1].isdigit() or is_plain_address(host):
            return
        if host.replace(".", "").isalnum() and not host.rpartition(".")[2].isalpha():
            port = url.port or (443 if url.scheme == "https" else 80)
            self._guard.permit(host, port, await resolve(host, port))

    def _open_socket(self, address: Any) -> socket.socket:
        """Each connection begins here, whether it goes to a name's address or to one that stood in the URL."""
        family, kind, proto, _, target = address
        self._guard.permit(target[0], target[1], [target[0]])
        return socket.socket(family, kind, proto)

    def _session(self) -> aiohttp.ClientSession:
        if self._made is None:
            self._names = _Resolver(self._guard)
            connector = aiohttp.TCPConnector(
                limit=self._connections,
                ssl=trusted(),
                resolver=self._names,
                use_dns_cache=False,
                keepalive_timeout=KEPT_ALIVE,
                socket_factory=self._open_socket,
            )
            self._made = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
                max_line_size=_LONGEST_HEADER,
                max_field_size=_LONGEST_HEADER,
                max_headers=_MOST_HEADERS,
                read_bufsize=_PIECE,
            )
        return self._made


class _Stream(httpx.AsyncByteStream):
    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _told_as_httpx():
            async for part in self._answer.content.iter_any():
                yield part

    async def aclose(self) -> None:
        # A body that was read to its end has given its connection back already; any other one is no use to anybody.
        self._answer.close()


def _sent(request: httpx.Request) -> list[tuple[bytes, bytes]]:
    """aiohttp frames the body itself."""
    return [pair for pair in request.headers.raw if pair[0].lower() not in (b"content-length", b"transfer-encoding")]


@contextmanager
def _told_as_httpx() -> Iterator[None]:
    try:
        yield
    except (TimeoutError, aiohttp.ServerTimeoutError) as error:
        raise httpx.ReadTimeout(str(error) or "no answer in time") from error
    except aiohttp.InvalidURL as error:
        raise httpx.UnsupportedProtocol(str(error)) from error
    except aiohttp.ClientConnectorError as error:
        raise httpx.ConnectError(str(error)) from error
    except aiohttp.ClientPayloadError as error:
        raise httpx.RemoteProtocolError("peer closed connection without sending complete message body") from error
    except (aiohttp.ServerDisconnectedError, aiohttp.ClientResponseError) as error:
        # Of several lines, those after the first draw where in the bytes it is.
        told = str(error.message).partition("\n")[0].rstrip(":")
        raise httpx.RemoteProtocolError(told) from error
    except aiohttp.ClientOSError as error:
        raise httpx.ReadError(str(error)) from error
    except aiohttp.ClientError as error:
        raise httpx.TransportError(str(error)) from error
