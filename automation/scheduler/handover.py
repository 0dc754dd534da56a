"""What a rule that gives way to another one still owes: fires that jitter or a calendar has put off beyond the change.

Owns: recording them under the old rule, to start when they were planned.
Never: decides what is due now, or anything of a schedule that is gone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
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


def as_recorded(project: Project, states: Mapping[Key, ScheduleState]) -> Project | None:
    """The project with the rules that the ledger has, for one who begins to lead with others; None where none differs.

    What fell due under them while nobody led is theirs. A schedule that at once took another name is left out.
    """
    jobs: dict[str, Job] = {}
    for job in project.jobs.values():
        held = [_with_rule(schedule, states.get((job.name, schedule.id))) for schedule in job.schedules]
        if job.active and any(one is not schedule for one, schedule in zip(held, job.schedules, strict=True)):
            jobs[job.name] = replace(job, schedules=tuple(held))
    return replace(project, jobs={**project.jobs, **jobs}) if jobs else None


def _with_rule(schedule: Schedule, state: ScheduleState | None) -> Schedule:
    if state is None or dict(state.spec) == dict(schedule.spec):
        return schedule
    try:
        return replace(schedule, spec=dict(state.spec), trigger=parse_trigger(state.spec))
    except TriggerInvalid:
        # Of another version of this program; what it meant nobody knows any more.
        return schedule


def put_off(ledger: Ledger, before: Project, after: Project, now: datetime) -> list[Decided]:
    """Decisions on fires whose nominal time has come and whose planned time has not, of rules that change.

    The new rule counts from now, so nobody else would decide them.

    Parameters
    ----------
    before: the active project, of which everything that is due was decided.
    after: the one that takes its place.
    """
    changing = list(_changing(before, after))
    situations = Situations(ledger, changing) if changing else None
    found = [_of(job, schedule, now, situations) for job, schedule in changing if situations]
    return [one for one in found if one is not None]


def _changing(before: Project, after: Project) -> Iterator[tuple[Job, Schedule]]:
    """Schedules that go on with another rule, under the same name or a new one."""
    old = {
        (job.name, schedule.id): (job, schedule)
        for job in before.jobs.values()
        if job.active
        for schedule in job.schedules
    }
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
