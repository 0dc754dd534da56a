"""The `report` plugin: named read-only queries become pages, sheets and data files.

Owns: joining the report engine with a run: its databases, moments, files, memory and words.
Never: asks, compares or draws itself; `automation/reports/` does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from automation import Artifact, Context, FailureClass, JobFailed, Skip, plugin
from automation.clock import SystemClock
from automation.rendering import render_markdown
from automation.rendering.locales import Forms
from automation.reports import (
    DATA_FILE,
    Answer,
    Around,
    Gathered,
    Made,
    Origin,
    ReportParams,
    State,
    Table,
    Words,
    changes_of,
    check_sources,
    digest,
    facts_of,
    files_of,
    filled_in,
    gather,
    is_empty,
    join,
    load,
    make_table,
    notes_of,
    page_values,
    period_before,
    publish,
    remember,
    remembered,
    sections_of,
    state_of,
)
from automation.text import count, instant

_CLOCK = SystemClock()


@dataclass
class _Report:
    """A report on its way: what was found, and what is said of it."""

    ctx: Context
    params: ReportParams
    gathered: Gathered
    answers: dict[str, Answer]
    states: list[State]
    forms: Forms

    @property
    def moment(self) -> str:
        """The occurrence, as the job remembers it."""
        return instant(self.gathered.origin.nominal_time)

    @cached_property
    def facts(self) -> dict[str, Any]:
        """What expressions may ask of the answers; of many rows it takes longer than the page."""
        return {"queries": facts_of(self.answers)}


@plugin("report", renders=True)
def report(ctx: Context, params: ReportParams) -> dict[str, Any]:
    """Run queries that only read, and keep their answers as pages, sheets and data files.

    1. Ask, or read what an earlier run has stored; put the period before beside it.
    2. See whether the report is to go out: its conditions, thresholds, emptiness, and what it said before.
    3. Make every file, then keep them.
    """
    params = filled_in(params, ctx.render_text)
    made = _gathered(ctx, params)
    empty = is_empty(list(made.answers.values()))
    try:
        known = _judged(made, empty)
    except Skip as skipped:
        if ctx.kind != "preview":
            raise
        known = {}
        ctx.log.warning("It would be skipped: %s", skipped.reason)
    tables = {
        name: make_table(
            answer,
            params.queries[name],
            made.forms,
            compared=period_before(params, made.gathered.origin, name, made.forms),
        )
        for name, answer in made.answers.items()
    }
    title = _title(made)
    files = _files(made, title, tables)
    if not ctx.dry_run:
        _keep(made, title, files)
        # A report that is made again tells nothing new to the next one.
        for name, value in [] if params.data_of else known.items():
            ctx.state[name] = value
    return {
        "title": title,
        "rows": {name: answer.found for name, answer in made.answers.items()},
        "artifacts": [] if ctx.dry_run else list(files),
        "truncated": [table.name for table in tables.values() if table.truncated],
        "empty": empty,
        **({"states": {state.name: state.state for state in made.states}} if made.states else {}),
    }


def _gathered(ctx: Context, params: ReportParams) -> _Report:
    around = Around(
        engine=lambda name: ctx.database(name, read_only=True),
        files=lambda job, pattern: [file.path for file in ctx.artifacts(job, pattern)],
        folder=ctx.workdir,
        clock=_CLOCK,
        log=ctx.log,
        told=ctx.progress,
    )
    if params.data_of:
        found = _stored(ctx, ctx.artifacts("", DATA_FILE, run=params.data_of), params)
        if found is None:
            raise JobFailed(
                f"run {params.data_of} has no stored data; it is no report, or they are no longer kept",
                FailureClass.CONFIG,
            )
    else:
        origin = Origin(ctx.job.name, ctx.run_id, ctx.nominal_time, ctx.window.start, ctx.window.end)
        facts = {"sources": [check_sources(job, ctx.newest(job)) for job in params.sources]}
        found = gather(params, origin, facts, around)
    answers = found.merged(params, ctx.log)
    if params.only_changes:
        files = ctx.artifacts(ctx.job.name, DATA_FILE, before=found.origin.nominal_time)
        before = _stored(ctx, files, params)
        if files and before is None:
            ctx.log.warning("The stored data of the report before are no longer there: every row is new")
        answers = {
            name: changes_of(answer, before.answers.get(name) if before else None, params.queries[name])
            for name, answer in found.answers.items()
            if name in params.queries
        }
    return _Report(ctx, params, found, answers, [], _forms(params))


def _stored(ctx: Context, files: list[Artifact], params: ReportParams) -> Gathered | None:
    """What a run has stored, unless somebody has taken it away since."""
    if not files or not files[0].path.is_file():
        return None
    origin, facts, answers = load(files[0].path, ctx.workdir, params.max_rows)
    return Gathered(origin, facts, answers)


def _forms(params: ReportParams) -> Forms:
    return Forms(
        params.locale, params.currency, params.timezone, params.date_format, params.datetime_format, params.words
    )


def _judged(made: _Report, empty: bool) -> dict[str, Any]:
    """What is to be remembered of a report that goes out; one that does not is skipped, with the reason."""
    params, kept = made.params, made.ctx.state
    if empty and params.if_empty == "skip":
        raise Skip('no query found anything, and if_empty = "skip"')
    if empty and params.if_empty == "fail":
        raise JobFailed('no query found anything, and if_empty = "fail"', FailureClass.EMPTY)
    if params.only_changes and not any(answer.rows for answer in made.answers.values()):
        raise Skip("nothing is new, changed or gone since the report before, and only_changes = true")
    if params.send_if and not _holds(made, "send_if", params.send_if):
        raise Skip(f"send_if does not hold: {params.send_if}")
    known = _thresholds(made) if params.thresholds else {}
    if params.if_unchanged == "skip" and not params.data_of:
        before, now = remembered(kept, "report", made.moment), digest(made.answers)
        if before == now:
            raise Skip('the data are those of the report before, and if_unchanged = "skip"')
        known["report"] = remember(made.moment, before, now)
    return known


def _thresholds(made: _Report) -> dict[str, Any]:
    """Each threshold's state beside that of the occurrence before; the report waits for one where it is told to."""
    params = made.params
    before = remembered(made.ctx.state, "thresholds", made.moment) or {}
    now = {name: _holds(made, f"thresholds.{name}.when", one.when) for name, one in params.thresholds.items()}
    made.states = [
        State(name, one.title or name, state_of(now[name], bool(before.get(name))))
        for name, one in params.thresholds.items()
    ]
    for state in made.states:
        made.ctx.log.info("Threshold %s: %s", state.name, state.state)
    turned = any(now[name] != bool(before.get(name)) for name in now)
    if (params.send_when == "triggered" and not any(now.values()) and not turned) or (
        params.send_when == "changed" and not turned
    ):
        told = ", ".join(f"{state.name} is {state.state}" for state in made.states)
        raise Skip(f'{told}, and send_when = "{params.send_when}"')
    return {"thresholds": remember(made.moment, before, now)}


def _holds(made: _Report, field: str, expression: str) -> bool:
    found = _words(made, field, "{{ 'true' if (" + expression + ") else '' }}", **made.facts)
    return found == "true"


def _title(made: _Report) -> str:
    return " ".join(_words(made, "title", made.params.title).split())


def _values(made: _Report) -> dict[str, Any]:
    origin = made.gathered.origin
    return {
        "job": origin.job,
        "nominal_time": origin.nominal_time,
        "window": {"start": origin.window_start, "end": origin.window_end},
        **vars(made.forms),
        "words": made.forms.words,
    }


def _words(made: _Report, field: str, source: str, **more: Any) -> str:
    """A field of the parameters rendered; a mistake in it names the field."""
    if "{" not in source:
        return source
    try:
        return made.ctx.render_text(source, **{**_values(made), **more})
    except JobFailed as error:
        raise JobFailed(f"{field}: {error}", error.failure_class) from error


def _files(made: _Report, title: str, tables: dict[str, Table]) -> dict[str, Path]:
    """Every file of the report, whole, before the first is kept."""
    params, origin, forms = made.params, made.gathered.origin, made.forms
    facts = made.facts if params.blocks else {}
    sections = sections_of(
        tables,
        params.blocks,
        lambda source: _words(made, "blocks", source, **facts),
        lambda source: render_markdown(source, {**_values(made), **facts}),
    )
    notes, sources = notes_of(made.gathered, forms)
    words = Words(
        title=title,
        description=_words(made, "description", params.description),
        notes=notes,
        states=[{"title": state.title, "state": forms.words[state.key], "news": state.news} for state in made.states],
        sources=sources,
        files={name: f"{name}.csv" for name in tables} if "csv" in params.formats else {},
        rendered_by=made.ctx.run_id if params.data_of else "",
    )
    values = page_values(words, tables, sections, origin, forms)

    def page(template: str) -> str:
        return made.ctx.render(template or params.template, **values)

    folder = made.ctx.workdir / "report"
    folder.mkdir(exist_ok=True)
    return files_of(Made(params, title, origin, forms, made.answers, tables, sections, page, folder, notes=list(notes)))


def _keep(made: _Report, title: str, files: Mapping[str, Path]) -> None:
    ctx, params, found = made.ctx, made.params, made.gathered
    if params.archive and ctx.kind != "preview":
        publish(ctx.project / params.archive.folder, params.archive, title, found.origin, files, made.forms)
    for name, path in files.items():
        ctx.artifact(name, path)
    if found.spools:
        ctx.artifact(DATA_FILE, join(ctx.workdir / DATA_FILE, found.origin, found.facts, found.spools))
    ctx.log.info("Report %s: %s", title, count(len(files), "file"))
