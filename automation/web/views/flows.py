"""Flows: the jobs that hang together as a graph, and one flow's runs in it.

Owns: where boxes and lines stand.
Never: decides what follows what.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from automation.errors import UnknownName
from automation.ledger.rows import RunRow
from automation.ledger.states import OPEN
from automation.project.lineage import families
from automation.project.model import Job
from automation.web.site import Site
from automation.web.views.standing import standings
from automation.web.words import Viewer, run_line

_WIDE, _HIGH, _ACROSS, _DOWN, _EDGE = 190, 50, 70, 18, 12
_LONGEST = 24
_LATEST = 12
#: Of the runs of one job for the elements of a list, the one that is told.
_FIRST = ("dead", "running", "retrying", "queued", "succeeded")


@dataclass(frozen=True)
class Box:
    """A job, or a run of it."""

    x: int
    y: int
    name: str
    short: str
    state: str
    words: str
    address: str


@dataclass(frozen=True)
class Edge:
    """A line from one box to the next; dashed where it is walked after a failure, or whatever came before."""

    d: str
    dashed: bool
    title: str


@dataclass(frozen=True)
class Picture:
    """A graph."""

    boxes: tuple[Box, ...]
    edges: tuple[Edge, ...]
    width: int
    height: int
    summary: str


def flows_page(site: Site, viewer: Viewer) -> str:
    """Every family of jobs as a graph, each with how its jobs stand, and the flows that ran last."""
    how = standings(site, viewer)
    pictures = []
    for family in families(site.project().jobs):
        states = {name: (how[name].word, how[name].shown, f"/jobs/{name}") for name in family.jobs if name in how}
        pictures.append((next(iter(family.jobs)), picture(family.jobs, states)))
    first = [
        name for family in families(site.project().jobs) for name, job in family.jobs.items() if not job.after.jobs
    ]
    latest = [run for name in first for run in site.ledger.queries.runs(job=name, limit=_LATEST) if run.flow]
    latest.sort(key=lambda run: run.queued_at, reverse=True)
    return site.render(
        "flows.html",
        viewer,
        section="flows",
        live="/events",
        pictures=pictures,
        latest=[(run.flow, run_line(run, viewer)) for run in latest[:_LATEST]],
    )


def flow_page(site: Site, viewer: Viewer, flow: str) -> str:
    """One flow: its runs in the graph of its jobs. Raises UnknownName."""
    runs = site.ledger.queries.runs(flow=flow, limit=500)
    if not runs:
        raise UnknownName("flow", flow, hint="; its first runs may no longer be kept")
    by_job: dict[str, list[RunRow]] = {}
    for run in runs:
        by_job.setdefault(run.job, []).append(run)
    jobs = next((family.jobs for family in families(site.project().jobs) if runs[-1].job in family.jobs), {})
    states = {name: _told(name, by_job.get(name, ())) for name in jobs}
    return site.render(
        "flow.html",
        viewer,
        section="flows",
        live="/events" if any(run.state in OPEN for run in runs) else "",
        flow=flow,
        picture=picture(jobs, states) if jobs else None,
        runs=[run_line(run, viewer) for run in sorted(runs, key=lambda run: run.queued_at)],
    )


def _told(name: str, runs: Sequence[RunRow]) -> tuple[str, str, str]:
    """The state of a box, its words and its address."""
    if not runs:
        return "waiting", "not yet", f"/jobs/{name}"
    worst = min(runs, key=lambda run: _FIRST.index(run.state) if run.state in _FIRST else len(_FIRST))
    several = f"{len(runs)} runs, " if len(runs) > 1 else ""
    return str(worst.state), f"{several}{worst.state}", f"/runs/{worst.id}"


def picture(jobs: Mapping[str, Job], states: Mapping[str, tuple[str, str, str]]) -> Picture:
    """The jobs from left to right, each behind those that it follows."""
    column: dict[str, int] = {}
    for name, job in jobs.items():
        column[name] = max((column[one] + 1 for one in job.after.jobs if one in column), default=0)
    rows: dict[int, int] = {}
    places: dict[str, tuple[int, int]] = {}
    for name, at in column.items():
        row = rows.get(at, 0)
        rows[at] = row + 1
        places[name] = (_EDGE + at * (_WIDE + _ACROSS), _EDGE + row * (_HIGH + _DOWN))
    boxes = tuple(_box(name, places[name], states.get(name, ("waiting", "", f"/jobs/{name}"))) for name in jobs)
    edges = tuple(
        _edge(places[one], places[name], job, one)
        for name, job in jobs.items()
        for one in job.after.jobs
        if one in places
    )
    return Picture(
        boxes,
        edges,
        _EDGE * 2 + (max(column.values(), default=0) + 1) * (_WIDE + _ACROSS) - _ACROSS,
        _EDGE * 2 + max(rows.values(), default=1) * (_HIGH + _DOWN) - _DOWN,
        f"Flow of {', '.join(jobs)}",
    )


def _box(name: str, place: tuple[int, int], state: tuple[str, str, str]) -> Box:
    short = name if len(name) <= _LONGEST else name[: _LONGEST - 1] + "…"
    return Box(*place, name, short, *state)


def _edge(start: tuple[int, int], end: tuple[int, int], job: Job, before: str) -> Edge:
    x1, y1, x2, y2 = start[0] + _WIDE, start[1] + _HIGH // 2, end[0], end[1] + _HIGH // 2
    bend = (x2 - x1) // 2
    title = (
        "after"
        if before in job.after.after
        else "after failure of"
        if before in job.after.after_failure
        else "after any end of"
    )
    d = f"M{x1} {y1}C{x1 + bend} {y1} {x2 - bend} {y2} {x2 - 6} {y2}"
    return Edge(d, before not in job.after.after, f"{job.name} {title} {before}")
