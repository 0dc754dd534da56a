"""How the API answers: objects as `--json` has them, lists page by page.

Owns: the form of a page, cursors, and the parameters that every list has.
Never: builds an object.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Path, Query
from fastapi.responses import JSONResponse

from automation.clock import Clock
from automation.errors import InvalidInput
from automation.text import instant, parse_duration, plain, printable

Limit = Annotated[int, Query(ge=1, le=500, description="At most so many.")]
Cursor = Annotated[
    str | None, Query(max_length=400, description="`next` of the page before; without it the first page.")
]
MailId = Annotated[int, Path(ge=1, lt=2**53)]
Since = Annotated[
    str | None,
    Query(max_length=60, description="A span back from now (`2h`), or a moment in ISO 8601.", examples=["24h"]),
]


def one(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """An object."""
    return JSONResponse(plain(value), status, dict(headers or {}))


def page(items: Sequence[Any], following: Sequence[Any] | None = None) -> JSONResponse:
    """A page of a list; `following` is what the next one begins with or below."""
    return one({"items": list(items), "next": cursor_of(following) if following is not None else None})


def sliced(items: Sequence[Any], limit: int, cursor: str | None) -> JSONResponse:
    """A page of a list that is whole at hand. Raises InvalidInput for a cursor that is none of ours."""
    (start,) = read_cursor(cursor, int) if cursor else (0,)
    end = start + limit
    return page(items[start:end], (end,) if len(items) > end else None)


def cursor_of(parts: Sequence[Any]) -> str:
    """Where the next page begins, as text that means nothing to others."""
    told = json.dumps([instant(part) if isinstance(part, datetime) else part for part in parts])
    return base64.urlsafe_b64encode(told.encode()).decode().rstrip("=")


def read_cursor(text: str, *kinds: type) -> tuple[Any, ...]:
    """What such a text says. Raises InvalidInput for any other."""
    try:
        parts = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        return tuple(_part(part, kind) for part, kind in zip(parts, kinds, strict=True))
    except (ValueError, TypeError, binascii.Error, RecursionError) as error:
        raise InvalidInput("The cursor is none of ours; take `next` of the page before, or leave it out") from error


def _part(part: Any, kind: type) -> Any:
    if kind is datetime:
        return _instant(part)
    if type(part) is not kind or (isinstance(part, int) and not 0 <= part < 2**53):
        raise ValueError(part)
    return part


def _instant(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(text)
    return found.astimezone(UTC)


def back_from(text: str | None, clock: Clock) -> datetime | None:
    """What `since` means. Raises InvalidInput."""
    if text is None:
        return None
    try:
        return clock.now() - parse_duration(text)
    except (ValueError, OverflowError):
        return moment(text)


def moment(text: str) -> datetime:
    """An instant. Raises InvalidInput for what is none, or has no offset: nobody knows whose clocks are meant."""
    try:
        return _instant(text)
    except (ValueError, OverflowError) as error:
        raise InvalidInput(
            f"'{printable(text, 60)}' is no moment; write 2026-03-29T07:00:00Z, or with another offset"
        ) from error
