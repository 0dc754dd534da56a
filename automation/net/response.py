"""An answer, read to its end.

Owns: what a plugin may ask of an answer: status, headers, bytes, text, JSON.
Never: holds a connection; everything is in memory.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import Message
from typing import Any

import httpx

from automation.errors import FailureClass, JobFailed
from automation.net.failures import status_failure


@dataclass(frozen=True)
class Response:
    """An answer after redirects and decompression; names are those of httpx.

    Parameters
    ----------
    url: the final URL.
    content: the body, decompressed.
    history: the URLs that redirected here, first to last.
    elapsed: from the request to the last byte, redirects included.
    received_at: when the answer was complete; dates in headers are measured against it.
    """

    status_code: int
    headers: httpx.Headers
    content: bytes = field(repr=False)
    url: str
    method: str = "GET"
    history: tuple[str, ...] = ()
    elapsed: timedelta = timedelta()
    received_at: datetime = datetime(1970, 1, 1, tzinfo=UTC)

    @property
    def is_success(self) -> bool:
        """Whether the status is 200 to 299."""
        return 200 <= self.status_code < 300

    @property
    def content_type(self) -> str:
        """The media type in small letters without parameters; empty when the server names none."""
        return str(self.headers.get("content-type", "")).partition(";")[0].strip().lower()

    @property
    def encoding(self) -> str | None:
        """The charset that the header names, if Python knows it."""
        message = Message()
        message["content-type"] = self.headers.get("content-type", "")
        name: str | None = message.get_content_charset()
        try:
            "".encode(name or "utf-8")
        except (LookupError, UnicodeError, ValueError):
            return None
        return name

    @property
    def text(self) -> str:
        """The body as text: in the charset of the header, else UTF-8, else Windows-1252; never an exception."""
        if self.encoding:
            return str(self.content, self.encoding, "replace")
        try:
            return self.content.decode("utf-8-sig")
        except UnicodeDecodeError:
            return self.content.decode("cp1252", "replace")

    def json(self) -> Any:
        """The body read as JSON. Raises JobFailed (DATA_INVALID) when it is none."""
        try:
            return json.loads(self.content)
        except (ValueError, RecursionError) as error:
            raise JobFailed(
                f"{self.url} did not answer with JSON ({self.content_type or 'no content type'}): {error}",
                FailureClass.DATA_INVALID,
                code="json",
            ) from error

    def raise_for_status(self) -> Response:
        """This answer, if it is a success. Raises JobFailed with the code `http:STATUS` otherwise."""
        if not self.is_success:
            raise status_failure(self.method, self.url, self.status_code, self.headers, self.received_at)
        return self
