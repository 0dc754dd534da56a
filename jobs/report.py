"""The `report` plugin: named read-only queries become one page and a CSV file for each."""

from __future__ import annotations

from typing import Any

from automation import Context, FailureClass, JobFailed, Skip, plugin
from automation.clock import SystemClock
from automation.reports import (
    Answer,
    Provenance,
    ReportParams,
    ask,
    is_empty,
    make_table,
    page_values,
    run_values,
    to_csv,
)
from automation.text import count, format_duration

_CLOCK = SystemClock()


@plugin("report", renders=True)
def report(ctx: Context, params: ReportParams) -> dict[str, Any]:
    """Run queries that only read, and keep their answers as an HTML page and CSV files.

    The page belongs to the run's nominal time: made again for the same occurrence, it shows the same moment.
    """
    answers = [_answer(ctx, params, name) for name in params.queries]
    empty = is_empty(answers)
    if empty and params.if_empty == "skip":
        raise Skip('no query found anything, and if_empty = "skip"')
    if empty and params.if_empty == "fail":
        raise JobFailed('no query found anything, and if_empty = "fail"', FailureClass.EMPTY)
    files = _files(ctx, params, answers)
    if not ctx.dry_run:
        for name, content in files.items():
            ctx.artifact(name, content)
    return {
        "title": _title(ctx, params),
        "rows": {answer.name: len(answer.rows) for answer in answers},
        "artifacts": [] if ctx.dry_run else list(files),
        "truncated": [answer.name for answer in answers if answer.truncated],
        "empty": empty,
    }


def _answer(ctx: Context, params: ReportParams, name: str) -> Answer:
    query = params.queries[name]
    ctx.progress(list(params.queries).index(name), len(params.queries))
    known = {**run_values(ctx.nominal_time, ctx.window.start, ctx.window.end), **query.params}
    answer = ask(
        ctx.database(query.database, read_only=True),
        name,
        query.sql,
        known,
        max_rows=params.max_rows,
        time_limit=query.time_limit,
        clock=_CLOCK,
        own=tuple(query.params),
    )
    ctx.log.info("Query %s: %s in %s", name, count(len(answer.rows), "row"), format_duration(answer.seconds))
    if answer.truncated:
        ctx.log.warning("Query %s found more rows than max_rows = %d; the report says so", name, params.max_rows)
    return answer


def _title(ctx: Context, params: ReportParams) -> str:
    return " ".join(_words(ctx, params, "title", params.title).split())


def _words(ctx: Context, params: ReportParams, field: str, source: str) -> str:
    """A field of the parameters rendered; a mistake in it names the field."""
    try:
        return ctx.render_text(
            source,
            job=ctx.job.name,
            nominal_time=ctx.nominal_time,
            window={"start": ctx.window.start, "end": ctx.window.end},
            timezone=params.timezone,
            currency=params.currency,
        )
    except JobFailed as error:
        raise JobFailed(f"{field}: {error}", error.failure_class) from error


def _files(ctx: Context, params: ReportParams, answers: list[Answer]) -> dict[str, bytes]:
    """Every file of the report, whole, before the first is kept."""
    files: dict[str, bytes] = {}
    if "html" in params.formats:
        files["report.html"] = _page(ctx, params, answers).encode("utf-8", "replace")
    if "csv" in params.formats:
        files |= {f"{answer.name}.csv": to_csv(answer) for answer in answers}
    return files


def _page(ctx: Context, params: ReportParams, answers: list[Answer]) -> str:
    tables = [
        make_table(answer, params.queries[answer.name], timezone=params.timezone, currency=params.currency)
        for answer in answers
    ]
    origin = Provenance(ctx.job.name, ctx.run_id, ctx.nominal_time, ctx.window.start, ctx.window.end)
    values = page_values(
        _title(ctx, params),
        _words(ctx, params, "description", params.description),
        tables,
        origin,
        timezone=params.timezone,
        currency=params.currency,
    )
    return ctx.render(params.template, **values)
