"""What a rule that gives way still owes: fires that jitter or a calendar has put off beyond the change.

Owns: recording them under the old rule: to start when they were planned where another rule takes its place, and as
skipped where none does.
Never: decides what is due now.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from automation.dispatch.decide import decide
from automation.ledger.ledger import Ledger
from automation.ledger.occurrences import Decided
from automation.ledger.rows import NewRun
from automation.ledger.standing import Key, ScheduleState
from automation.ledger.states import State
from automation.project.model import Job, Project, Schedule
from automation.scheduler.activate import renamed
from automation.scheduler.situations import Situations
from automation.triggers.base import TriggerInvalid
from automation.triggers.bounded import BoundedTrigger
from automation.triggers.parse import parse_trigger

_TICK = timedelta(microseconds=1)


@dataclass(frozen=True)
class Held:
    """A version of the project with the rules that the ledger has.

    Parameters
    ----------
    renamed: some of these stand under another name there, so that this version has to become the active one first.
    """

    project: Project
    renamed: bool


def as_recorded(project: Project, states: Mapping[Key, ScheduleState]) -> Held | None:
    """The project with the rules that the ledger has, for one who begins to lead with others; None where none differs.

    What fell due under them while nobody led is theirs.
    """
    jobs: dict[str, Job] = {}
    former, moved = renamed(project, states), False
    for job in project.jobs.values():
        held = []
        for schedule in job.schedules if job.active else ():
            key = (job.name, schedule.id)
            held.append(_with_rule(schedule, states.get(former.get(key, key))))
            moved = moved or (key in former and held[-1] is not schedule)
        if any(one is not schedule for one, schedule in zip(held, job.schedules, strict=False)):
            # It starts with the rule that is to come, and once.
            jobs[job.name] = replace(job, schedules=tuple(held), run_on_start=False)
    return Held(replace(project, jobs={**project.jobs, **jobs}), moved) if jobs else None


def _with_rule(schedule: Schedule, state: ScheduleState | None) -> Schedule:
    if state is None or dict(state.spec) == dict(schedule.spec):
        return schedule
    try:
        return replace(schedule, spec=dict(state.spec), trigger=parse_trigger(state.spec))
    except TriggerInvalid:
        # Of another version of this program; what it meant nobody knows any more.
        return schedule


def put_off(ledger: Ledger, before: Project, after: Project, now: datetime) -> list[Decided]:
    """Decisions on fires whose nominal time has come and whose planned time has not, of rules that change or go.

    The new rule counts from now, so nobody else would decide them. Those of a schedule that goes do not run, and say so.

    Parameters
    ----------
    before: the active project, of which everything that is due was decided.
    after: the one that takes its place.
    """
    old = _active(before)
    changing, going = list(_changing(old, after)), list(_going(old, after))
    owing = [*changing, *((job, schedule) for job, schedule, _ in going)]
    situations = Situations(ledger, owing) if owing else None
    if situations is None:
        return []
    found = [_of(job, schedule, now, situations) for job, schedule in changing]
    found += [_gone(_of(job, schedule, now, situations), why) for job, schedule, why in going]
    return [one for one in found if one is not None]


def _active(project: Project) -> dict[Key, tuple[Job, Schedule]]:
    jobs = [job for job in project.jobs.values() if job.active]
    return {(job.name, schedule.id): (job, schedule) for job in jobs for schedule in job.schedules}


def _going(old: Mapping[Key, tuple[Job, Schedule]], after: Project) -> Iterator[tuple[Job, Schedule, str]]:
    """Schedules that have no successor, each with why; a file that cannot be read says nothing about those in it."""
    if after.errors:
        return
    goes_on = {*_active(after), *renamed(after, old).values()}
    for key, (job, schedule) in old.items():
        if key not in goes_on and not schedule.trigger.from_end:
            successor = after.jobs.get(job.name)
            why = "the job" if successor is None else "its schedule" if successor.active else None
            yield job, schedule, f"{why} was taken out of the files" if why else "the job was disabled"


def _gone(decided: Decided | None, why: str) -> Decided | None:
    if decided is None:
        return None
    reason = f"removed: {why} before it was to start"
    kept = [
        replace(run, state=State.SKIPPED, reason=reason) if run.state is State.QUEUED else run for run in decided.runs
    ]
    return replace(decided, runs=kept)


def _changing(old: Mapping[Key, tuple[Job, Schedule]], after: Project) -> Iterator[tuple[Job, Schedule]]:
    """Schedules that go on with another rule, under the same name or a new one."""
    former: dict[Key, Key] = renamed(after, old)
    for job in after.jobs.values():
        for schedule in job.schedules if job.active else ():
            key = (job.name, schedule.id)
            held = old.get(former.get(key, key))
            if held is not None and held[1].spec != schedule.spec and not held[1].trigger.from_end:
                yield held


def _of(job: Job, schedule: Schedule, now: datetime, situations: Situations) -> Decided | None:
    """All that the old rule has put off, each fire decided as it would be at its planned time."""
    situation = situations.of(job, schedule)
    if situation is None:
        return None
    # What the old rule would fire from now on is not its own any more.
    ended = replace(schedule, trigger=BoundedTrigger(schedule.trigger, end_at=now + _TICK))
    # Whether there is a place then is not known now; it is asked as the run is claimed.
    situation, runs = replace(situation, open_runs=()), []
    while (nominal := ended.trigger.next_after(situation.cursor)) is not None:
        then = max(schedule.planned(nominal).time, ended.planned(nominal).time)
        decided = decide(job, ended, then, situation)
        if decided is None:
            break
        fires = situation.fires + sum(run.state is State.QUEUED for run in decided.runs)
        situation = replace(situation, cursor=decided.cursor, fires=fires)
        runs += [_later(run, schedule, now) for run in decided.runs]
    return Decided(job.name, schedule.id, runs, situation.cursor) if runs else None


def _later(run: NewRun, schedule: Schedule, now: datetime) -> NewRun:
    if run.state is not State.QUEUED or run.nominal_time is None:
        return replace(run, queued_at=now)
    planned = schedule.planned(run.nominal_time).time
    return replace(run, queued_at=now, planned_time=planned, due_at=max(now, planned))
