"""What the text of a setting may be: for each kind a function that says in a sentence what is wrong with it.

Owns: these rules; None is fine.
Never: reads the environment; connects to anything.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from automation.secrets import mask_urls

BROKERS = ("redis", "rediss", "redis+socket", "amqp", "amqps")


def _scheme(url: str) -> str:
    """What stands before `://`; where that is missing, nothing, since the value may be a password."""
    scheme, found, _ = url.partition("://")
    return scheme if found else ""


def broker_url(url: str) -> str | None:
    """A broker that we know, and that others cannot reach without a password."""
    if (scheme := _scheme(url)) not in BROKERS:
        return f"'{scheme}' is no broker; write a URL that begins with {', '.join(f'{known}://' for known in BROKERS)}"
    return _guarded(url)


def redis_url(url: str) -> str | None:
    """A Redis that others cannot reach without a password."""
    if (scheme := _scheme(url)) not in ("redis", "rediss", "unix"):
        return f"'{scheme}' is no Redis; write a URL that begins with redis://, rediss:// or unix://"
    return _guarded(url)


def _guarded(url: str) -> str | None:
    """A Redis that others can reach must ask for a password."""
    try:
        parts = urlsplit(url)
        port_is_fine = parts.port is None or parts.port > 0
    except ValueError:
        port_is_fine = False
    if not port_is_fine:
        return f"the port of {mask_urls(url)} is out of range; write 1 to 65535"
    if parts.scheme == "redis" and not parts.password and not is_loopback(parts.hostname or "localhost"):
        return f"{parts.hostname} is not this machine and the URL has no password; write redis://:PASSWORD@{parts.hostname}/0"
    return None


def smtp_url(url: str) -> str | None:
    """A mail server."""
    said = "is no mail server; write smtp://user:password@host:587?from=you@example.com"
    return None if _scheme(url) == "smtp" else f"'{_scheme(url)}' {said}"


def proxy_url(url: str) -> str | None:
    """A proxy that speaks HTTP."""
    scheme, rest = _scheme(url).lower(), url.partition("://")[2]
    if scheme.startswith("socks"):
        return "SOCKS is not spoken here; write an http:// proxy, such as one that forwards to it"
    fine = scheme in ("http", "https") and rest.rpartition("@")[2].strip("/")
    return None if fine else "write http://host:port, or http://user:password@host:port"


def mail_address(value: str) -> str | None:
    """One address."""
    fine = value.count("@") == 1 and value.isprintable() and not set(value) & set(" <>,;")
    return None if fine else f"'{value[:60]}' is not one address; write ann@example.com"


def secret_key(value: str) -> str | None:
    """Long enough to sign with."""
    return None if len(value) >= 16 else "is shorter than 16 characters; make one with: openssl rand -hex 32"


def key_prefix(value: str) -> str | None:
    """What may stand before a key of Redis and the name of a queue."""
    fine = value.isascii() and value.replace("-", "").replace("_", "").isalnum() and len(value) <= 64
    return None if fine else "write up to 64 letters, digits, '-' or '_'"


def public_url(value: str) -> str | None:
    """Where browsers find us: a scheme, a host, perhaps a path."""
    try:
        parts = urlsplit(value)
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        fine = False
    if not fine or parts.query or parts.fragment or "@" in parts.netloc or not value.isprintable():
        return "is no address of a web site; write https://automation.example.com or https://example.com/automation"
    return None


def header_name(value: str) -> str | None:
    """The name of a header."""
    fine = value.isascii() and value.replace("-", "").isalnum()
    return None if fine else f"'{value[:60]}' is no name of a header; write X-Forwarded-User"


def network(value: str) -> str | None:
    """An address, or a network of them."""
    try:
        ipaddress.ip_network(value, strict=False)
    except ValueError:
        return f"'{value[:60]}' is no address; write 10.0.0.7 or 10.0.0.0/8"
    return None


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, by its name or its address."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
