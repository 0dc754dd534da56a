"""One job: how it stands, what it did in a year, what comes, its runs, its settings and where they stand.

Owns: what stands on its pages, in which order.
Never: decides what counts or what fires.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from automation.dispatch.evidence import gather
from automation.dispatch.explain import explain
from automation.dispatch.outlook import Outlook
from automation.errors import InvalidInput
from automation.ledger.figures import Bar
from automation.ledger.states import State
from automation.project.effective import Effective, effective
from automation.project.fires import Fire
from automation.project.model import Job
from automation.text import format_duration
from automation.web.site import Site
from automation.web.views.charts import Chart, chart, year
from automation.web.views.jobs import job_line
from automation.web.views.standing import STREAK, standings
from automation.web.words import Moment, Viewer, pretty, run_line

_HISTORY = 30
_COMING = 20
_CHART = 60
_YEAR = timedelta(days=372)
#: What a run counts, the first of these that its result has.
_ITEMS = ("items", "rows", "deleted", "mails", "files", "pages")


@dataclass(frozen=True)
class Next:
    """A fire to come."""

    at: Moment
    there: str
    zone: str
    schedule: str
    marks: tuple[str, ...]
    runs: bool


def job_page(site: Site, viewer: Viewer, name: str, before: datetime | None, state: str, pinged: str = "") -> str:
    """The page; `pinged` is where a program elsewhere reports for the job. Raises UnknownName."""
    job = site.job(name)
    how = standings(site, viewer)[job.name]
    found = site.ledger.figures.results(job.name, _CHART)
    days = site.fresh.get(
        ("days", job.name), 30.0, lambda: site.ledger.figures.days(job.name, viewer.now - _YEAR), longest=300.0
    )
    runs = site.ledger.queries.runs(job=job.name, state=state or None, before=before, limit=_HISTORY + 1)
    bars = site.ledger.figures.strips([job.name], max(STREAK, 16))[job.name]
    return site.render(
        "job.html",
        viewer,
        section="jobs",
        live="" if before else "/events",
        tab="job",
        job=job_line(site, job, how, bars, viewer),
        facts=_facts(job),
        schedules=job.schedules,
        year=year(days, viewer.now.date()),
        durations=_durations(found, job, viewer),
        items=_items(found, viewer),
        coming=coming_of(job, site.outlook(), viewer),
        runs=[run_line(run, viewer) for run in runs[:_HISTORY]],
        older=runs[_HISTORY - 1].queued_at.isoformat() if len(runs) > _HISTORY else "",
        states=[str(one) for one in State],
        state=state,
        newer=bool(before),
        flow=flow_names(job),
        pinged=pinged,
    )


def _facts(job: Job) -> list[tuple[str, str]]:
    """What is asked for first of how it is run; the settings' page has all."""
    return [
        ("file", f"{job.path.name}:{job.line}"),
        ("queue", f"{job.queue}, priority {job.priority}"),
        ("timeout", format_duration(job.timeout)),
        ("attempts", str(job.retry.max_attempts)),
        ("overlap", job.overlap.mode),
        ("catch-up", ", ".join(dict.fromkeys(one.timing.catchup for one in job.schedules)) or "–"),
    ]


def flow_names(job: Job) -> list[str]:
    """The jobs before and behind it, where there are any."""
    if job.lineage is None:
        return []
    return [*job.lineage.before(job.name), *job.lineage.behind(job.name)]


def coming_of(job: Job, known: Outlook, viewer: Viewer, most: int = _COMING) -> list[Next]:
    """The next fires of all its schedules, by planned time, with what is unusual about each."""
    fires: list[Fire] = []
    for schedule in job.schedules if job.active else ():
        fires += islice(known.fires(job, schedule, viewer.now, viewer.now), most)
    ordered = sorted(fires, key=lambda fire: fire.planned.time)[:most]
    return [_next(fire, known, viewer) for fire in ordered]


def _next(fire: Fire, known: Outlook, viewer: Viewer) -> Next:
    held = [f"paused by {one.author}: {one.reason}" for one in known.holding(fire)]
    zone = fire.schedule.timezone
    there = Viewer(viewer.now, viewer.zone).at(fire.planned.time)
    return Next(
        at=there,
        there=_clock(fire, zone),
        zone=zone,
        schedule="" if fire.schedule.id == "main" else fire.schedule.id,
        marks=(*fire.marks, *held),
        runs=fire.runs and not held,
    )


def _clock(fire: Fire, zone: str) -> str:
    return f"{fire.planned.time.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M:%S %Z}"


def _points(found: Sequence[tuple[Bar, Any]], viewer: Viewer) -> Iterator[tuple[Bar, Any, str]]:
    for bar, result in reversed(found):
        yield bar, result, viewer.at(bar.begins).local


def _durations(found: Sequence[tuple[Bar, Any]], job: Job, viewer: Viewer) -> Chart | None:
    points = [
        (bar.seconds, str(bar.state), f"{bar.state}, {when}, took {format_duration(bar.seconds)}", bar.id)
        for bar, _, when in _points(found, viewer)
        if bar.seconds is not None
    ]
    return chart(points, "Duration", format_duration, limit=job.timeout.total_seconds())


def _items(found: Sequence[tuple[Bar, Any]], viewer: Viewer) -> tuple[str, Chart] | None:
    """What its runs count, where they count the same thing."""
    results = [(bar, result, when) for bar, result, when in _points(found, viewer) if isinstance(result, dict)]
    for name in _ITEMS:
        points = [
            (float(result[name]), str(bar.state), f"{result[name]:,} {name}, {when}", bar.id)
            for bar, result, when in results
            if isinstance(result.get(name), int)
        ]
        if made := chart(points, name.capitalize(), lambda value: f"{value:,.0f}"):
            return name.capitalize(), made
    return None


def job_settings_page(site: Site, viewer: Viewer, name: str) -> str:
    """Every value that counts for the job, with where it comes from. Raises UnknownName."""
    job = site.job(name)
    services = site.services
    _, found = effective(services.settings.project, services.registry, services.environ, job.name)
    rows = [(one.key, _value(one), one.origin) for one in found]
    return site.render("job_settings.html", viewer, section="jobs", tab="settings", job=job, rows=rows)


def _value(one: Effective) -> str:
    if one.value is None:
        return "none"
    if isinstance(one.value, timedelta):
        return format_duration(one.value)
    return one.value if isinstance(one.value, str) else pretty(one.value)


def source_page(site: Site, viewer: Viewer, name: str) -> str:
    """The file that declares the job, with line numbers; what is secret in it is masked. Raises UnknownName."""
    job = site.job(name)
    root = site.services.settings.project
    path = job.path if job.path.is_absolute() else root / job.path
    try:
        text = path.read_text("utf-8") if path.resolve().is_relative_to(root.resolve()) else ""
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{job.path} cannot be read: {error}") from error
    lines = site.services.redactor.mask(text).splitlines()
    mine = _block(lines, job)
    return site.render(
        "job_source.html",
        viewer,
        section="jobs",
        tab="source",
        job=job,
        path=str(job.path),
        lines=[(number, line, number in mine) for number, line in enumerate(lines, 1)],
    )


def _block(lines: Sequence[str], job: Job) -> range:
    """The lines of the job's tables: from its own to the next job's."""
    own = (f"[jobs.{job.name}]", f"[jobs.{job.name}.", f"[[jobs.{job.name}.", f'[jobs."{job.name}"')
    end = job.line
    for number, line in enumerate(lines[job.line :], job.line + 1):
        text = line.strip()
        if text.startswith(("[", "[[")) and not text.startswith(own):
            break
        end = number
    return range(job.line, end + 1)


def why_page(site: Site, viewer: Viewer, name: str, at: datetime | None) -> str:
    """Why the job ran, did not run, waits, will run or will not. Raises UnknownName."""
    facts, fires = gather(site.ledger, site.project(), name, viewer.now, at, None)
    chains = [[(viewer.maybe(step.at), step.text, step.stops) for step in explain(facts, fire)] for fire in fires]
    return site.render("job_why.html", viewer, section="jobs", tab="why", job=site.job(name), chains=chains)
