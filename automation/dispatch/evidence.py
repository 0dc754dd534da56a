"""Gathering what an explanation is made of: from the project and the ledger.

Owns: which questions are asked for one job and one moment, and which fires that moment means.
Never: says a sentence; writes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from automation.dispatch.facts import FireFacts, JobFacts
from automation.dispatch.reasons import runs_in
from automation.errors import UnknownName
from automation.ledger.breakers import BreakerRow
from automation.ledger.ledger import Ledger
from automation.ledger.rows import RunRow
from automation.ledger.standing import Key, Recorded
from automation.ledger.states import OPEN, Kind
from automation.project.change import key_changes
from automation.project.definition import definition
from automation.project.fires import coming, fire_before, fire_from
from automation.project.model import Job, Project, Schedule
from automation.project.order import breaker_for, overlap_key_of
from automation.sight import running

_TICK = timedelta(microseconds=1)
#: How far around a moment a fire is looked for whose rule counts from the end of the run before.
_AROUND = timedelta(days=1)
_NEWEST = 50
_DECIDED = (Kind.SCHEDULED, Kind.CATCHUP)


def gather(
    ledger: Ledger | None, project: Project, name: str, now: datetime, at: datetime | None, schedule: str | None
) -> tuple[JobFacts, list[FireFacts]]:
    """What is known of a job, and of the fires that are meant.

    Parameters
    ----------
    ledger: None where there is none to ask.
    at: the fire at this moment, or the nearest of each schedule; None is the last that was decided, and the next.
    schedule: only of this schedule.

    Raises UnknownName for a job that neither the files nor the ledger know, and for a schedule that the job has not.
    """
    job = project.jobs.get(name)
    runs = ledger.queries.runs(job=name, limit=_NEWEST) if ledger else []
    if job is None and not runs:
        project.job(name)
    facts = replace(_job_facts(ledger, job, name, now), unread=project.unread if job is None else ())
    if schedule is not None:
        _check_schedule(facts, runs, schedule)
    asked = _at(ledger, facts, at, schedule) if at else _latest_and_next(ledger, facts, runs, schedule)
    fires = [_with_run(ledger, name, fire) for fire in asked]
    earliest = min((min(fire.planned_time, fire.nominal_time) for fire in fires), default=now)
    pauses = ledger.pauses.since(min(earliest, now)) if ledger else []
    return replace(facts, pauses=tuple(pauses)), fires


def counted_from(ledger: Ledger, schedules: Iterable[Key]) -> dict[Key, datetime]:
    """From when on schedules count whose rule begins with the end of a run: that end, or their activation.

    Absent are those of a job that has an open run, and those that are not active.
    """
    keys = list(schedules)
    if not keys:
        return {}
    occurrences, jobs = ledger.occurrences, {job for job, _ in keys}
    ends, busy = occurrences.last_ends(jobs), occurrences.busy_jobs(jobs)
    cursors = {key: cursor for key, cursor in occurrences.cursors(keys).items() if key[0] not in busy}
    return {key: max(cursor, ends.get(key[0], cursor)) for key, cursor in cursors.items()}


def _job_facts(ledger: Ledger | None, job: Job | None, name: str, now: datetime) -> JobFacts:
    if ledger is None:
        return JobFacts(now, name, job)
    occurrences = ledger.occurrences
    revision, _digest = occurrences.active_revision()
    declared = occurrences.declared(name).get(name)
    new = json.loads(json.dumps(definition(job), default=str)) if job else None
    differs = [change.key for change in key_changes(declared, new)] if declared and new else []
    states = {schedule: state for (_, schedule), state in occurrences.states(name).items()}
    counted = [(name, schedule.id) for schedule in job.schedules if schedule.max_fires is not None] if job else []
    key = overlap_key_of(job, job.params) if job else name
    return JobFacts(
        now=now,
        name=name,
        job=job,
        ledger=True,
        revision=revision,
        activated_at=occurrences.activated_at(revision) if revision else None,
        declared=declared is not None,
        differs=tuple(differs),
        states=states,
        fires={schedule: number for (_, schedule), number in occurrences.fires(counted).items()} if counted else {},
        forgotten={one: until for (_, one), until in occurrences.forgotten((name, one) for one in states).items()},
        open_runs=tuple(occurrences.open_runs([key]).get(key, ())),
        processes=tuple(running(ledger.processes.alive())),
        breaker=_breaker(ledger, job) if job else None,
        ahead=tuple(_ahead(ledger, job)) if job else (),
    )


def _ahead(ledger: Ledger, job: Job) -> Iterator[RunRow]:
    """What this job waits for, in flows in which its turn has not come."""
    for name in job.lineage.before(job.name) if job.lineage else ():
        for run in ledger.queries.open(job=name):
            if run.flow is not None and job.name not in ledger.flows.standings(run.flow, [job.name]):
                yield run


def _breaker(ledger: Ledger, job: Job) -> BreakerRow | None:
    """The breaker of the job's runs, where it is not closed."""
    mine = breaker_for(job, job.params)
    found = ledger.breakers.all() if mine is not None else []
    return next((one for one in found if mine is not None and one.key == mine.key and not one.closed), None)


def _check_schedule(facts: JobFacts, runs: Sequence[RunRow], schedule: str) -> None:
    known = [one.id for one in facts.job.schedules] if facts.job else []
    if schedule in known or any(run.schedule == schedule for run in runs):
        return
    hint = f"Schedules of job '{facts.name}': {', '.join(known)}." if known else f"Job '{facts.name}' has no schedule."
    raise UnknownName("schedule", f"{facts.name}/{schedule}", None, hint)


def _schedules(facts: JobFacts, wanted: str | None) -> list[Schedule]:
    return [one for one in facts.job.schedules if wanted in (None, one.id)] if facts.job else []


def _latest_and_next(
    ledger: Ledger | None, facts: JobFacts, runs: Sequence[RunRow], wanted: str | None
) -> Iterator[FireFacts]:
    """The last occurrence that was decided, else the last run at all; and the soonest fire to come."""
    of_schedules = [run for run in runs if run.kind in _DECIDED and wanted in (None, run.schedule)]
    latest = next(iter(of_schedules), None) or (next(iter(runs), None) if wanted is None else None)
    if latest is not None:
        schedule = facts.job.schedule(latest.schedule) if facts.job and latest.schedule else None
        yield FireFacts(latest.nominal_time, latest.schedule, schedule, run=latest)
    delayed = [(facts.name, one.id) for one in _schedules(facts, wanted) if one.trigger.from_end]
    begins = counted_from(ledger, delayed) if ledger else {}
    following = [
        FireFacts(fire.nominal_time, schedule.id, schedule)
        for schedule in _schedules(facts, wanted)
        for fire in _soonest(facts, schedule, begins.get((facts.name, schedule.id)), latest)
    ]
    if following:
        yield min(following, key=lambda fire: fire.planned_time)


def _soonest(
    facts: JobFacts, schedule: Schedule, ended: datetime | None, latest: RunRow | None = None
) -> Iterator[FireFacts]:
    """The first fire of a schedule that is planned for after now.

    Parameters
    ----------
    latest: the run that is told beside it; the fire it stands for may have been decided since this command began.
    """
    assert facts.job is not None, "only a declared job has schedules"
    told = (latest.schedule, latest.nominal_time) if latest else None
    for fire in coming(facts.job, schedule, facts.now + _TICK, ended=ended):
        if "merged" not in fire.marks and (schedule.id, fire.nominal_time) != told:
            yield FireFacts(fire.nominal_time, schedule.id, schedule)
            return


def _at(ledger: Ledger | None, facts: JobFacts, at: datetime, wanted: str | None) -> list[FireFacts]:
    """The fires at a moment; where there is none, the nearest of each schedule."""
    found = [fire for schedule in _schedules(facts, wanted) for fire in _near(ledger, facts, schedule, at)]
    exact = [fire for fire in found if at in (fire.nominal_time, fire.planned_time)]
    if exact:
        return exact
    decided = _decided_at(ledger, facts, at, wanted)
    return decided or found


def _decided_at(ledger: Ledger | None, facts: JobFacts, at: datetime, wanted: str | None) -> list[FireFacts]:
    """What was decided for exactly this moment under an earlier rule, or by a schedule that is gone."""
    if ledger is None:
        return []
    ids = {schedule.id for schedule in _schedules(facts, wanted)} | ({wanted} if wanted else {"main", "start"})
    return [
        FireFacts(at, schedule, facts.job.schedule(schedule) if facts.job else None, asked=at)
        for schedule in sorted(ids)
        if ledger.occurrences.recorded(facts.name, schedule, at, at + _TICK)
    ]


def _near(ledger: Ledger | None, facts: JobFacts, schedule: Schedule, at: datetime) -> Iterator[FireFacts]:
    """The fire of a schedule that a moment means, with those beside the moment."""
    assert facts.job is not None, "only a declared job has schedules"
    if schedule.trigger.from_end:
        yield from _near_run(ledger, facts, schedule, at)
        return
    before, after = fire_before(facts.job, schedule, at), fire_from(schedule, at)
    beside = [moment for moment in dict.fromkeys((before, after)) if moment is not None]
    if beside:
        nearest = min(beside, key=lambda one: min(abs(one - at), abs(schedule.planned(one).time - at)))
        yield FireFacts(nearest, schedule.id, schedule, at, before, after)


def _near_run(ledger: Ledger | None, facts: JobFacts, schedule: Schedule, at: datetime) -> Iterator[FireFacts]:
    """Of a rule that counts from the end of a run: what was decided near the moment."""
    span = (at - _AROUND, at + _AROUND)
    rows = ledger.occurrences.recorded(facts.name, schedule.id, *span) if ledger else []
    moments = [row.nominal_time for row in rows]
    if moments:
        before = max((moment for moment in moments if moment <= at), default=None)
        after = min((moment for moment in moments if moment >= at), default=None)
        yield FireFacts(min(moments, key=lambda one: abs(one - at)), schedule.id, schedule, at, before, after)
    elif at > facts.now:
        for fire in _soonest(facts, schedule, None):
            yield replace(fire, asked=at, after=fire.nominal_time)


def _with_run(ledger: Ledger | None, job: str, fire: FireFacts) -> FireFacts:
    """The fire with what was decided and what became of it."""
    if ledger is None:
        return fire
    recorded = _recorded(ledger, job, fire)
    run = fire.run or (_run(ledger, recorded.run_id) if recorded else None)
    fire = replace(fire, recorded=recorded, run=run, again=tuple(_again(ledger, job, fire, run)))
    if run is None:
        return fire
    named = [one for one in runs_in(f"{run.reason or ''} {recorded.reason if recorded else ''}") if one != run.id]
    key = run.overlap_key or run.job
    beside = ledger.flows.beside(run)
    return replace(
        fire,
        upstream=tuple(beside[0]),
        downstream=tuple(beside[1]),
        attempts=tuple(ledger.queries.attempts(run.id)),
        others=tuple(other for one in named if (other := _run(ledger, one)) is not None),
        rivals=tuple(ledger.occurrences.open_runs([key]).get(key, ())) if run.state in OPEN else (),
        standing=ledger.leases.standing(run),
    )


def _again(ledger: Ledger, job: str, fire: FireFacts, run: RunRow | None) -> Iterator[RunRow]:
    """The runs for the same nominal time beside the one that the scheduler decided."""
    if fire.schedule_id is not None:
        for one in ledger.queries.of_schedule(job, fire.schedule_id, fire.nominal_time, fire.nominal_time + _TICK):
            if run is None or one.id != run.id:
                yield one


def _recorded(ledger: Ledger, job: str, fire: FireFacts) -> Recorded | None:
    if fire.schedule_id is None:
        return None
    rows = ledger.occurrences.recorded(job, fire.schedule_id, fire.nominal_time, fire.nominal_time + _TICK)
    return rows[0] if rows else None


def _run(ledger: Ledger, run_id: str) -> RunRow | None:
    """A run that a reason names; it may have been tidied away since."""
    try:
        return ledger.queries.run(run_id)
    except UnknownName:
        return None
