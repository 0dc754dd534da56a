"""What a plugin is given: `Context`.

Owns: all that it may ask of the runner. Never: does it by itself; what stands behind is in `ports`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automation.artifacts import Artifact
from automation.errors import InvalidInput
from automation.plugin.ports import ArtifactStore, Effects, Outbox, Renderer, Scraper

if TYPE_CHECKING:
    from bs4 import BeautifulSoup
    from sqlalchemy import Engine

    from automation.limits.hosts import Hosts
    from automation.net import Client, Response

#: A page that `crawl` hands to `parse`: `url`, `status`, `html`, `depth`.
Page = Any


@dataclass(frozen=True)
class JobInfo:
    """The job that a run does."""

    name: str
    plugin: str
    tags: tuple[str, ...] = ()
    description: str = ""


@dataclass(frozen=True)
class Window:
    """The span that an occurrence stands for: from the previous nominal time to this one, half open, in UTC."""

    start: datetime
    end: datetime


@dataclass
class Context:
    """All that a plugin needs, made anew for each attempt.

    Parameters
    ----------
    run_id, attempt: the run's id, stable over its attempts; the number of this one, from 1, also the fencing token.
    nominal_time: the due moment that this run stands for, in UTC; use it in place of now.
    window: from the previous nominal time to this one.
    log: lines go to the run's log in the ledger and to the process's log.
    http, hosts: the guarded HTTP client, closed when the attempt ends; turns at hosts that all runs of the project share.
    cache: the folder of pages that are kept between runs.
    data: the project's data folder on this machine, for what another attempt may go on with.
    state: JSON values of this job, kept between its runs; written when the attempt succeeds.
    project: the project's folder; relative paths in params start there.
    upstream: the jobs that it follows by name, each with `result`, `state`, `reason` and `run`.
    item: the element of a list that the run is for, with `for_each`.
    """

    job: JobInfo
    run_id: str
    attempt: int
    kind: str
    schedule: str | None
    nominal_time: datetime
    window: Window
    log: logging.LoggerAdapter[logging.Logger]
    http: Client
    state: MutableMapping[str, Any]
    project: Path
    dry_run: bool = False
    upstream: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    item: Any = None
    databases: Callable[[str | None, bool], Engine] = field(repr=False, kw_only=True)
    artifact_store: ArtifactStore = field(repr=False, kw_only=True)
    outbox: Outbox = field(repr=False, kw_only=True)
    effects: Effects = field(repr=False, kw_only=True)
    renderer: Renderer = field(repr=False, kw_only=True)
    soup_maker: Callable[[Any], BeautifulSoup] = field(repr=False, kw_only=True)
    workdir_maker: Callable[[], Path] = field(repr=False, kw_only=True)
    hosts: Hosts | None = field(default=None, repr=False, kw_only=True)
    cache: Path | None = field(default=None, repr=False, kw_only=True)
    data: Path | None = field(default=None, repr=False, kw_only=True)
    scraper_maker: Callable[[Context], Scraper] | None = field(default=None, repr=False, kw_only=True)
    cleaner: Callable[[Context, dict[str, Any], Any], dict[str, Any]] | None = field(
        default=None, repr=False, kw_only=True
    )

    def database(self, name: str | None = None, *, read_only: bool = False) -> Engine:
        """The engine of a database named in automation.toml, or of an SQLAlchemy URL; None is `data.db`."""
        return self.databases(name, read_only)

    def progress(self, done: int, total: int | None = None) -> None:
        """Tell how far the work is; shown by `automation show` and the dashboard."""
        self.effects.progress(done, total)

    def artifact(self, name: str, content: bytes | str | Path, *, media_type: str | None = None) -> Artifact:
        """Keep a file of this run: bytes, text, or a finished file of `workdir`, which is moved."""
        return self.artifact_store.save(name, content, media_type)

    def artifacts(
        self, job: str, pattern: str = "*", *, before: datetime | None = None, run: str = ""
    ) -> list[Artifact]:
        """The files of a job: of this flow's run of it, else of its newest success (before a moment); or of one run."""
        return self.artifact_store.find(job, pattern, before, run)

    def newest(self, job: str) -> dict[str, Any]:
        """How a job stood then: the last end's `state`, `reason`, `nominal_time`; when it `succeeded`, and `good_result`."""
        return self.effects.newest(job, self.nominal_time)

    def render(self, template: str, /, **values: Any) -> str:
        """A file of `templates/` rendered with these values; `.html` is escaped."""
        return self.renderer.render(template, {"upstream": self.upstream, "item": self.item, **values})

    def render_text(self, source: str, /, *, html: bool = False, **values: Any) -> str:
        """A Jinja2 string rendered with these values; escaped when `html` is set."""
        return self.renderer.render_text(source, {"upstream": self.upstream, "item": self.item, **values}, html=html)

    def send(self, message: EmailMessage, *, key: str = "1", **how: Any) -> None:
        """Put a mail into the outbox, once per occurrence, key and recipient; it leaves when the run succeeded.

        Parameters
        ----------
        how: it leaves: `server`, `rate`, `on_doubt` and `expires` (a timedelta), as with the `email` plugin.
        """
        self.outbox.add(message, key, **how)

    def once(self, key: str) -> bool:
        """True the first time for this occurrence, recorded durably before it answers; False ever after."""
        return self.effects.once(key)

    def soup(self, page: str | bytes | Response | Page) -> BeautifulSoup:
        """A parsed page (BeautifulSoup on lxml): of text, bytes, an answer of `fetch` or `http`, a page of `crawl`."""
        return self.soup_maker(page)

    def fetch(self, url: str, **options: Any) -> Response:
        """A page, fetched as `scrape` does: robots.txt, turns at its host, a few tries, all limits.

        Parameters
        ----------
        options: parameters of `scrape` such as `delay`, `robots`, `headers`, `allow_networks`.

        Statuses are 2xx, 404 and 410; whatever else raises JobFailed. Not for `async def`: see `crawl`.
        """
        return self._scraper.fetch(url, options)

    def crawl(
        self,
        *,
        each: Callable[[dict[str, Any]], Any] | None = None,
        parse: Callable[[Page], Iterable[Any]] | None = None,
        columns: Mapping[str, str] | None = None,
        **params: Any,
    ) -> dict[str, Any]:
        """A crawl as the plugin `scrape` does it, with a part of it in Python; returns its result.

        Parameters
        ----------
        each: gets each item, and returns it as it is to be kept, a list of items, or None to leave it out.
        parse: gets each page in place of `items` and `fields`; yields items (dicts) and links to follow (strings).
        columns: with `parse`: the fields and their types, such as `{"title": "text", "price": "money"}`.
        params: of the plugin `scrape`, named as in TOML.

        Raises JobFailed as the plugin does. In `async def`, write `await asyncio.to_thread(ctx.crawl, …)`.
        """
        return self._scraper.crawl(params, each=each, parse=parse, columns=columns)

    def clean(
        self,
        *,
        before: Callable[[list[dict[str, Any]]], Iterable[dict[str, Any]] | None] | None = None,
        **params: Any,
    ) -> dict[str, Any]:
        """A clean-up as the plugin `cleanup` does it, with a word of yours on each row; returns its result.

        Parameters
        ----------
        before: gets the rows of each batch as dicts, before they are copied and deleted, in the transaction that deletes
            them; returns those that may go, or None for all. It is not called for a plan.
        params: of the plugin `cleanup`, named as in TOML.

        Raises JobFailed, GiveUp and Snooze as the plugin does. In `async def`, write `await asyncio.to_thread(ctx.clean, …)`.
        """
        if self.cleaner is None:
            raise InvalidInput("This context was made by hand and cannot clean up; give it a cleaner")
        return self.cleaner(self, params, before)

    @cached_property
    def _scraper(self) -> Scraper:
        if self.scraper_maker is None:
            raise InvalidInput("This context was made by hand and cannot fetch; give it a scraper_maker")
        return self.scraper_maker(self)

    @cached_property
    def workdir(self) -> Path:
        """A folder of this attempt alone, made at the first look and removed at the attempt's end."""
        return self.workdir_maker()

    @property
    def cancelled(self) -> bool:
        """Whether somebody asked this run to stop, or its worker is leaving; ask it in long loops."""
        return self.effects.cancelled()
