"""Asking every query of a report, and the same queries of the period before.

Owns: what is asked, of which moments, and the file that keeps the answers.
Never: decides what a report shows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import sqlalchemy as sa

from automation.clock import Clock
from automation.errors import FailureClass, JobFailed
from automation.reports.answer import Answer
from automation.reports.compare import Shift, beside, is_number, shift_of
from automation.reports.params import ReportParams
from automation.reports.queries import QueryParams
from automation.reports.query import ask, run_values
from automation.reports.stored import Origin, Spool
from automation.text import count, format_duration

#: Behind a query's name, in the stored file, for its answer of the period before.
_THEN = "@before"


class Log(Protocol):
    """Where it is told what was found."""

    def info(self, msg: str, *args: object) -> None: ...
    def warning(self, msg: str, *args: object) -> None: ...


@dataclass
class Around:
    """What a run lends.

    Parameters
    ----------
    engine: the read-only engine of a database, by its name or URL.
    files: the files of another job that fit a pattern.
    folder: for files that are being made.
    told: called with how many queries are done, and of how many.
    """

    engine: Callable[[str | None], sa.Engine]
    files: Callable[[str, str], list[Path]]
    folder: Path
    clock: Clock
    log: Log
    told: Callable[[int, int], None]


@dataclass
class Gathered:
    """The answers by name, those of the period before, and what they are kept in.

    Parameters
    ----------
    facts: what was known of the data's sources.
    """

    origin: Origin
    facts: dict[str, Any]
    answers: dict[str, Answer]
    spools: list[Spool] = field(default_factory=list)

    def merged(self, params: ReportParams, log: Log) -> dict[str, Answer]:
        """The answers as the report shows them: with the period before beside the figures, where one was asked for."""
        made = {}
        for name, query in params.queries.items():
            if name not in self.answers:
                raise JobFailed(
                    f"query '{name}': the stored data, of the job '{self.origin.job}', have no answer of it",
                    FailureClass.CONFIG,
                )
            now, before = self.answers[name], self.answers.get(name + _THEN)
            how = compared(params, query)
            if before is None or not how:
                made[name] = now
            elif now.rest or now.truncated or before.truncated:
                log.warning("Query %s has more rows than max_rows, so nothing stands beside them", name)
                made[name] = now
            else:
                made[name] = beside(now, before, keys_of(now, query), shift(params, self.origin, how))
        return made


def compared(params: ReportParams, query: QueryParams) -> str:
    """What a query is compared with; empty for nothing."""
    return params.compare if query.compare is None else query.compare


def shift(params: ReportParams, origin: Origin, how: str) -> Shift:
    """How far back the period before lies."""
    return shift_of(how, origin.window_start, origin.window_end, params.timezone)


def keys_of(answer: Answer, query: QueryParams) -> list[str]:
    """The columns that tell rows apart: those named, else those that are not all numbers."""
    unknown = next((name for name in query.key if name not in answer.columns), None)
    if unknown is not None:
        raise JobFailed(f"query '{answer.name}': gives no column '{unknown}' for its key", FailureClass.CONFIG)
    if query.key:
        return query.key
    return [
        name
        for at, name in enumerate(answer.columns)
        if not all(row[at] is None or is_number(row[at]) for row in answer.rows)
    ]


def gather(params: ReportParams, origin: Origin, facts: dict[str, Any], around: Around) -> Gathered:
    """Ask every query, in their order; the time and rows of each are told."""
    found = Gathered(origin, facts, {})
    total = sum(1 + bool(compared(params, query)) for query in params.queries.values())
    for name, query in params.queries.items():
        _one(found, params, name, query, origin, around, total)
        if how := compared(params, query):
            back = shift(params, origin, how)
            then = replace(
                origin,
                nominal_time=back.back(origin.nominal_time),
                window_start=back.back(origin.window_start),
                window_end=back.back(origin.window_end),
            )
            _one(found, params, name + _THEN, query, then, around, total)
    return found


def _one(
    found: Gathered, params: ReportParams, name: str, query: QueryParams, origin: Origin, around: Around, total: int
) -> None:
    around.told(len(found.answers), total)
    spool = Spool(around.folder / f"{len(found.answers)}.rows.gz", params.max_export)
    found.spools.append(spool)
    values = {**run_values(origin.nominal_time, origin.window_start, origin.window_end), **query.params}
    try:
        answer = _asked(name, query, values, params.max_rows, spool, around)
    finally:
        spool.close()
    found.answers[name] = answer
    around.log.info("Query %s: %s in %s", name, count(answer.found, "row"), format_duration(answer.seconds))
    if answer.truncated:
        around.log.warning("Query %s found more rows than max_rows = %d; the report says so", name, params.max_rows)
    if answer.cut:
        around.log.warning("Query %s found more rows than max_export = %d; files lack them", name, params.max_export)


def _asked(
    name: str, query: QueryParams, values: Mapping[str, Any], max_rows: int, spool: Spool, around: Around
) -> Answer:
    if query.files:
        from automation.reports.files import ask_files

        paths = around.files(query.files.job, query.files.pattern)
        return ask_files(paths, name, query, values, max_rows=max_rows, clock=around.clock, spool=spool)
    return ask(
        around.engine(query.database),
        name,
        query.sql,
        values,
        max_rows=max_rows,
        time_limit=query.time_limit,
        clock=around.clock,
        own=tuple(query.params),
        spool=spool,
    )
