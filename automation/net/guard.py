"""Which addresses a request may reach.

Owns: the rules on URLs, resolved addresses and ports, and the names of the way out.
Never: opens a connection; the transports ask here for each connection, so redirects and DNS cannot go round it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import httpx

from automation.errors import FailureClass, JobFailed
from automation.text import printable

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_LONGEST_URL = 8192
_USUAL_PORTS = frozenset({80, 443})
#: What `is_global` of some Python versions lets through, written out; multicast and relays among it.
_DENIED = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
        "224.0.0.0/4", "240.0.0.0/4", "2001::/23", "2001:db8::/32", "3fff::/20", "fd00:ec2::/32",
    )
)  # fmt: skip
_PUBLIC_V6 = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
_V4_IN_V6 = tuple(IPv6Network(text) for text in ("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96"))
#: What some resolvers take for an address and others for a name: 2130706433, 0x7f.1, 127.1, 010.0.0.1.
_NUMBER = re.compile(r"(?:0x[0-9a-f]*|\d+)(?:\.(?:0x[0-9a-f]*|\d+))*\.?", re.IGNORECASE)
_PLAIN = re.compile(r"(?:0|[1-9]\d{0,2})(?:\.(?:0|[1-9]\d{0,2})){3}")
#: `shop.example/lamps` and `localhost:8000/`, as browsers take them; the second looks like a scheme.
_NO_SCHEME = re.compile(r"[\w-]+(?:\.[\w-]+)+(?:[:/?]|$)|localhost(?:[:/?]|$)")
_BAD_IN_URL = re.compile(r"[\x00-\x20\x7f\\]")


@dataclass(frozen=True)
class Guard:
    """Permits public addresses on ports 80 and 443, and what is named here.

    Parameters
    ----------
    allow_networks: networks that may be reached on any port although they are not public.
    allow_ports: further ports of public addresses.
    """

    allow_networks: tuple[Network, ...] = ()
    allow_ports: frozenset[int] = frozenset()

    @classmethod
    def of(cls, networks: Iterable[str] = (), ports: Iterable[int] = ()) -> Guard:
        """From CIDR texts and port numbers. Raises ValueError with the text seen for one that is neither."""
        return cls(tuple(parse_network(text) for text in networks), frozenset(ports))

    def permit(self, host: str, port: int, addresses: Sequence[str]) -> list[str]:
        """Those of the resolved addresses to connect to, in order.

        One address that is neither public nor allowed refuses the whole name: an honest name has no such pair.
        Only the loopback of the other protocol is passed over, since `localhost` always has both. A number that hides an
        address is refused even where the address is public: resolvers do not agree on what it means.
        Raises JobFailed (CONFIG) for a refusal, (TRANSPORT) when there is no address.
        """
        if not addresses:
            raise JobFailed(f"{_shown(host)} has no address", FailureClass.TRANSPORT, code="dns")
        parsed = [ip_address(text.partition("%")[0]) for text in addresses]
        allowed = [text for text, address in zip(addresses, parsed, strict=True) if self._named(address)]
        rest = [address for address in parsed if not self._named(address)]
        if allowed and all(embedded(address).is_loopback for address in parsed):
            return allowed
        for address in rest:
            if not is_public(address):
                raise _refusal(host, address)
        if rest and port not in _USUAL_PORTS | self.allow_ports:
            raise JobFailed(
                f"{_shown(host)}: port {port} is not allowed; write allow_ports = [{port}], or allow_networks = "
                f'["{_narrow(rest[0])}"] if the server is yours',
                FailureClass.CONFIG,
                code="ssrf:port",
            )
        if _NUMBER.fullmatch(host) and not is_plain_address(host):
            raise _bad(f"'{_shown(host)}' stands for the address {parsed[0]} in a hidden form; write {parsed[0]}")
        return list(addresses)

    def _named(self, address: Address) -> bool:
        inner = embedded(address)
        return any(one in network for one in {address, inner} for network in self.allow_networks)


def check_unknown(host: str) -> None:
    """A name that only a proxy can look up. Raises JobFailed (CONFIG) for an address, and for this machine by name."""
    name = host.rstrip(".").lower()
    if ":" in name or _NUMBER.fullmatch(name) or name.rpartition(".")[2] == "localhost":
        raise _bad(
            f"'{_shown(host)}' cannot be looked up here, and is not left to a proxy; write the name of a public host"
        )


def is_plain_address(host: str) -> bool:
    """Whether a host is an IPv4 address in the one form that everybody reads in the same way."""
    return _PLAIN.fullmatch(host) is not None


def parse_network(text: str) -> Network:
    """A CIDR such as `10.1.0.0/16`, or one address. Raises ValueError with the way out."""
    try:
        return ip_network(text, strict=False)
    except ValueError:
        raise ValueError(
            f"'{printable(text, 60)}' is not a network; write one such as 10.1.0.0/16 or fd00::/8"
        ) from None


def is_public(address: Address) -> bool:
    """Whether the address, and any IPv4 address inside it, is one of the public Internet."""
    inner = embedded(address)
    if inner != address:
        return isinstance(address, IPv6Address) and is_public(inner)
    if any(inner in network for network in _DENIED):
        return False
    if isinstance(inner, IPv6Address) and inner not in _PUBLIC_V6:
        return False
    return inner.is_global and not inner.is_multicast and not inner.is_reserved


def embedded(address: Address) -> Address:
    """The IPv4 address that an IPv6 one leads to: mapped, compatible, NAT64, 6to4, Teredo, ISATAP; else itself."""
    if isinstance(address, IPv4Address):
        return address
    number = int(address)
    low = IPv4Address(number & 0xFFFFFFFF)
    if address in _NAT64 or any(address in network for network in _V4_IN_V6):
        return address if number in (0, 1) else low
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    isatap = (number >> 32) & 0xFFFFFFFF in (0x00005EFE, 0x02005EFE)
    return low if isatap else address


@lru_cache(maxsize=4096)  # a job's first pages are looked at by its model, its crawl and its fetcher
def check_url(text: str) -> httpx.URL:
    """A URL that may be asked for: http or https, a host, no user and password. Raises JobFailed (CONFIG)."""
    if len(text) > _LONGEST_URL:
        raise _bad(f"The URL {_url(text)} has {len(text):,} characters; at most {_LONGEST_URL:,} are sent")
    if _BAD_IN_URL.search(text):
        raise _bad(
            f"The URL '{_url(text)}' holds a space, a backslash or a control character; write them as %20, %5C, …"
        )
    try:
        url = httpx.URL(text)
        port = url.port
    except (httpx.InvalidURL, ValueError, UnicodeError) as error:
        raise _bad(f"'{_url(text)}' is not a URL ({error}); write one such as https://example.com/page") from error
    if _NO_SCHEME.match(text) and "@" not in text:
        raise _bad(f"'{_url(text)}' does not say how it is asked for; write https://{_url(text)}")
    if url.scheme not in ("http", "https"):
        raise _bad(f"'{_url(text)}': only http:// and https:// are fetched; write one such as https://example.com/page")
    if not url.host:
        raise _bad(f"'{_url(text)}' names no host; write one such as https://example.com/page")
    if url.userinfo:
        raise _bad(f"'{_url(text)}' holds a user and password; take them out and write auth = {{ user, password }}")
    if port is not None and not 1 <= port <= 65535:
        raise _bad(f"'{_url(text)}': port {port} does not exist; write 1 to 65535")
    return url


def _url(text: str) -> str:
    return printable(re.sub(r"(^|//)[^/@]*@", r"\1***@", text), 200)


def _bad(message: str) -> JobFailed:
    return JobFailed(message, FailureClass.CONFIG, code="url")


def _refusal(host: str, address: Address) -> JobFailed:
    at = "" if host.strip("[]") == str(address) else f" is at {address}, which"
    return JobFailed(
        f"{_shown(host)}{at} is not a public address; if it may be reached, write "
        f'allow_networks = ["{_narrow(address)}"]',
        FailureClass.CONFIG,
        code="ssrf:address",
    )


def _narrow(address: Address) -> str:
    inner = embedded(address)
    return f"{inner}/{inner.max_prefixlen}"


def _shown(host: str) -> str:
    return printable(host, 100)
