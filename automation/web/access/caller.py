"""The other end of a request: its address, and what it came with.

Owns: whom a proxy in front speaks for, and where our own pages are.
Never: believes a header of somebody who is no proxy of ours.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from starlette.requests import Request

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
COOKIE = "automation_session"
#: What a proxy adds; where it comes without our knowing a proxy, somebody else may be behind it.
_FORWARDED = ("x-forwarded-for", "forwarded", "x-real-ip")


@dataclass(frozen=True)
class Rules:
    """What the server was told of its surroundings.

    Parameters
    ----------
    public_url: where browsers find us, when that is not where we listen: scheme, host, and a path if there is one.
    trusted: the proxies whose word on the caller counts.
    user_header: in which of their headers they name whom they have signed in; "" is none.
    loopback: whether we listen to this machine alone.
    read_only: whether nothing but showing is allowed.
    """

    public_url: str = ""
    trusted: Sequence[Network] = ()
    user_header: str = ""
    loopback: bool = True
    read_only: bool = False

    @property
    def root_path(self) -> str:
        """What stands before every path in a browser; "" or begins with a slash."""
        return urlsplit(self.public_url).path.rstrip("/")

    @property
    def host(self) -> str:
        """The name that browsers call us by; "" where nothing was said."""
        return urlsplit(self.public_url).hostname or ""


@dataclass(frozen=True)
class Caller:
    """Who is at the other end.

    Parameters
    ----------
    address: of the caller; behind a trusted proxy the one that it names.
    direct: that no proxy stands between, as far as can be seen.
    local: that the other end of the connection is on this machine.
    proxied_user: whom a trusted proxy has signed in.
    """

    address: str
    direct: bool
    local: bool
    secure: bool
    origins: frozenset[str]
    bearer: str | None = field(repr=False)
    cookie: str = field(repr=False)
    proxied_user: str = ""

    @classmethod
    def of(cls, request: Request, rules: Rules) -> Caller:
        """From a request."""
        peer = request.client.host if request.client else ""
        trusted = _is_in(peer, rules.trusted)
        headers = request.headers
        public = urlsplit(rules.public_url)
        scheme = request.url.scheme
        origins = {f"{scheme}://{headers.get('host', '')}"}
        if public.scheme:
            origins = {f"{public.scheme}://{public.netloc}", *(origins if rules.loopback else ())}
        kind, _, bearer = headers.get("authorization", "").partition(" ")
        return cls(
            address=_named(headers.getlist("x-forwarded-for"), peer, rules.trusted) if trusted else peer,
            direct=not any(name in headers for name in _FORWARDED),
            local=_is_loopback(peer),
            secure="https" in (scheme, public.scheme),
            origins=frozenset(origins),
            bearer=bearer.strip() if kind.lower() == "bearer" else None,
            cookie=request.cookies.get(COOKIE, ""),
            proxied_user=headers.get(rules.user_header, "") if rules.user_header and trusted else "",
        )


def _named(forwarded: Sequence[str], peer: str, trusted: Sequence[Network]) -> str:
    """The last address of `X-Forwarded-For` that is no proxy of ours: what stands before it, anybody can write."""
    chain = [part.strip() for line in forwarded for part in line.split(",")]
    for address in reversed(chain):
        if not _is_in(address, trusted):
            return address[:64] or peer
    return chain[0][:64] if chain else peer


def _is_in(address: str, networks: Sequence[Network]) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(found in network for network in networks)


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
