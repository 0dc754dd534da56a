"""Making a project the active configuration.

Owns: the digest that tells whether it changed, what took another name, and the runs of `run_on_start`.
Never: writes Redis.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime

from automation.dispatch.overlap import Places
from automation.dispatch.pausing import concerning, paused
from automation.ledger.ids import occurrence_id
from automation.ledger.occurrences import Decided
from automation.ledger.rows import OpenRun, PauseRow, Waiting
from automation.ledger.standing import Key
from automation.ledger.states import Kind, State
from automation.project.definition import Definitions, definition
from automation.project.frozen import with_flow
from automation.project.model import Job, Project, Schedule
from automation.project.order import overlap_key_of, run_of
from automation.services import Services

START = "start"
_encode = json.JSONEncoder(sort_keys=True, default=str).encode


def activate(services: Services, project: Project, by: str) -> tuple[int, Sequence[Waiting]]:
    """Activate the project; returns its revision, and the runs of `run_on_start` of jobs that are new or changed."""
    occurrences = services.ledger.occurrences
    specs = {
        (job.name, schedule.id): schedule.spec
        for job in project.jobs.values()
        if job.active
        for schedule in job.schedules
    }
    decisive, contents = _digests(project)
    replacing = any(list(_former(job, schedule)) for job in project.jobs.values() for schedule in job.schedules)
    revision = occurrences.activate(
        decisive,
        specs,
        by,
        keep_missing=bool(project.errors),
        renamed=renamed(project, occurrences.states()) if replacing else {},
        definitions=Definitions(project.jobs),
        contents=contents,
        limits={one.limit.owner: one.limit for job in project.jobs.values() for one in job.limits},
    )
    starting = [job for job in project.jobs.values() if job.active and job.run_on_start]
    if starting:
        # The ledger knows it also after a crash between the activation and these runs.
        changed = occurrences.declared(since=revision)
        starting = [job for job in starting if job.name in changed]
    return revision, _start(services, starting, revision) if starting else ()


def renamed(project: Project, known: Collection[Key]) -> dict[Key, Key]:
    """New name → the one it had before, for each active schedule that `replaces` one which the ledger knows."""
    found: dict[Key, Key] = {}
    for job in project.jobs.values():
        for schedule in job.schedules if job.active else ():
            new = (job.name, schedule.id)
            old = next((key for key in _former(job, schedule) if key in known), None)
            if old is not None and new not in known:
                found[new] = old
    return found


def _former(job: Job, schedule: Schedule) -> Iterator[Key]:
    """The names that a schedule may have had: another id, another job, or both."""
    if schedule.replaces is not None:
        yield job.name, schedule.replaces
    if job.replaces is not None:
        yield job.replaces, schedule.replaces or schedule.id
        yield job.replaces, schedule.id


def _start(services: Services, jobs: Sequence[Job], revision: int) -> list[Waiting]:
    """One run for each, once for this revision: its nominal time is the revision's, so a repeat finds it recorded."""
    occurrences = services.ledger.occurrences
    now, nominal = services.clock.now(), occurrences.activated_at(revision)
    places = {job.name: overlap_key_of(job, job.params) for job in jobs}
    open_runs = occurrences.open_runs(places.values())
    pauses = services.ledger.pauses.since(nominal)
    decided = [_starting(job, open_runs.get(places[job.name], []), pauses, nominal, now) for job in jobs]
    new = set(occurrences.record(decided, revision))
    runs = [run for one in decided for run in one.runs if run.id in new and run.state is State.QUEUED]
    return [Waiting(run.id, run.queue, run.priority) for run in runs]


def _starting(
    job: Job, open_runs: Sequence[OpenRun], pauses: Sequence[PauseRow], nominal: datetime, now: datetime
) -> Decided:
    """The decision on the run of one job: a pause and the job's overlap hold for it as for any fire."""
    run_id, places = occurrence_id(job.name, START, nominal), Places(job, open_runs)
    reason = paused(concerning(job, START, pauses), now) or places.enter(run_id, now)
    run = run_of(
        job,
        kind=Kind.SCHEDULED,
        nominal_time=nominal,
        now=now,
        schedule=START,
        run_id=run_id,
        state=State.QUEUED if reason is None else State.SKIPPED,
        reason=reason,
        planned_time=nominal,
        max_running=None if job.overlap.mode == "allow" else job.overlap.max_running,
        skips=job.overlap.mode == "skip",
    )
    return Decided(job.name, START, [with_flow(run, job)], nominal, places.cancel, tuple(places.supersede))


def digest(project: Project) -> str:
    """A fingerprint of all that decides what runs when; a description decides nothing."""
    return _digests(project)[0]


def _digests(project: Project) -> tuple[str, str]:
    """That fingerprint, and the one with descriptions. Job by job: all definitions at once are a gigabyte of 100,000."""
    decisive, whole = hashlib.sha256(b"{"), hashlib.sha256()
    for number, name in enumerate(sorted(project.jobs)):
        one = definition(project.jobs[name])
        words = one.pop("description")
        text = f"{', ' if number else ''}{_encode(name)}: {_encode(one)}".encode()
        decisive.update(text)
        whole.update(text)
        whole.update(_encode(words).encode())
    decisive.update(b"}")
    return decisive.hexdigest(), whole.hexdigest()
