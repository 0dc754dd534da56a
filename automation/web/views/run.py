"""One run: what it is, how far it is, its attempts, its log, what it left, why it went as it did.

Owns: what stands on that page, in which order.
Never: decides anything about the run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from automation.dispatch.evidence import gather
from automation.dispatch.explain import explain
from automation.dispatch.facts import FireFacts, Step
from automation.errors import UnknownName
from automation.ledger.figures import LEVELS
from automation.ledger.rows import AttemptRow, LogRow, RunRow, skipped_itself
from automation.ledger.states import OPEN, State
from automation.text import cause, format_duration
from automation.web.site import Site
from automation.web.views.artifacts import shown_files
from automation.web.views.results import Result, result_of
from automation.web.words import Viewer, pretty, progress_words, result_words, run_line

LINES = 400
_MAILS = 50


def run_page(site: Site, viewer: Viewer, run_id: str, *, before: int | None, level: str, text: str) -> str:
    """The page. Raises UnknownName."""
    run = site.ledger.queries.run(run_id)
    attempts = site.ledger.queries.attempts(run.id)
    lines = site.ledger.figures.lines(run.id, LINES, before=before, level=level, text=text)
    upstream, downstream = site.ledger.flows.beside(run)
    mails = site.ledger.outbox.list(run_id=run.id, limit=_MAILS)
    files = site.ledger.queries.artifacts(run.id)
    return site.render(
        "run.html",
        viewer,
        section="runs",
        live=f"/runs/{run.id}/events" if run.state in OPEN else "",
        run=run_line(run, viewer),
        row=facts_of(run),
        open=run.state in OPEN,
        dead=run.state == State.DEAD,
        instants=instants_of(run, viewer),
        waits=_waits(site, run, viewer),
        progress=progress_of(run, viewer),
        params=pretty(run.spec.get("params") or {}) if run.spec.get("params") else "",
        result=result_of(run.result) if run.result is not None else Result(),
        said=result_words(run.result),
        attempts=[attempt_of(run, each, viewer) for each in attempts],
        files=shown_files(files, site.keeps),
        has_data=any(one.name == "_data.jsonl.gz" for one in files),
        mails=mails,
        upstream=upstream,
        downstream=downstream,
        steps=[(viewer.maybe(step.at), step.text, step.stops) for step in why(site, run, attempts)],
        lines=[line_of(line, viewer) for line in lines],
        earlier=lines[0].id if len(lines) == LINES else 0,
        log_level=level,
        log_text=text,
        levels=LEVELS,
    )


def facts_of(run: RunRow) -> dict[str, Any]:
    """What the head of the page says of the row itself."""
    return {
        "plugin": run.plugin,
        "worker": run.worker or "",
        "reason": run.reason or "",
        "queue": run.queue,
        "priority": run.priority,
        "revision": run.revision,
        "flow": run.flow or "",
        "batch": run.batch or "",
        "max_attempts": run.max_attempts,
        "schedule": run.schedule or "",
        "key": run.idempotency_key or "",
        "item": pretty(run.spec["item"]) if "item" in run.spec else "",
    }


def instants_of(run: RunRow, viewer: Viewer) -> list[tuple[str, Any]]:
    """The moments of a run that are known, in their order."""
    moments = [
        ("stands for", run.nominal_time),
        ("planned", run.planned_time if run.planned_time != run.nominal_time else None),
        ("queued", run.queued_at),
        ("started", run.started_at),
        ("finished", run.finished_at),
        ("next attempt", run.due_at if run.state == State.RETRYING else None),
        ("stop asked", run.cancel_requested_at),
    ]
    return [(name, viewer.at(at)) for name, at in moments if at]


def _waits(site: Site, run: RunRow, viewer: Viewer) -> str:
    """Where it stands in a line before a limit."""
    if run.state not in OPEN or run.state == State.RUNNING:
        return ""
    found = site.ledger.leases.standing(run)
    if found is None:
        return ""
    until = found.wait.until if found.wait is not None else None
    turn = f"; its turn is {viewer.at(until).away}" if until else ""
    return f"In line before '{found.key}', {found.ahead} before it{turn}"


def progress_of(run: RunRow, viewer: Viewer) -> dict[str, Any] | None:
    """How far it is, how quick, and how long it may still take; None for one that does not say, or has ended."""
    if run.state != State.RUNNING or run.done is None or run.started_at is None:
        return None
    seconds = max((viewer.now - run.started_at).total_seconds(), 0.001)
    rate = run.done / seconds
    left = (run.total - run.done) / rate if run.total and rate else None
    return {
        "done": run.done,
        "total": run.total,
        "words": progress_words(run),
        "rate": f"{rate:,.1f} a second" if rate >= 1 else f"{rate * 60:,.1f} a minute",
        "left": f"about {format_duration(left)} left" if left is not None and left > 0 else "",
    }


def attempt_of(run: RunRow, row: AttemptRow, viewer: Viewer) -> dict[str, Any]:
    """An attempt in words."""
    return {
        "number": row.attempt,
        "outcome": "skipped" if skipped_itself(run, row) else str(row.outcome or "running"),
        "started": viewer.at(row.started_at),
        "took": format_duration((row.finished_at or viewer.now) - row.started_at),
        "worker": f"{row.worker}, pid {row.pid}",
        "why": cause(row.failure_class, row.code),
        "message": row.message or "",
        "traceback": row.traceback or "",
    }


def line_of(line: LogRow, viewer: Viewer) -> dict[str, Any]:
    """A log line, as the page and its stream give it."""
    at = viewer.at(line.at)
    clock = f"{line.at.astimezone(viewer.zone):%H:%M:%S}"
    return {"id": line.id, "clock": clock, "exact": at.exact, "level": line.level, "message": line.message}


def why(site: Site, run: RunRow, attempts: Sequence[AttemptRow]) -> list[Step]:
    """The chain that led to where the run is; empty where neither the files nor the ledger can tell."""
    now = site.clock.now()
    try:
        facts, fires = gather(site.ledger, site.project(), run.job, now, run.nominal_time, run.schedule)
    except UnknownName:
        return []
    mine = next((fire for fire in fires if fire.run is not None and fire.run.id == run.id), None)
    if mine is None:
        before, behind = site.ledger.flows.beside(run)
        mine = FireFacts(
            nominal_time=run.nominal_time,
            asked=run.queued_at,
            run=run,
            attempts=tuple(attempts),
            standing=site.ledger.leases.standing(run),
            upstream=tuple(before),
            downstream=tuple(behind),
        )
    return explain(facts, mine)
