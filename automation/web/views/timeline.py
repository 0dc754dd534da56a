"""The timeline: what ran and what comes, a lane for each job, with now in the middle.

Owns: where things stand in a lane, and how many shapes a page may hold.
Never: words a run beyond its bar; renders.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from automation.ledger.figures import Bar
from automation.project.model import Job
from automation.text import format_duration
from automation.web.site import Site
from automation.web.words import Viewer

#: Lanes are so many units wide, now in the middle; the page stretches them.
WIDTH = 1000
SPANS = {"1h": timedelta(hours=1), "6h": timedelta(hours=6), "24h": timedelta(hours=24), "7d": timedelta(days=7)}
_STEPS = {"1h": timedelta(minutes=15), "6h": timedelta(hours=1), "24h": timedelta(hours=6), "7d": timedelta(days=1)}
LANES = 20
_BARS = 400
_LINKED = 240
_OWN = 12
_COMING = 60
_SLOT = 6
_THIN = 3
_KEEP = 20.0
#: The worst first: it is what a slot with several runs shows.
_RANK = ("dead", "running", "retrying", "queued", "expired", "missed", "cancelled", "skipped", "succeeded")


@dataclass(frozen=True)
class Mark:
    """A bar with an address of its own."""

    x: float
    width: float
    state: str
    title: str
    id: str


@dataclass(frozen=True)
class Lane:
    """One job's lane.

    Parameters
    ----------
    paths: bars without an address, by state: many in one shape.
    ticks: the fires to come, as the path of a shape; `until` is where they end when there are more than are drawn.
    """

    job: str
    marks: tuple[Mark, ...]
    paths: tuple[tuple[str, str], ...]
    ticks: str
    until: float | None


@dataclass(frozen=True)
class Scale:
    """Where a moment stands."""

    now: datetime
    span: timedelta

    def at(self, moment: datetime) -> float:
        """From 0 to `WIDTH`; beyond them what lies outside."""
        return WIDTH / 2 * (1 + (moment - self.now) / self.span)


def lanes_of(site: Site, jobs: Sequence[Job], span: str, viewer: Viewer) -> list[Lane]:
    """The lanes of these jobs, at most `LANES`."""
    scale = Scale(viewer.now, SPANS[span])
    names = tuple(job.name for job in jobs)
    # A run that began before the left edge may reach over it.
    found = site.ledger.figures.strips(names, _BARS, since=viewer.now - SPANS[span] * 1.1)
    coming = site.fresh.get(
        ("coming", names, span), _KEEP, lambda: {job.name: _coming(site, job, span) for job in jobs}
    )
    slotted = {name: list(_slotted(bars, scale, viewer)) for name, bars in found.items()}
    linked = sum(map(len, slotted.values())) <= _LINKED
    return [_lane(job.name, slotted[job.name], coming[job.name], scale, linked=linked) for job in jobs]


def _slotted(bars: Sequence[Bar], scale: Scale, viewer: Viewer) -> Iterator[Mark]:
    """The bars from left to right; those that would lie on each other are one."""
    slots: dict[int, list[Bar]] = {}
    for bar in reversed(bars):
        slots.setdefault(int(max(scale.at(bar.begins), 0) // _SLOT), []).append(bar)
    for _, some in sorted(slots.items()):
        worst = min(some, key=lambda one: _RANK.index(one.state) if one.state in _RANK else -1)
        begins = max(scale.at(min(one.begins for one in some)), 0)
        ends = max(scale.at(min(one.finished_at or viewer.now, viewer.now)) for one in some)
        if ends >= 0:
            yield Mark(
                round(begins), round(max(ends - begins, _THIN)), str(worst.state), _title(some, viewer), worst.id
            )


def _title(some: Sequence[Bar], viewer: Viewer) -> str:
    if len(some) > 1:
        states = {str(one.state): sum(1 for other in some if other.state == one.state) for one in some}
        return f"{', '.join(f'{number} {state}' for state, number in states.items())}, from {viewer.at(some[0].begins).local}"
    return bar_title(some[0], viewer)


def bar_title(bar: Bar, viewer: Viewer) -> str:
    """A bar in words."""
    took = f", took {format_duration(bar.seconds)}" if bar.seconds is not None else ""
    return f"{bar.state}, {viewer.at(bar.begins).local}{took}"


def _lane(name: str, marks: Sequence[Mark], coming: Sequence[datetime], scale: Scale, *, linked: bool) -> Lane:
    own = list(marks) if linked else [one for one in marks if one.state != "succeeded"][-_OWN:]
    chosen = set(map(id, own))
    by_state: dict[str, list[str]] = {}
    for one in marks:
        if id(one) not in chosen:
            by_state.setdefault(one.state, []).append(f"M{one.x:g} 3h{one.width:g}v20h-{one.width:g}z")
    places = [scale.at(fire) for fire in coming]
    shown = [place for place in places if WIDTH / 2 <= place <= WIDTH]
    full = len(coming) >= _COMING and shown and shown[-1] < WIDTH - _SLOT
    return Lane(
        job=name,
        marks=tuple(own),
        paths=tuple((state, "".join(parts)) for state, parts in by_state.items()),
        ticks="".join(f"M{place:.0f} 7h2v12h-2z" for place in shown),
        until=round(shown[-1] + 3) if full else None,
    )


def _coming(site: Site, job: Job, span: str) -> list[datetime]:
    """The fires to come that will run, as far as anybody knows now, at most `_COMING`."""
    now, known = site.clock.now(), site.outlook()
    if not job.active:
        return []
    end = now + SPANS[span]
    found: list[datetime] = []
    for schedule in job.schedules:
        for fire in islice(known.fires(job, schedule, now, now), _COMING):
            if fire.planned.time > end:
                break
            if fire.runs and not known.holding(fire):
                found.append(fire.planned.time)
    return sorted(found)[:_COMING]


def axis(span: str, viewer: Viewer) -> list[tuple[float, str]]:
    """Round hours or days by the viewer's clock, with where they stand."""
    scale, step = Scale(viewer.now, SPANS[span]), _STEPS[span]
    day = (viewer.now - SPANS[span]).astimezone(viewer.zone).replace(hour=0, minute=0, second=0, microsecond=0)
    marks = []
    for number in range(2000):
        there = day + step * number
        place = scale.at(there)
        if place >= WIDTH:
            break
        if place >= 0:
            marks.append((round(place, 1), f"{there:%H:%M}" if step < timedelta(days=1) else f"{there:%a %d}"))
    return marks
