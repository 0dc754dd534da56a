"""What both clients do alike with a request and its answer.

Owns: the headers we send, cookies kept, and where a redirect leads with what.
Never: sends anything.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from http.cookiejar import Cookie, CookieJar, DefaultCookiePolicy
from importlib.metadata import PackageNotFoundError, version
from typing import Any
from urllib.parse import urljoin
from urllib.request import Request as UrllibRequest

import httpx

from automation.errors import FailureClass, JobFailed
from automation.net.codings import ACCEPTED
from automation.net.guard import check_url
from automation.net.limits import Limits
from automation.text import printable

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_BODILESS = frozenset({204, 304})
_CARRIED = frozenset({"accept", "accept-language", "user-agent"})
_BODY_HEADERS = frozenset({"content-length", "content-type", "content-encoding", "transfer-encoding"})
_BODY_OPTIONS = frozenset({"content", "data", "files", "json"})
_LONGEST_COOKIE = 4096


@cache
def user_agent() -> str:
    """`automation/VERSION (scheduled job)`: what we are; who asks, only `user_agent` in the job's params can say."""
    try:
        number = version("automation")
    except PackageNotFoundError:
        number = "0"
    return f"automation/{number} (scheduled job)"


def base_headers(agent: str | None) -> dict[str, str]:
    """The headers of every request; only what we can decompress within limits is accepted."""
    return {"User-Agent": agent or user_agent(), "Accept": "*/*", "Accept-Encoding": ACCEPTED}


def basic(user: str, password: str) -> str:
    """The Authorization header of RFC 7617, in UTF-8."""
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode("ascii")


class _FewCookies(DefaultCookiePolicy):
    def __init__(self, most: int) -> None:
        super().__init__()
        self.jar: CookieJar | None = None
        self._most = most

    def set_ok(self, cookie: Cookie, request: UrllibRequest) -> bool:
        fits = len(cookie.name) + len(cookie.value or "") <= _LONGEST_COOKIE
        room = self.jar is None or sum(1 for _ in self.jar) < self._most
        return fits and room and super().set_ok(cookie, request)


def cookie_jar(limits: Limits) -> CookieJar:
    """A jar that takes a bounded number of cookies of bounded length, and none of a foreign domain."""
    policy = _FewCookies(limits.cookies)
    policy.jar = CookieJar(policy)
    return policy.jar


@dataclass(frozen=True)
class Hop:
    """One request of a chain of redirects.

    Parameters
    ----------
    options: what httpx's `build_request` takes: headers, params, json, data, …
    """

    method: str
    url: httpx.URL
    options: dict[str, Any]
    history: tuple[str, ...] = ()
    authorised: bool = True

    @property
    def origin(self) -> str:
        """The page that redirected here; empty for the first."""
        return self.history[-1] if self.history else ""


def first_hop(method: str, url: str, options: dict[str, Any]) -> Hop:
    """The request as asked for. Raises JobFailed (CONFIG) for a URL that may not be asked for."""
    return Hop(method.upper(), check_url(str(url)), {**options, "headers": httpx.Headers(options.get("headers"))})


def has_body(method: str, status: int) -> bool:
    """Whether a body belongs to the answer."""
    return method != "HEAD" and status not in _BODILESS and status >= 200


def next_hop(hop: Hop, status: int, headers: httpx.Headers, limits: Limits) -> Hop | None:
    """The request that a redirect asks for; None when this answer is the last one.

    Another host gets neither credentials nor cookies nor headers of the caller's own. Raises JobFailed when there
    are too many hops, or when the next one leaves https.
    """
    location = headers.get("location")
    if status not in _REDIRECTS or not location:
        return None
    if len(hop.history) >= limits.redirects:
        raise JobFailed(
            f"{printable(hop.history[0], 200)} redirects more than {limits.redirects} times",
            FailureClass.TRANSPORT,
            code="redirects",
        )
    with told_with_origin(str(hop.url)):
        url = check_url(_target(str(hop.url), location))
    if hop.url.scheme == "https" and url.scheme == "http":
        raise JobFailed(
            f"{printable(str(hop.url), 200)} redirects from https to {printable(str(url), 200)}, which is not encrypted; "
            "start from the http:// address if that is meant",
            FailureClass.CONFIG,
            code="redirect:downgrade",
        )
    becomes_get = (status == 303 and hop.method != "HEAD") or (status in (301, 302) and hop.method == "POST")
    options = dict(hop.options)
    options.pop("params", None)
    if becomes_get:
        options = {name: value for name, value in options.items() if name not in _BODY_OPTIONS}
    same = _same_host(hop.url, url)
    options["headers"] = _carried(hop.options["headers"], same_host=same, body=not becomes_get)
    if not same:
        options.pop("cookies", None)
    return replace(
        hop,
        method="GET" if becomes_get else hop.method,
        url=url,
        options=options,
        history=(*hop.history, str(hop.url)),
        authorised=hop.authorised and same,
    )


@contextmanager
def told_with_origin(origin: str) -> Iterator[None]:
    """A refusal of where a redirect leads names the page that redirects: who wrote the job knows no other."""
    try:
        yield
    except JobFailed as error:
        if not origin or not error.code.startswith(("ssrf:", "url")):
            raise
        told = f"{printable(origin, 200)} redirects to where it may not: {error}"
        raise JobFailed(told, error.failure_class, code=error.code) from error


def _target(base: str, location: str) -> str:
    target = location.strip().replace("\\", "/").replace(" ", "%20")
    joined = urljoin(base, target)
    return joined if "#" in joined or "#" not in base else f"{joined}#{base.partition('#')[2]}"


def _same_host(old: httpx.URL, new: httpx.URL) -> bool:
    upgraded = (old.scheme, new.scheme) == ("http", "https") and old.port is None and new.port is None
    return old.host == new.host and (upgraded or (old.scheme, old.port) == (new.scheme, new.port))


def _carried(headers: httpx.Headers, *, same_host: bool, body: bool) -> httpx.Headers:
    return httpx.Headers(
        [
            (name, value)
            for name, value in headers.raw
            if (small := name.decode("latin-1").lower()) != "host"
            and (same_host or small in _CARRIED or (body and small == "content-type"))
            and (body or small not in _BODY_HEADERS)
        ]
    )
