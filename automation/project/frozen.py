"""What follows a run, frozen as it is recorded: a change of the project does not change a flow on its way.

Owns: the key that the runs of a flow share, and the steps that its first run holds.
Never: writes a row; resolves a secret.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from automation.ledger.graph import Graph, Node
from automation.ledger.rows import NewRun
from automation.ledger.states import Kind
from automation.ledger.unique_key import REPLACE_WAITING
from automation.project.after import Lineage
from automation.project.model import Job
from automation.project.order import overlap_key_of, spec_of, unique_key_of
from automation.text import instant

_FIRED = (Kind.SCHEDULED, Kind.CATCHUP)
#: The schedule of the runs of run_on_start, which are nobody else's fires.
_START = "start"
_TICK = timedelta(microseconds=1)


def with_flow(run: NewRun, job: Job) -> NewRun:
    """The run with what follows it, if anything does.

    Fires share a flow with those of other jobs at the same instant, so that one job may follow several of them. Any other
    run begins a flow of its own, in which what is not downstream of it is not waited for. A dry run begins none.
    """
    if job.lineage is None or run.spec.get("dry_run") or not job.lineage.behind(job.name):
        return run
    fires = run.kind in _FIRED and run.schedule != _START
    if fires:
        flow = instant(run.nominal_time)
    else:
        flow = run.id if run.batch is None else f"{run.batch}/{instant(run.nominal_time)}"
    absent = _absent(job, job.lineage, run.nominal_time) if fires else None
    steps = _steps(job, job.lineage, absent, mute=bool(run.spec.get("mute")))
    return replace(run, flow=flow, flow_step=job.name, spec={**run.spec, "flow": {"steps": steps}})


def _absent(job: Job, lineage: Lineage[Job], nominal: datetime) -> frozenset[str]:
    """The jobs beside those that follow this one, which have no run at this instant: no job that they begin with fires."""
    mine = {job.name, *lineage.behind(job.name)}
    beside = {one for name in mine for one in lineage.jobs[name].after.jobs if one not in mine}
    first = {one for name in beside for one in lineage.first_of(name)}
    silent = {name for name in first if not _fires_at(lineage.jobs[name], nominal)}
    return frozenset(name for name in beside if silent.issuperset(lineage.first_of(name)))


def _fires_at(job: Job, moment: datetime) -> bool:
    return job.active and any(
        not one.trigger.from_end and one.trigger.next_after(moment - _TICK) == moment for one in job.schedules
    )


def _steps(job: Job, lineage: Lineage[Job], absent: frozenset[str] | None, *, mute: bool) -> list[dict[str, Any]]:
    """The steps behind a job in the ledger's form, made once for all runs that have the same.

    Parameters
    ----------
    absent: jobs that have no run in this flow; None in a flow that begins with this job alone.
    """
    key = (job.name, absent, mute)
    if key not in lineage.kept:
        nodes = _nodes(job, lineage, absent, mute=mute)
        lineage.kept[key] = Graph({node.step: node for node in nodes}).to_json()
    found: list[dict[str, Any]] = lineage.kept[key]
    return found


def _nodes(job: Job, lineage: Lineage[Job], absent: frozenset[str] | None, *, mute: bool) -> Iterator[Node]:
    inside = {job.name, *lineage.behind(job.name)}
    for name in lineage.behind(job.name):
        one = lineage.jobs[name]
        counts = (lambda other: other in inside) if absent is None else (lambda _other: True)
        away = [other for other in one.after.jobs if absent is not None and other in absent]
        yield node_of(
            one,
            name,
            after=tuple(filter(counts, one.after.after)),
            after_failure=tuple(filter(counts, one.after.after_failure)),
            after_any=tuple(filter(counts, one.after.after_any)),
            for_each=one.after.for_each,
            first=(job.name,) if absent is None else lineage.first_of(name),
            before=lineage.before(name),
            absent={other: f"job '{other}' does not fire at that instant" for other in away},
            refused=_refusal(one),
            mute=mute,
        )


def node_of(
    job: Job,
    step: str,
    *,
    first: tuple[str, ...],
    before: tuple[str, ...],
    params: Mapping[str, Any] | None = None,
    for_each: str | None = None,
    mute: bool = False,
    **how: Any,
) -> Node:
    """A step that does this job.

    Parameters
    ----------
    params: in place of the job's own.
    before: every step before it, of which its params may take something.
    how: after what it runs, and what keeps it from running, as `Node` has them.
    """
    params = job.params if params is None else params
    # The elements of a list wait for their places: each of them is wanted.
    spec = spec_of(job, params=params, skips=job.overlap.mode == "skip" and for_each is None, mute=mute)
    return Node(
        step=step,
        job=job.name,
        plugin=job.plugin,
        queue=job.queue,
        priority=job.priority,
        max_attempts=job.retry.max_attempts,
        spec=replace(spec, upstream=before).to_json(),
        overlap_key=overlap_key_of(job, params),
        max_running=None if job.overlap.mode == "allow" else job.overlap.max_running,
        overlap="" if for_each is not None else job.overlap.mode,
        max_queued=job.overlap.max_queued,
        unique=_unique(job, params),
        for_each=for_each,
        first=first,
        **how,
    )


def _unique(job: Job, params: Mapping[str, Any]) -> dict[str, Any] | None:
    key, held = unique_key_of(job, params), job.unique.unique_for
    if key is None:
        return None
    seconds = None if held is None or job.unique.on_conflict == REPLACE_WAITING else held.total_seconds()
    return {"key": key, "on_conflict": job.unique.on_conflict, "seconds": seconds}


def _refusal(job: Job) -> str | None:
    if job.problem is not None:
        return f"disabled: the job has a problem: {job.problem}"
    return None if job.enabled else "disabled: the job says enabled = false"
