"""A scrape as a part of a run: with its database, moment, log and files, and what its outcome means to the run.

Owns: from an attempt to what a scrape is given; which failure is a wish to wait.
Never: knows the runner; the attempt is what it looks like from its plugin.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import sqlalchemy as sa

from automation.errors import FailureClass, JobFailed, Snooze
from automation.scraping.engine import scrape
from automation.scraping.export import MEDIA
from automation.scraping.hooks import Hooks
from automation.scraping.params import ScrapeParams
from automation.scraping.politeness import LONGEST_WAIT
from automation.scraping.rows import read_rows
from automation.scraping.surroundings import Surroundings
from automation.text import count

if TYPE_CHECKING:
    from automation.limits.hosts import Hosts
    from automation.net.client import Client

#: Who asks for a longer wait is not waited for: the run fails, and its retry policy decides.
_LONGEST_SNOOZE = timedelta(hours=6)
_LEAST_SNOOZE = LONGEST_WAIT


class Run(Protocol):
    """An attempt of a run, as far as a scrape is concerned with it."""

    @property
    def job(self) -> Any: ...
    @property
    def run_id(self) -> str: ...
    @property
    def attempt(self) -> int: ...
    @property
    def nominal_time(self) -> datetime: ...
    @property
    def log(self) -> logging.LoggerAdapter[logging.Logger]: ...
    @property
    def dry_run(self) -> bool: ...
    @property
    def item(self) -> Any: ...
    @property
    def http(self) -> Client: ...
    @property
    def hosts(self) -> Hosts | None: ...
    @property
    def cache(self) -> Path | None: ...
    @property
    def workdir(self) -> Path: ...
    @property
    def cancelled(self) -> bool: ...
    @property
    def progress(self) -> Callable[[int], None]: ...
    @property
    def artifact(self) -> Callable[..., object]: ...
    def database(self, name: str | None = None, *, read_only: bool = False) -> sa.Engine: ...


def surroundings(run: Run, params: ScrapeParams, hooks: Hooks | None = None) -> Surroundings:
    """What a scrape with these parameters is given by this attempt."""
    return Surroundings(
        engine=run.database(params.database),
        table=re.sub(r"\W", "_", run.job.name, flags=re.ASCII)[:48],
        moment=run.nominal_time,
        run_id=run.run_id,
        folder=run.workdir,
        log=run.log,
        progress=run.progress,
        cancelled=lambda: run.cancelled,
        keep=(lambda _name, _path: None) if run.dry_run else run.artifact,
        store=not run.dry_run,
        attempt=run.attempt,
        job=run.job.name,
        item=run.item,
        hosts=run.hosts,
        cache=run.cache,
        proxy=run.http.proxy,
        rows=lambda asked: read_rows(run.database(asked.database, read_only=True), asked),
        hooks=hooks or Hooks(),
    )


async def do(run: Run, params: ScrapeParams, hooks: Hooks | None = None) -> dict[str, Any]:
    """Scrape, keep the files, and return the result.

    Raises JobFailed when the run is bad, Snooze when it is to go on later: asked to stop, or asked to wait.
    """
    try:
        outcome = await scrape(params, surroundings(run, params, hooks))
    except JobFailed as error:
        raise _as_outcome(error) from error
    if outcome.result["stopped_by"] == "cancelled":
        # A part of the pages is no success; its items are in the table, and the next attempt goes on.
        raise Snooze(1, f"stopped after {count(outcome.result['pages'], 'page')}: the run is to stop")
    for form, path in ({} if run.dry_run else outcome.files).items():
        run.artifact(path.name, path, media_type=MEDIA[form])
    if outcome.problem is not None:
        raise _as_outcome(outcome.problem)
    return outcome.result


def _as_outcome(failure: JobFailed) -> JobFailed | Snooze:
    """The failure itself, or a run put off where a server, or a day's budget, asks to wait: nothing has failed then."""
    wait = failure.retry_after
    if failure.failure_class is not FailureClass.THROTTLED or wait is None:
        return failure
    if failure.code != "budget" and wait > _LONGEST_SNOOZE:
        return failure
    # Who goes on saying "in a second" is not asked each second: that wait was kept, and was not enough.
    return Snooze(max(wait, _LEAST_SNOOZE), str(failure))
