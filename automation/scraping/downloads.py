"""Which files a field may bring, as TOML says it.

Owns: the limits of a download. Never: fetches.
"""

from __future__ import annotations

from fnmatch import fnmatch
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from automation.scraping.kinds import Strict, Texts


class Download(Strict):
    """The file behind a link becomes an artifact of the run."""

    types: Texts = Field((), description='media types that are taken: "image/*"; default: all but web pages')
    max_bytes: int = Field(20_000_000, ge=1, description="the largest file")

    def takes(self, media_type: str) -> bool:
        """Whether a file of this media type is taken."""
        if not self.types:
            return media_type not in ("text/html", "application/xhtml+xml")
        return any(fnmatch(media_type, one.lower()) for one in self.types)


def _written(value: Any) -> Any:
    return {} if value is True else None if value is False else value


AnyDownload = Annotated[Download | None, BeforeValidator(_written)]
