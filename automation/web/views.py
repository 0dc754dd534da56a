"""What the pages show: rows of the ledger and jobs of the project in words.

Owns: every text of a page that is not in its template.
Never: queries, or reads the clock; it is given rows and a moment.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from automation.artifacts import Artifact
from automation.dispatch.outlook import Outlook
from automation.errors import Problem
from automation.ledger.rows import AttemptRow, LogRow, PauseRow, ProcessRow, RunRow
from automation.ledger.states import OPEN
from automation.project.fires import Fire
from automation.project.model import Job
from automation.project.targets import target_of
from automation.text import count, format_duration, instant, size

_SHORT = 8
_COUNTS = 4
#: What a browser may show in place; everything else is a download.
SHOWN_TYPES = {
    "text/html",
    "text/plain",
    "text/markdown",
    "application/json",
    "image/png",
    "image/jpeg",
    "image/gif",
    "image/webp",
    "image/svg+xml",
}


@dataclass(frozen=True)
class Moment:
    """An instant: how far away it is, and exactly when."""

    away: str
    iso: str
    exact: str


@dataclass(frozen=True)
class RunLine:
    """A run in a list."""

    id: str
    short: str
    job: str
    kind: str
    state: str
    queued: Moment
    took: str
    attempt: str
    note: str


@dataclass(frozen=True)
class JobLine:
    """A job in the list, with its latest runs from old to new; a broken one has a problem in its file.

    `held` says why the next fire will not run, or why it is planned for another time than its rule says.
    """

    name: str
    plugin: str
    description: str
    when: tuple[str, ...]
    next: Moment | None
    held: str
    note: str
    strip: tuple[RunLine, ...]
    last: RunLine | None
    active: bool
    broken: bool


@dataclass(frozen=True)
class FileLine:
    """An artifact, with its two addresses; `show` is None for what a browser should not open."""

    name: str
    size: str
    media_type: str
    show: str | None
    download: str


def moment_of(at: datetime, now: datetime) -> Moment:
    """`12s ago` or `in 3m 5s`, and the instant itself."""
    seconds = round((now - at).total_seconds())
    span = format_duration(_coarse(abs(seconds)))
    away = f"{span} ago" if seconds > 0 else f"in {span}" if seconds else "now"
    return Moment(away, instant(at), f"{at:%Y-%m-%d %H:%M:%S} UTC")


def _coarse(seconds: int) -> int:
    """Whole minutes above ten minutes, whole hours above two days: nobody counts seconds from there."""
    step = 3600 if seconds >= 172_800 else 60 if seconds >= 600 else 1
    return seconds // step * step


def run_line(run: RunRow, now: datetime) -> RunLine:
    """A run in the words of a list."""
    return RunLine(
        id=run.id,
        short=run.id[:_SHORT],
        job=run.job,
        kind=run.kind
        if not run.schedule
        else f"{run.kind}, {run.schedule}"
        if run.schedule != "main"
        else str(run.kind),
        state=str(run.state),
        queued=moment_of(run.queued_at, now),
        took=_took(run, now),
        attempt=f"{run.attempt} of {run.max_attempts}" if run.attempt > 1 else "",
        note=_first_line(run.reason or _progress(run) or result_words(run.result)),
    )


def job_line(job: Job, latest: Sequence[RunRow], now: datetime, known: Outlook) -> JobLine:
    """A job in the words of the list; `latest` is its newest runs, newest first."""
    paused = known.pausing(job) if job.active else {}
    strip = tuple(run_line(run, now) for run in reversed(latest))
    coming = None if paused and all(paused.values()) else known.next(job, now)
    return JobLine(
        name=job.name,
        plugin=job.plugin,
        description=job.description,
        when=tuple(schedule.trigger.describe() for schedule in job.schedules) or ("by hand only",),
        next=moment_of(coming.planned.time, now) if coming else None,
        held=_held(coming) if coming else "",
        note=job.problem or (_pauses(paused) if job.enabled else "disabled in its file"),
        strip=strip,
        last=strip[-1] if strip else None,
        active=job.active,
        broken=job.problem is not None,
    )


def _held(fire: Fire) -> str:
    if fire.planned.blackout is not None:
        return f"will not run: {fire.planned.blackout}"
    return f"deferred: {fire.planned.calendar}" if fire.planned.deferred else ""


def _pauses(paused: Mapping[str, Sequence[PauseRow]]) -> str:
    """What is paused, until when, by whom and why."""
    each = {one.id: one for found in paused.values() for one in found}.values()
    return "; ".join(
        f"paused: {target_of(one)}{f', until {one.until:%Y-%m-%d %H:%M} UTC' if one.until else ''}, "
        f"by {one.author}: {_first_line(one.reason)}"
        for one in each
    )


def troubles(errors: Sequence[Problem], schedulers: Sequence[ProcessRow]) -> list[str]:
    """What keeps files from being active: as the scheduler that leads says, and as they are read here."""
    found = [str(problem) for problem in errors]
    for info in (each.info for each in schedulers if each.info.get("leader") and each.info.get("config_problem")):
        told = info["config_problem"]
        head = f"Changed files are not active; configuration revision {info.get('revision')} goes on as it was."
        return [head, *told, *(each for each in found if each not in told)]
    return found


def tally(counts: Mapping[str, int]) -> list[tuple[str, str]]:
    """(state, words) for each state that any run is in, open ones first."""
    order = [*OPEN, "succeeded", "dead", "skipped", "missed", "expired", "cancelled"]
    return [(str(state), f"{counts[state]:,} {state}") for state in order if counts.get(state)]


def run_page(
    run: RunRow, attempts: Sequence[AttemptRow], logs: Sequence[LogRow], files: Sequence[Artifact], now: datetime
) -> dict[str, Any]:
    """Everything that a run's page shows."""
    instants = [
        ("due", run.nominal_time),
        ("planned", run.planned_time if run.planned_time != run.nominal_time else None),
        ("queued", run.queued_at),
        ("started", run.started_at),
        ("finished", run.finished_at),
    ]
    return {
        "run": run_line(run, now),
        "plugin": run.plugin,
        "open": run.state in OPEN,
        "worker": run.worker or "",
        "reason": run.reason or "",
        "instants": [(name, moment_of(at, now)) for name, at in instants if at],
        "done": run.done,
        "total": run.total,
        "params": _pretty(run.spec.get("params") or {}),
        "result": _pretty(run.result) if run.result is not None else "",
        "attempts": [_attempt(each, now) for each in attempts],
        "files": [file_line(each) for each in files],
        "logs": [{"at": f"{line.at:%H:%M:%S}", "level": line.level, "message": line.message} for line in logs],
    }


def file_line(file: Artifact) -> FileLine:
    """An artifact with its addresses."""
    address = f"/runs/{quote(file.run_id, safe='')}/files/{quote(file.name, safe='')}"
    shown = address if file.media_type.partition(";")[0] in SHOWN_TYPES else None
    return FileLine(file.name, size(file.size), file.media_type, shown, f"{address}?download=1")


def _attempt(row: AttemptRow, now: datetime) -> dict[str, Any]:
    took = format_duration((row.finished_at or now) - row.started_at)
    why = " ".join(filter(None, (row.failure_class, f"({row.code})" if row.code else "")))
    return {
        "number": row.attempt,
        "outcome": str(row.outcome or "running"),
        "started": moment_of(row.started_at, now),
        "took": took,
        "worker": f"{row.worker}, pid {row.pid}",
        "why": why,
        "message": row.message or "",
        "traceback": row.traceback or "",
    }


def _took(run: RunRow, now: datetime) -> str:
    if run.started_at is None:
        return ""
    return format_duration(max((run.finished_at or now) - run.started_at, timedelta()))


def _progress(run: RunRow) -> str:
    if run.done is None or run.state not in OPEN:
        return ""
    return f"{run.done:,} of {run.total:,}" if run.total else f"{run.done:,} done"


def _counted(noun: str, number: int) -> str:
    """`12 pages`, `1 page`: results name what they count in the plural."""
    return count(number, noun.removesuffix("s"), noun) if noun.endswith("s") else f"{number:,} {noun}"


def result_words(result: Any) -> str:
    """What a result says in short: `12 pages, 288 items`, or its first text where it counts nothing."""
    if not isinstance(result, Mapping):
        return ""
    counts = [_counted(key.replace("_", " "), value) for key, value in result.items() if type(value) is int and value]
    texts = [value for value in result.values() if isinstance(value, str) and value]
    return ", ".join(counts[:_COUNTS] or texts[:1])


def _first_line(text: str, limit: int = 160) -> str:
    line = text.strip().partition("\n")[0]
    return line if len(line) <= limit else line[: limit - 1] + "…"


def _pretty(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


def title_of(jobs: Sequence[Job]) -> str:
    """How many jobs there are, and how many of them fire."""
    active = sum(job.active for job in jobs)
    return count(len(jobs), "job") + ("" if active == len(jobs) else f", {active} active")
