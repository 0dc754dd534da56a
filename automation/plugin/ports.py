"""What stands behind a `Context`, as protocols that the runner fills.

Owns: their methods. Never: does any of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from automation.artifacts import Artifact

if TYPE_CHECKING:
    from automation.net import Response


@dataclass(frozen=True)
class Reported:
    """What a program elsewhere has reported of a run, by now.

    Parameters
    ----------
    now: the moment of this look.
    began, ended: when it said so.
    failed: how it ended.
    exit_status: what it exited with, where it said.
    beside: another run of the job that it reported within the span that was asked about.
    """

    now: datetime
    began: datetime | None = None
    ended: datetime | None = None
    failed: bool = False
    exit_status: int | None = None
    beside: str | None = None


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
    def reported(self, early: timedelta) -> Reported: ...


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
