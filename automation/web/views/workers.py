"""Schedulers, workers and queues: who is there, what each does now, how much waits for whom.

Owns: what stands on that page.
Never: stops a process, or pauses a queue.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from automation.ledger.figures import Waiting
from automation.ledger.rows import ProcessRow, RunRow
from automation.ledger.states import State
from automation.sight import running
from automation.text import size
from automation.web.site import Site
from automation.web.words import Moment, Viewer, progress_words, took

_ALIVE = timedelta(seconds=30)
_OPEN = 500


@dataclass(frozen=True)
class Work:
    """A run that a worker is at."""

    id: str
    job: str
    took: str
    progress: str
    lease: Moment | None


@dataclass(frozen=True)
class Process:
    """A process that has reported."""

    name: str
    kind: str
    since: Moment
    seen: Moment
    host: str
    pid: int
    facts: tuple[str, ...]
    work: tuple[Work, ...] = ()


@dataclass(frozen=True)
class Line:
    """A queue: what waits, since when, what is at work, and who takes from it."""

    name: str
    waiting: int
    retrying: int
    running: int
    oldest: Moment | None
    workers: int
    limits: str


def workers_page(site: Site, viewer: Viewer) -> str:
    """The page."""
    found = site.fresh.get("processes", 2.0, lambda: running(site.ledger.processes.alive(within=_ALIVE)), longest=4.0)
    at_work = site.ledger.queries.runs(state=State.RUNNING, limit=_OPEN)
    lines = queues_of(site, site.ledger.figures.depths(), found, viewer)
    breakers = [one for one in site.ledger.breakers.all() if not one.closed]
    return site.render(
        "workers.html",
        viewer,
        section="workers",
        live="/events",
        schedulers=[process_of(one, (), viewer) for one in found if one.kind == "scheduler"],
        workers=[process_of(one, at_work, viewer) for one in found if one.kind == "worker"],
        others=[process_of(one, at_work, viewer) for one in found if one.kind not in ("scheduler", "worker")],
        queues=lines,
        breakers=[(one.key, str(one.position.circuit), one.waiting, one.position.reason or "") for one in breakers],
    )


def process_of(row: ProcessRow, at_work: Sequence[RunRow], viewer: Viewer) -> Process:
    """A process in words, with the runs that it holds."""
    mine = [run for run in at_work if run.worker == row.id]
    return Process(
        name=row.id,
        kind=row.kind,
        since=viewer.at(row.started_at),
        seen=viewer.at(row.heartbeat_at),
        host=row.host.partition(" ")[0],
        pid=row.pid,
        facts=tuple(facts_of(row.info)),
        work=tuple(
            Work(run.id, run.job, took(run, viewer.now), progress_words(run), viewer.maybe(run.lease_until))
            for run in mine
        ),
    )


def facts_of(info: Mapping[str, Any]) -> list[str]:
    """What a process says of itself."""
    told = []
    if "leader" in info:
        told.append("leads" if info["leader"] else "in reserve")
    if info.get("revision"):
        told.append(f"configuration revision {info['revision']}")
    if info.get("stands_in"):
        told.append("stands in for the scheduler")
    if info.get("queues"):
        told.append(f"takes from {', '.join(map(str, info['queues']))}")
    if info.get("concurrency"):
        told.append(f"{info['concurrency']} at once")
    if info.get("memory"):
        told.append(size(int(info["memory"])))
    if info.get("config_problem"):
        told.append("changed files are not active")
    return told


def queues_of(site: Site, depths: Sequence[Waiting], found: Sequence[ProcessRow], viewer: Viewer) -> list[Line]:
    """Every queue that a job names, or that something waits in."""
    jobs = site.project().jobs.values()
    names = sorted({job.queue for job in jobs} | {one.queue for one in depths})
    by_state = {(one.queue, str(one.state)): one for one in depths}

    def number(name: str, state: str) -> int:
        one = by_state.get((name, state))
        return one.runs if one else 0

    lines = []
    for name in names:
        first = by_state.get((name, "queued"))
        taking = sum(1 for one in found if one.kind == "worker" and name in one.info.get("queues", ()))
        declared = site.services.queues.get(name)
        limits = [
            f"at most {value} {what}"
            for what, value in (
                ("waiting", declared.max_waiting if declared else None),
                ("at work", declared.max_running if declared else None),
            )
            if value is not None
        ]
        oldest = viewer.at(first.oldest) if first and first.oldest and first.oldest < viewer.now else None
        lines.append(
            Line(
                name,
                number(name, "queued"),
                number(name, "retrying"),
                number(name, "running"),
                oldest,
                taking,
                ", ".join(limits),
            )
        )
    return lines
