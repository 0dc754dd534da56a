"""Pages kept between runs, so that what has not changed is not sent again (RFC 9111, RFC 9110 section 13).

Owns: which answers may be kept, for how long they are fresh, the headers that ask whether they changed; one file a page.
Never: fetches; keeps an answer to anything but a plain GET.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from hashlib import sha256
from pathlib import Path

import httpx

from automation.net.codings import zstandard
from automation.net.response import Response

#: All pages of a project together; the oldest go.
_MOST = 500_000_000
_MAX_AGE = re.compile(r"(?:^|[,\s])max-age\s*=\s*\"?(\d{1,10})", re.IGNORECASE)
#: What a 304 says anew about the page that is kept.
_RENEWED = ("date", "expires", "cache-control", "etag", "last-modified", "vary", "age")


@dataclass(frozen=True)
class Kept:
    """A page as it came another time."""

    response: Response

    @property
    def questions(self) -> dict[str, str]:
        """The headers that ask for the page only if it is another one by now."""
        headers = self.response.headers
        asked = {"If-None-Match": headers.get("etag"), "If-Modified-Since": headers.get("last-modified")}
        return {name: value for name, value in asked.items() if value}

    def fresh(self, now: datetime) -> bool:
        """Whether the server said that it need not be asked again yet."""
        return now - self.response.received_at < lifetime(self.response.headers, self.response.received_at)

    def confirmed(self, answer: Response) -> Response:
        """The page after a 304: its content of then, with what the answer says anew."""
        headers = self.response.headers.copy()
        headers.update({name: answer.headers[name] for name in _RENEWED if name in answer.headers})
        return replace(self.response, headers=headers, received_at=answer.received_at, elapsed=answer.elapsed)


def lifetime(headers: httpx.Headers, received_at: datetime) -> timedelta:
    """How long an answer is fresh: max-age, else Expires, less its age; nothing where the server does not say."""
    control = headers.get("cache-control", "").lower()
    if "no-cache" in control or "no-store" in control:
        return timedelta()
    age = headers.get("age", "")
    spent = timedelta(seconds=int(age[:10]) if age.isascii() and age.isdigit() else 0)
    if found := _MAX_AGE.search(control):
        return timedelta(seconds=int(found[1])) - spent
    if "expires" not in headers:
        return timedelta()
    with suppress(ValueError, TypeError, OverflowError, IndexError):
        sent = parsedate_to_datetime(headers["date"]) if "date" in headers else received_at
        return parsedate_to_datetime(headers["expires"]) - sent - spent
    return timedelta()


def may_be_kept(response: Response) -> bool:
    """Whether the answer is a whole page that may be kept and asked about again."""
    headers = response.headers
    return (
        response.status_code == 200
        and response.method == "GET"
        and not response.history
        and "no-store" not in headers.get("cache-control", "").lower()
        and headers.get("vary", "").strip() != "*"
        and ("etag" in headers or "last-modified" in headers or lifetime(headers, response.received_at) > timedelta())
    )


class PageCache:
    """One folder for all jobs of a project.

    Parameters
    ----------
    asked_with: the headers, cookies and credentials of the job: other ones get other pages.
    """

    def __init__(self, folder: Path, asked_with: Mapping[str, str]) -> None:
        self._folder = folder
        self._salt = json.dumps(sorted(asked_with.items()))
        self._written = 0

    def look(self, url: str) -> Kept | None:
        """What is kept of this address; a file that cannot be read is none."""
        with suppress(OSError, ValueError, KeyError, TypeError, AttributeError, zstandard().ZstdError):
            head, _, packed = self._path(url).read_bytes().partition(b"\n")
            told = json.loads(head)
            if told["url"] == url:
                content = zstandard().decompress(packed)
                moment = datetime.fromisoformat(told["received_at"])
                return Kept(
                    Response(told.get("status", 200), httpx.Headers(told["headers"]), content, url, received_at=moment)
                )
        return None

    def keep(self, response: Response) -> None:
        """Keep this page if it may be kept."""
        if may_be_kept(response):
            self.store(response.url, response)

    def store(self, url: str, response: Response) -> None:
        """Keep an answer as that of an address; whoever reads meanwhile sees the old one or the new one."""
        headers = [pair for pair in response.headers.multi_items() if pair[0].lower() != "set-cookie"]
        told = {
            "url": url, "status": response.status_code, "received_at": response.received_at.isoformat(),
            "headers": headers,
        }  # fmt: skip
        path = self._path(url)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(json.dumps(told).encode() + b"\n" + zstandard().compress(response.content))
        os.replace(file.name, path)  # noqa: PTH105 - the name is text
        self._written += 1

    def prune(self) -> None:
        """Remove the oldest pages where all together are too large; asked at the end of a run that kept some."""
        if not self._written:
            return
        found = [(one.stat(), one) for one in self._folder.glob("*/*") if one.is_file()]
        room = _MOST
        for state, path in sorted(found, key=lambda pair: -pair[0].st_mtime):
            room -= state.st_size
            if room < 0:
                path.unlink(missing_ok=True)

    def _path(self, url: str) -> Path:
        digest = sha256(f"{self._salt}\n{url}".encode("utf-8", "surrogatepass")).hexdigest()
        return self._folder / digest[:2] / digest
