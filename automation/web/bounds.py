"""How much somebody may send: a body of a megabyte, an address of some kilobytes without control characters.

Owns: refusing more before it is read.
Never: looks at what a body says.
"""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST_BODY = 1_000_000
_LONGEST_ADDRESS = 8_000


class Bounded:
    """Refuses what is too large (413), too long (414), or has a NUL in its address (404, 400)."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        refusal = _refusal(scope)
        if refusal is None and "transfer-encoding" in Headers(scope=scope):
            body = await _read(receive)
            refusal = (413, "The body is larger than a megabyte") if body is None else None
            receive = _again(body or b"", receive)
        if refusal is not None:
            status, text = refusal
            await PlainTextResponse(f"{text}\n", status)(scope, receive, send)
            return
        await self.app(scope, receive, send)


def _refusal(scope: Scope) -> tuple[int, str] | None:
    length = Headers(scope=scope).get("content-length", "0")
    address = scope.get("raw_path", b"") + b"?" + scope.get("query_string", b"")
    if not (length.isascii() and length.isdigit()):
        return 400, "The length of the body cannot be read"
    if int(length) > LARGEST_BODY:
        return 413, "The body is larger than a megabyte"
    if len(address) > _LONGEST_ADDRESS:
        return 414, "The address is too long"
    if "\x00" in scope["path"]:
        return 404, "Nothing has a NUL in its name"
    if b"%00" in address:
        return 400, "The address has a NUL in it"
    return None


async def _read(receive: Receive) -> bytes | None:
    """A body of unknown length; None when it is too large."""
    parts: list[bytes] = []
    total = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return b"".join(parts)
        parts.append(message.get("body", b""))
        total += len(parts[-1])
        if total > LARGEST_BODY:
            return None
        if not message.get("more_body"):
            return b"".join(parts)


def _again(body: bytes, receive: Receive) -> Receive:
    """The body as if it came in one piece; what comes behind it as it is."""
    given = False

    async def first() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return first
