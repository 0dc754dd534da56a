"""A scrape from its parameters to its result.

Owns: joining crawl, findings, store and exports for one run; what the result says.
Never: knows the runner; all that it needs is given.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from automation.errors import JobFailed
from automation.scraping.asking import pages_of
from automation.scraping.crawl import Crawl
from automation.scraping.page import Page
from automation.scraping.params import ScrapeParams
from automation.scraping.quality import judge
from automation.scraping.sink import Sink
from automation.scraping.snapshots import Snapshots
from automation.scraping.surroundings import Surroundings
from automation.scraping.travel import Travel

#: New objects before the collector comes by; Python's own number is 700, which is one page.
_NEW_BEFORE_COLLECTED = 20_000


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

    1. Make the table, or add the columns it lacks; go on where an earlier attempt of the same run stopped.
    2. Fetch and read page by page; every thousand items or hundred pages, or each second, items are put into the table together
       with how far the crawl is, so that a kill costs what was not written yet and a second attempt doubles nothing.
    3. Judge what was found; `on_bad = "warn"` makes only a warning of thresholds.

    Raises JobFailed when a page or the table fails; what was stored until then stays, and the next attempt goes on there.
    """
    sink = Sink(params, around)
    with closing(sink.exports), _seldom_collected():
        sink.open()
        async with pages_of(params, around) as pages:
            pages.on_bad(lambda error, page: sink.snapshots.note(error.code, Page.of(page, 0)))
            crawl = Crawl(
                params, pages, around.log,
                deliver=sink.take_through(around.hooks), settled=sink.settled, progress=around.progress, snapshots=sink.snapshots,
                frontier=sink.frontier, travel=sink.travel, rows=around.rows, hooks=around.hooks, files=sink.files,
            )  # fmt: skip
            try:
                travel = await crawl.run()
            except JobFailed:
                _keep(sink.snapshots, around)
                raise
            finally:
                sink.flush()
    if travel.stopped_by == "cancelled":
        return Outcome(_result(params, travel, sink), dict(sink.exports.files), None)
    doubts = _judged(params, sink, travel, around)
    problem = next((one for one in doubts if params.on_bad != "warn" or not one.code.startswith("quality:")), None)
    if problem is not None:
        sink.snapshots.judged(problem.code or problem.failure_class)
    if problem is not None or travel.failed:
        _keep(sink.snapshots, around)
    if travel.stopped_by == "max_errors" and crawl.last_failure and params.on_bad != "warn":
        # Not the end: another attempt goes on with the pages that failed.
        return Outcome(_result(params, travel, sink), dict(sink.exports.files), _too_many(params, crawl.last_failure))
    if (missing := crawl.hosts.failure()) is not None:
        around.log.warning("%s", missing)
        if params.on_bad == "fail":
            return Outcome(_result(params, travel, sink), dict(sink.exports.files), missing)
        doubts.append(missing)
    sink.end(good=problem is None)
    result = {**_result(params, travel, sink), "doubts": [str(one) for one in doubts]}
    return Outcome(result, dict(sink.exports.files), problem)


@contextmanager
def _seldom_collected() -> Iterator[None]:
    """Pages and items end without the collector's help, which would look for garbage after each of them."""
    before, *others = gc.get_threshold()
    gc.set_threshold(max(before, _NEW_BEFORE_COLLECTED) if before else 0, *others)
    try:
        yield
    finally:
        gc.set_threshold(before, *others)


def _judged(params: ScrapeParams, sink: Sink, travel: Travel, around: Surroundings) -> list[JobFailed]:
    """What is wrong with what was found, worst first, also where the run goes through with it."""
    findings = sink.findings
    for name in findings.never_found(params.all_fields):
        around.log.warning("No item has the field '%s'; look at its selector", name)
    compared = params.quality.max_drop is not None and not travel.stopped_by
    passed_over = travel.skipped_by_robots + travel.refused + travel.gone
    problems = judge(findings, params.quality, passed_over, sink.history() if compared else ())
    for problem in problems:
        around.log.warning("%s", problem)
    return problems


def _keep(snapshots: Snapshots, around: Surroundings) -> None:
    for name, path in snapshots.files.items():
        around.keep(name, path)


def _too_many(params: ScrapeParams, last: JobFailed) -> JobFailed:
    message = f"More than max_errors = {params.max_errors} pages failed; the last: {last}"
    return JobFailed(message, last.failure_class, code=last.code)


def _result(params: ScrapeParams, travel: Travel, sink: Sink) -> dict[str, Any]:
    findings, tally = sink.findings, sink.tally
    result: dict[str, Any] = {
        "pages": travel.pages, "items": findings.kept, "new": tally.new, "changed": tally.changed,
        "unchanged": tally.unchanged, "gone": tally.gone, "back": tally.back, "gone_pages": travel.gone, "failed_pages": travel.failed, "failed_files": travel.failed_files, "skipped_by_robots": travel.skipped_by_robots,
        "skipped_other_host": travel.skipped_other_host, "refused": travel.refused, "rendered": travel.rendered, "dropped": findings.dropped,
        "duplicates": findings.duplicates, "left_out": sink.left_out, "repeated_pages": travel.repeated, "unreadable": dict(findings.unreadable),
        "never_found": findings.never_found(params.all_fields), "stopped_by": travel.stopped_by or None,
        "table": sink.store.table.fullname, "added_columns": sink.store.added, "samples": tally.samples,
    }  # fmt: skip
    return result
