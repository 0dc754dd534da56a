"""What stands behind a `Context`, as protocols that the runner fills.

Owns: their methods. Never: does any of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from email.message import EmailMessage
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from automation.artifacts import Artifact

if TYPE_CHECKING:
    from automation.net import Response


class ArtifactStore(Protocol):
    """Where a run's files go, and where those of others are found."""

    def save(self, name: str, content: bytes | str | Path, media_type: str | None) -> Artifact: ...
    def find(self, job: str, pattern: str, before: datetime | None = None, run: str = "") -> list[Artifact]: ...


class Outbox(Protocol):
    """Where mails wait for the end of the run; they are recorded together with its verdict."""

    def add(self, message: EmailMessage, key: str, **how: Any) -> None: ...


class Effects(Protocol):
    """What the ledger remembers for a run while it works."""

    def once(self, key: str) -> bool: ...
    def progress(self, done: int, total: int | None) -> None: ...
    def cancelled(self) -> bool: ...
    def approved(self, digest: str) -> bool: ...
    def propose(self, digest: str, plan: dict[str, Any]) -> None: ...
    def newest(self, job: str, until: datetime) -> dict[str, Any]: ...


class Renderer(Protocol):
    """Renders one of the project's templates, sandboxed and strict."""

    def render(self, template: str, values: dict[str, Any]) -> str: ...
    def render_text(self, source: str, values: dict[str, Any], *, html: bool) -> str: ...


class Scraper(Protocol):
    """Fetches and crawls for one attempt, as the plugin `scrape` would."""

    def fetch(self, url: str, options: dict[str, Any]) -> Response: ...
    def crawl(
        self,
        params: dict[str, Any],
        *,
        each: Callable[[dict[str, Any]], Any] | None,
        parse: Callable[[Any], Iterable[Any]] | None,
        columns: Mapping[str, str] | None,
    ) -> dict[str, Any]: ...
