"""What every answer carries, and whom we answer.

Owns: security headers, the host names that are ours.
Never: looks at a body.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from automation.web.access.caller import Rules

PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "frame-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
#: An artifact is somebody's document: it may be styled, and nothing else; `sandbox` gives it an origin of its own.
FILE_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
#: A page of ours shows it in a frame.
FILE_HEADERS: Mapping[str, str] = {"Content-Security-Policy": FILE_POLICY, "X-Frame-Options": "SAMEORIGIN"}
SECURITY: Mapping[str, str] = {
    "Content-Security-Policy": PAGE_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Others hear nothing; under `no-referrer` our own forms would say that they come from nowhere (Origin: null).
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}


class Guarded:
    """Answers only those who call us by a name of ours, and adds the security headers.

    A page elsewhere may make its own name point to 127.0.0.1 and then read us like its own (DNS rebinding);
    but its name stands in the Host header.

    Parameters
    ----------
    rules: where browsers find us. A server that others can reach answers to every name: nobody is in without a session
        or token, and those of another name are not sent to ours.
    """

    def __init__(self, app: ASGIApp, rules: Rules) -> None:
        self.app, self._rules = app, rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY.items():
                    headers.setdefault(name, value)
            await send(message)

        host = Headers(scope=scope).get("host", "")
        ours = is_this_machine(host) or (self._rules.host != "" and host_name(host) == self._rules.host)
        if ours or not self._rules.loopback:
            await self.app(_below(scope, self._rules.root_path), receive, with_headers)
        else:
            refused = PlainTextResponse(
                "Call this server by a name of its own machine: http://127.0.0.1 or http://localhost; "
                "behind a proxy set AUTOMATION_PUBLIC_URL\n",
                421,
            )
            await refused(scope, receive, with_headers)


def _below(scope: Scope, root: str) -> Scope:
    """The request below the path that the proxy gives us, whether it passes that on or takes it away."""
    if not root:
        return scope
    path = str(scope["path"])
    inside = path == root or path.startswith(root + "/")
    return {**scope, "root_path": root, "path": path if inside else root + path}


def host_name(host: str) -> str | None:
    """The name of a Host header without its port; None for one that cannot be read."""
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


def is_this_machine(host: str) -> bool:
    """Whether a host name, or an address with or without a port, is a loopback one."""
    try:
        name = host_name(host) or ""
        return name == "localhost" or name.endswith(".localhost") or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
