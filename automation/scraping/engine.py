"""A scrape from its parameters to its result.

Owns: joining crawl, findings, store and exports for one run; what the result says.
Never: knows the runner; all that it needs is given.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from automation.clock import Clock, SystemClock
from automation.errors import JobFailed
from automation.net.fetcher import Fetcher
from automation.net.limits import Limits
from automation.net.rules import user_agent
from automation.scraping.crawl import Crawl, Travel
from automation.scraping.export import Exports
from automation.scraping.extract import Item
from automation.scraping.pages import Pages
from automation.scraping.params import ScrapeParams
from automation.scraping.politeness import Turns
from automation.scraping.quality import Findings, judge
from automation.scraping.store import Row, Store, Tally

_BATCH = 100


@dataclass(frozen=True)
class Surroundings:
    """What a scrape is given by the one who runs it.

    Parameters
    ----------
    table: the table's name where the parameters name none; also the name of the export files.
    moment: one for the run and all its attempts; `first_seen` and `last_seen` are set to it.
    folder: where export files are written.
    store: False looks at the pages and writes nothing.
    """

    engine: sa.Engine
    table: str
    moment: datetime
    run_id: str
    folder: Path
    log: logging.Logger | logging.LoggerAdapter[logging.Logger]
    progress: Callable[[int], None] = lambda _pages: None
    cancelled: Callable[[], bool] = lambda: False
    store: bool = True
    clock: Clock = field(default_factory=SystemClock)


@dataclass(frozen=True)
class Outcome:
    """What a scrape came to.

    Parameters
    ----------
    result: figures, as the run keeps them.
    files: export form → finished file.
    problem: why the run is bad although its pages were read; None when it is good. Files and rows are there either way.
    """

    result: dict[str, Any]
    files: dict[str, Path]
    problem: JobFailed | None


async def scrape(params: ScrapeParams, around: Surroundings) -> Outcome:
    """Do a scrape.

    1. Make the table, or add the columns it lacks.
    2. Fetch and read page by page; every hundred items are put into the table at once, so that a kill loses little
       and a second attempt doubles nothing.
    3. Judge what was found; `on_bad = "warn"` makes only a warning of thresholds.

    Raises JobFailed when a page or the table fails; what was stored until then stays.
    """
    sink = _Sink(params, around)
    with closing(sink.exports):
        if around.store:
            sink.store.prepare()
        agent = params.user_agent or user_agent()
        async with _fetcher(params, around.clock, agent) as fetcher:
            pages = _pages(params, fetcher, around, agent)
            crawl = Crawl(
                params, pages, around.log, deliver=sink.take, cancelled=around.cancelled, progress=around.progress
            )
            try:
                travel = await crawl.run()
            finally:
                sink.flush()
    problem = None if travel.stopped_by == "cancelled" else _verdict(params, sink.findings, travel, around)
    return Outcome(_result(params, travel, sink), dict(sink.exports.files), problem)


class _Sink:
    """Where items go: checked, counted, gathered into batches, written."""

    def __init__(self, params: ScrapeParams, around: Surroundings) -> None:
        self._params, self._around = params, around
        self._fields = params.all_fields
        self._seen: set[tuple[Any, ...]] = set()
        self._batch: list[Row] = []
        self.findings, self.tally, self.duplicates = Findings(), Tally(), 0
        self.store = Store(
            around.engine, params.table or around.table, self._fields, params.key,
            moment=around.moment, run_id=around.run_id, log=around.log,
        )  # fmt: skip
        own = {"first_seen", "last_seen", "changed_at", "run_id"}
        self.columns = [column.name for column in self.store.table.columns if column.name not in own]
        name = (params.table or around.table).rpartition(".")[2]
        self.exports = Exports(around.folder, name, params.export, self.columns)

    def take(self, item: Item) -> None:
        """Keep an item, or drop it and count why."""
        row: Row = {name: item.values.get(name) for name in self.columns}
        for name, sentence in item.unreadable.items():
            self.findings.misread(name, sentence)
        lacking = [name for name, rule in self._fields.items() if rule.required and _blank(row[name])]
        without_key = self.store.without_key(row)
        read = [name for name, rule in self._fields.items() if not rule.source]
        empty = bool(read) and all(_blank(row[name]) or row[name] is False for name in read)
        if lacking or without_key or empty:
            self.findings.dropped += 1
            self.findings.lacking.update({*lacking, *([without_key] if without_key else [])} or {"every field"})
            return
        if self._params.key:
            identity = tuple(row[name] for name in self._params.key)
            if identity in self._seen:
                self.duplicates += 1
                return
            self._seen.add(identity)
        self.findings.keep(row, self._fields)
        self._batch.append(row)
        if len(self._batch) >= _BATCH:
            self.flush()

    def flush(self) -> None:
        """Write what was gathered."""
        batch, self._batch = self._batch, []
        if not batch:
            return
        if self._around.store:
            self.tally.add(self.store.write(batch))
        self.exports.write(batch)


def _blank(value: Any) -> bool:
    return value is None or value in ("", [])


def _fetcher(params: ScrapeParams, clock: Clock, agent: str) -> Fetcher:
    fetcher = Fetcher(
        allow_networks=params.allow_networks,
        allow_ports=params.allow_ports,
        limits=Limits(max_bytes=params.max_bytes, deadline=params.deadline.total_seconds()),
        user_agent=agent,
        clock=clock,
    )
    for host in params.start_hosts:
        for name, value in params.cookies.items():
            fetcher.set_cookie(name, value, host)
    return fetcher


def _pages(params: ScrapeParams, fetcher: Fetcher, around: Surroundings, agent: str) -> Pages:
    headers, auth = dict(params.headers), None
    if params.auth and params.auth.bearer:
        headers["Authorization"] = f"Bearer {params.auth.bearer}"
    elif params.auth and params.auth.user is not None:
        auth = (params.auth.user, params.auth.password or "")
    turns = Turns(params.delay.total_seconds(), params.concurrency, around.clock)
    return Pages(
        fetcher, turns, around.log,
        user_agent=agent, robots=params.robots, hosts=params.start_hosts, headers=headers, auth=auth,
    )  # fmt: skip


def _verdict(params: ScrapeParams, findings: Findings, travel: Travel, around: Surroundings) -> JobFailed | None:
    for name in findings.never_found(params.all_fields):
        around.log.warning("No item has the field '%s'; look at its selector", name)
    problems = judge(findings, params.quality, passed_over=travel.skipped_by_robots + travel.refused + travel.gone)
    for problem in problems:
        around.log.warning("%s", problem)
    serious = [one for one in problems if params.on_bad == "fail" or not one.code.startswith("quality:")]
    return serious[0] if serious else None


def _result(params: ScrapeParams, travel: Travel, sink: _Sink) -> dict[str, Any]:
    findings, tally = sink.findings, sink.tally
    result: dict[str, Any] = {
        "pages": travel.pages, "items": findings.kept, "new": tally.new, "changed": tally.changed,
        "unchanged": tally.unchanged, "gone": travel.gone, "skipped_by_robots": travel.skipped_by_robots,
        "skipped_other_host": travel.skipped_other_host, "refused": travel.refused, "dropped": findings.dropped,
        "duplicates": sink.duplicates, "repeated_pages": travel.repeated, "unreadable": dict(findings.unreadable),
        "never_found": findings.never_found(params.all_fields), "stopped_by": travel.stopped_by or None,
        "table": sink.store.table.fullname,
    }  # fmt: skip
    return result
