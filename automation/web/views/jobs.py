"""The list of jobs: searched, each with how it stands, its latest runs, its next fire.

Owns: what a search looks at, and a job in the words of the list.
Never: decides how a job stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from automation.ledger.figures import Bar
from automation.project.model import Job, Project
from automation.text import count, format_duration
from automation.web.search import Search, read_search
from automation.web.site import Site
from automation.web.views.charts import Spark, spark
from automation.web.views.standing import WORDS, Standing, held_words, next_fire, standings
from automation.web.views.timeline import bar_title
from automation.web.words import Moment, Viewer

QUALIFIERS = ("tag", "state", "plugin", "queue", "file", "job")
_PAGE = 25
_STRIP = 16


@dataclass(frozen=True)
class Cell:
    """A run of the strip."""

    id: str
    state: str
    title: str


@dataclass(frozen=True)
class JobLine:
    """A job in the list, its latest runs from old to new."""

    name: str
    plugin: str
    description: str
    tags: tuple[str, ...]
    when: tuple[str, ...]
    next: Moment | None
    held: str
    standing: Standing
    strip: tuple[Cell, ...]
    last: Moment | None
    spark: Spark | None
    typical: str


def jobs_page(site: Site, viewer: Viewer, text: str, page: int) -> str:
    """The page of the jobs that a search finds."""
    project, how = site.project(), standings(site, viewer)
    search = read_search(text, QUALIFIERS)
    found = [job for job in project.jobs.values() if job.name in how and matches(job, how[job.name], search)]
    pages = max(-(-len(found) // _PAGE), 1)
    page = min(max(page, 1), pages)
    shown = found[(page - 1) * _PAGE : page * _PAGE]
    bars = site.ledger.figures.strips([job.name for job in shown], _STRIP)
    return site.render(
        "jobs.html",
        viewer,
        section="jobs",
        live="/events",
        q=text,
        problem=search.problem,
        jobs=[job_line(site, job, how[job.name], bars[job.name], viewer) for job in shown],
        title=title_of(project, found),
        page=page,
        pages=pages,
        words=_suggested(project),
        known=len(project.jobs),
    )


def matches(job: Job, standing: Standing, search: Search) -> bool:
    """Whether the search finds the job: every word in its name, description or tags; any value of each qualifier."""
    text = " ".join((job.name, job.description, *job.tags)).lower()
    return (
        all(word in text for word in search.words)
        and search.fits("tag", *job.tags)
        and search.fits("state", standing.word)
        and search.fits("plugin", job.plugin)
        and search.fits("queue", job.queue)
        and search.fits("file", str(job.path), job.path.name)
        and search.fits("job", job.name)
    )


def _suggested(project: Project) -> list[str]:
    """What the box completes: the qualifiers with the values that there are."""
    jobs = project.jobs.values()
    return [
        *(f"state:{word}" for word in WORDS),
        *(f"tag:{tag}" for tag in sorted({tag for job in jobs for tag in job.tags})),
        *(f"plugin:{name}" for name in sorted({job.plugin for job in jobs})),
        *(f"queue:{name}" for name in sorted({job.queue for job in jobs})),
    ][:60]


def job_line(site: Site, job: Job, standing: Standing, bars: Sequence[Bar], viewer: Viewer) -> JobLine:
    """A job in the words of the list; `bars` are its newest runs, newest first."""
    fire = next_fire(job, site.outlook(), viewer.now)
    took = [bar.seconds for bar in reversed(bars) if bar.seconds is not None]
    typical = format_duration(sorted(took)[len(took) // 2]) if took else ""
    return JobLine(
        name=job.name,
        plugin=job.plugin,
        description=job.description,
        tags=job.tags,
        when=tuple(schedule.trigger.describe() for schedule in job.schedules) or (_without_schedule(job),),
        next=viewer.at(fire.planned.time) if fire else None,
        held=held_words(fire) if fire else "",
        standing=standing,
        strip=tuple(Cell(bar.id, str(bar.state), bar_title(bar, viewer)) for bar in reversed(bars)),
        last=viewer.at(bars[0].queued_at) if bars else None,
        spark=spark(took, f"Durations, usually {typical}"),
        typical=typical,
    )


def _without_schedule(job: Job) -> str:
    return job.after.words if job.after.jobs else "by hand only"


def title_of(project: Project, found: Sequence[Job]) -> str:
    """How many jobs there are, and how many of them fire."""
    if len(found) < len(project.jobs):
        return f"{count(len(found), 'job')} of {len(project.jobs):,}"
    active = sum(job.active for job in found)
    return count(len(found), "job") + ("" if active == len(found) else f", {active} active")
