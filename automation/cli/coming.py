"""`automation next`: the coming fires, and what is unusual about each.

Owns: the command, its rows, and asking the ledger for what changes them: pauses, counts, the end of the last run.
Never: needs a ledger; without one it says what the files say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from automation.cli.output import Json, Limit, emit, notice, parse_moment
from automation.cli.project import load
from automation.errors import InvalidInput
from automation.text import count

if TYPE_CHECKING:
    from automation.dispatch.outlook import Outlook
    from automation.project.model import Job, Project

_COLUMNS = ("job", "schedule", "nominal_time", "local_time", "planned_time", "planned_local_time", "marks")
_OF_PLAN = ("planned_time", "planned_local_time")


def register(app: typer.Typer) -> None:
    """Give this command to the app."""
    app.command("next")(next_fires)


def next_fires(
    context: typer.Context,
    job: Annotated[str | None, typer.Argument(help="Only this job.", metavar="JOB")] = None,
    limit: Limit = 50,
    since: Annotated[
        str | None,
        typer.Option(
            "--from", help="From this moment on (2026-03-29T07:00, with Z for UTC); default: now.", metavar="T"
        ),
    ] = None,
    until: Annotated[str | None, typer.Option("--to", help="Before this moment.", metavar="T")] = None,
    as_json: Json = False,
) -> None:
    """Show when jobs fire next.

    Each fire in UTC and by the clocks of its schedule's time zone, with its planned time where jitter or a calendar
    moves it, and marks for what is unusual about it.
    """
    from automation.acts.fires import fire_row, first_fires
    from automation.clock import SystemClock

    project = load(context, only=job).project
    jobs = [_runnable(project, job)] if job else [job for job in project.jobs.values() if job.active]
    now = SystemClock().now()
    start = parse_moment(since) if since else now
    end = parse_moment(until) if until else None
    if end is not None and end <= start:
        raise InvalidInput(f"--to ({_utc(end)}) is not after {'--from' if since else 'now'} ({_utc(start)})")
    known = ask_ledger(context, jobs)
    found = first_fires(jobs, known, (now, start, end), limit + 1, together=not as_json)
    rows = [fire_row(one, known) for one in found[:limit]]
    emit(
        rows if as_json else _for_people(rows),
        as_json=as_json,
        columns=_columns(rows),
        spare=("nominal_time", "planned_time", "schedule"),
        empty="Nothing fires in that time.",
    )
    if not as_json:
        _tell(project, known, len(found) > limit, limit)


def ask_ledger(context: typer.Context, jobs: Sequence[Job]) -> Outlook:
    """What the ledger says of what comes for these jobs; without one nothing, with a notice if it cannot be used."""
    from automation.cli.opening import ledger_at_hand
    from automation.dispatch.outlook import outlook

    return outlook(ledger_at_hand(context, "What is paused, or has fired before, is not known"), jobs)


def _runnable(project: Project, name: str) -> Job:
    """The job of this name; a sentence on standard error when it does not fire, and why."""
    job = project.job(name)
    if job.problem:
        raise InvalidInput(f"The job '{name}' has a problem: {job.problem}")
    if job.after.jobs:
        notice(f"The job '{name}' has no fires of its own: it runs {job.after.words}; see: {_ask_first(job)}")
    elif not job.schedules:
        notice(f"The job '{name}' has no schedule; start it with `automation run {name}`.")
    elif not job.enabled:
        notice(f"The job '{name}' is disabled (enabled = false); these would be its times.")
    return job


def _ask_first(job: Job) -> str:
    """The commands that show the fires of those that its flow begins with."""
    first = job.lineage.first_of(job.name) if job.lineage else job.after.jobs
    return ", ".join(f"automation next {name}" for name in first)


def _columns(rows: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Those of the table: the planned time stands in it where one differs."""
    moved = any(map(_is_moved, rows))
    return tuple(column for column in _COLUMNS if moved or column not in _OF_PLAN)


def _is_moved(row: Mapping[str, Any]) -> bool:
    return bool(row["planned_time"] != row["nominal_time"])


def _for_people(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            **row,
            "nominal_time": _utc(row["nominal_time"]),
            "planned_time": _utc(row["planned_time"]) if _is_moved(row) else "",
            "planned_local_time": row["planned_local_time"].replace("T", " ") if _is_moved(row) else "",
            "local_time": row["local_time"].replace("T", " "),
        }
        for row in rows
    ]


def _utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"


def _tell(project: Project, known: Outlook, more: bool, limit: int) -> None:
    if project.errors:
        notice(f"{count(len(project.errors), 'problem')} in the project; see: automation check")
    if known.pauses:
        notice(f"{count(len(known.pauses), 'pause')} in force; see: automation pauses")
    if more:
        notice(f"There are more; these are the first {limit}. Show more with -n.")
