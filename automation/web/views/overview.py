"""The overview: is all well, what ran and what comes, the figures of the day.

Owns: the one line that says whether all is well, and its order of urgency.
Never: checks by itself; `health/` does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from automation.broker import endpoints
from automation.errors import UnknownName
from automation.health.check import Check, Health, fail, ok, warn
from automation.health.services import check_breakers, check_scheduler, check_workers
from automation.ledger.rows import ProcessRow
from automation.project.model import Job
from automation.sight import running
from automation.text import count, format_duration, nearest
from automation.web.ready import readiness
from automation.web.site import Site
from automation.web.views.standing import Standing, late_runs, standings
from automation.web.views.timeline import LANES, SPANS, axis, lanes_of
from automation.web.words import Viewer, troubles

_DAY = timedelta(hours=24)
_ALIVE = timedelta(seconds=30)
_SOON, _LATER = 2.0, 10.0
_SHOWN = 6
_STATES = {Health.OK: 0, Health.WARN: 1, Health.FAIL: 2}


@dataclass(frozen=True)
class Urgent:
    """A job that somebody should look at."""

    job: str
    standing: Standing


def overview(site: Site, viewer: Viewer, span: str, tag: str, page: int) -> str:
    """The page. Raises UnknownName for a span or a tag that is none."""
    if span not in SPANS:
        raise UnknownName("span", span, nearest(span, SPANS))
    jobs = list(site.project().jobs.values())
    tags = sorted({each for job in jobs for each in job.tags})
    if tag and tag not in tags:
        raise UnknownName("tag", tag, nearest(tag, tags))
    how = standings(site, viewer)
    urgent = sorted(
        (Urgent(name, one) for name, one in how.items() if one.word in ("broken", "failing", "late")),
        key=lambda one: one.standing.urgency,
    )
    checks = site.fresh.get("checks", _SOON, lambda: parts(site), longest=_SOON * 2)
    wanted = _in_order([job for job in jobs if tag in ("", *job.tags)], how)
    pages = max(-(-len(wanted) // LANES), 1)
    page = min(max(page, 1), pages)
    return site.render(
        "overview.html",
        viewer,
        section="overview",
        live="/events",
        verdict=verdict(checks, urgent),
        checks=checks,
        urgent=urgent[:_SHOWN],
        more=max(len(urgent) - _SHOWN, 0),
        troubles=troubles(site.project().errors, _alive(site, "scheduler"))[:_SHOWN],
        figures=_figures(site),
        lanes=lanes_of(site, wanted[(page - 1) * LANES : page * LANES], span, viewer),
        axis=axis(span, viewer),
        span=span,
        spans=list(SPANS),
        tag=tag,
        tags=tags,
        page=page,
        pages=pages,
        jobs_known=len(jobs),
        zone=str(viewer.zone),
    )


def _in_order(jobs: Sequence[Job], how: dict[str, Standing] | Any) -> list[Job]:
    """Those in trouble first, the rest as they are declared."""
    return sorted(jobs, key=lambda job: min(how[job.name].urgency, 3) if job.name in how else 3)


def parts(site: Site) -> list[Check]:
    """Scheduler, workers, broker, database, queue: the parts that must work, each in a sentence."""
    now = site.clock.now()
    schedulers, workers = _alive(site, "scheduler"), _alive(site, "worker")
    begun = site.clock.monotonic()
    waiting = site.ledger.figures.depths()
    answered = format_duration(site.clock.monotonic() - begun)
    checks = [
        check_scheduler(schedulers, now, sum(bool(each.info.get("stands_in")) for each in workers)),
        check_workers(workers, now),
        _broker(site),
        ok("database", f"answers in {answered}"),
        _depth(sum(one.runs for one in waiting if one.state != "running"), len(late_runs(site))),
    ]
    breakers = check_breakers(site.ledger.breakers.all())
    return [*checks, breakers] if breakers.state is not Health.OK else checks


def _broker(site: Site) -> Check:
    checks = readiness(site.ledger.engine, endpoints(site.services.settings))
    return next(one for one in checks if one.name == "broker")


def _depth(waiting: int, late: int) -> Check:
    if late:
        return warn("queue", f"{count(waiting, 'run')} waiting, {late} of them for more than a minute")
    return ok("queue", f"{count(waiting, 'run')} waiting")


def _alive(site: Site, kind: str) -> list[ProcessRow]:
    return site.fresh.get(("alive", kind), _SOON, lambda: running(site.ledger.processes.alive(kind, within=_ALIVE)))


def verdict(checks: Sequence[Check], urgent: Sequence[Urgent]) -> Check:
    """All in one line: what does not work first, then which jobs want a look."""
    broken = [one for one in checks if one.state is Health.FAIL]
    if broken:
        return fail("verdict", f"Not well: {', '.join(one.name for one in broken)}")
    told = [
        count(number, f"job {verb}", f"jobs {plural}")
        for word, verb, plural in (
            ("failing", "fails", "fail"),
            ("late", "is late", "are late"),
            ("broken", "is broken", "are broken"),
        )
        if (number := sum(one.standing.word == word for one in urgent))
    ]
    worth = [one.name for one in checks if one.state is Health.WARN and one.name != "queue"]
    if told or worth:
        return warn("verdict", ", ".join([*told, *(f"look at the {name}" for name in worth)]))
    return ok("verdict", "All is well")


def _figures(site: Site) -> dict[str, int]:
    """How the runs of the last day ended, and what is open now."""
    return site.fresh.get("day", _LATER, lambda: site.ledger.queries.counts(since=site.clock.now() - _DAY))
