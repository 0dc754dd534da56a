"""What a look at the coming fires shows: rules that never fire, hours that clocks skip or repeat, herds.

Owns: the warnings of `check` that depend on the moment, and the error for a rule that has no fire in years.
Never: reads a file or the clock; a project that is loaded without it runs all the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo

from automation.errors import Problem
from automation.project.files import SCHEDULES
from automation.project.herds import crowds, fullest
from automation.project.model import Job, Project, Schedule
from automation.project.policies import TIMEOUT
from automation.text import count, format_duration, instant, printable
from automation.triggers.at import AtTrigger
from automation.triggers.base import Trigger
from automation.triggers.bounded import BoundedTrigger
from automation.triggers.planning import PATIENCE
from automation.triggers.wallclock import next_change, offset_at, wall_at
from automation.triggers.wallrule import WallRule

NEVER = timedelta(days=5 * 365 + 1)
SELDOM = timedelta(days=400)
#: More jobs than this in one minute are a herd.
HERD = 20
_SECOND = timedelta(seconds=1)
_LOOKED_AT = 6
#: Fires in a row that calendars forbid, before a rule is warned of.
_TRIED = 500
_NAMED = 3


def lint(project: Project, now: datetime) -> Project:
    """The project with what the time to come shows; a job that never fires is disabled by that problem.

    Parameters
    ----------
    now: from when on its schedules are looked at; aware.
    """
    found: list[Problem] = []
    jobs = dict(project.jobs)
    ahead = _Ahead(now)
    for job in project.jobs.values():
        if job.problem is not None:
            continue
        own = list(_of_job(project, job, ahead))
        found += own
        error = next((problem for problem in own if problem.severity == "error"), None)
        if error is not None:
            jobs[job.name] = replace(job, problem=str(error))
    found += _herds([job for job in jobs.values() if job.active], now)
    problems = sorted([*project.problems, *found], key=lambda one: (str(one.path), one.line, one.column))
    return replace(project, jobs=jobs, problems=tuple(problems))


@dataclass
class _Ahead:
    """The coming fires of each rule, looked up once: equal rules are one trigger."""

    now: datetime
    _first: dict[int, datetime | None] = field(default_factory=dict)
    _next: dict[int, tuple[datetime, ...]] = field(default_factory=dict)
    _told: dict[int, tuple[tuple[str, str], ...]] = field(default_factory=dict)

    def first(self, trigger: Trigger) -> datetime | None:
        """The next fire."""
        if id(trigger) not in self._first:
            self._first[id(trigger)] = trigger.next_after(self.now)
        return self._first[id(trigger)]

    def fires(self, trigger: Trigger) -> tuple[datetime, ...]:
        """The next fires, some of them."""
        if id(trigger) not in self._next:
            self._next[id(trigger)] = tuple(_fires(trigger, self.now))
        return self._next[id(trigger)]

    def told(self, schedule: Schedule) -> tuple[tuple[str, str], ...]:
        """What the rule alone shows."""
        key = id(schedule.trigger)
        if key not in self._told:
            self._told[key] = (*_seldom(schedule, self.first(schedule.trigger), self.now), *_clocks(schedule, self.now))
        return self._told[key]


def _of_job(project: Project, job: Job, ahead: _Ahead) -> Iterator[Problem]:
    for schedule in job.schedules:
        which = f"schedule '{schedule.id}': " if len(job.schedules) > 1 else ""
        told = (*ahead.told(schedule), *_shaken(schedule, ahead), *_forbidden(schedule, ahead.now))
        for severity, message in told:
            text = f"jobs.{job.name}: {which}{message}"
            yield Problem(_shown(project, job), text, schedule.line, schedule.column, f"jobs.{job.name}", severity)
    crowded = _crowded(job, ahead)
    apart = _apart(job, ahead)
    if apart:
        yield Problem(_shown(project, job), f"jobs.{job.name}: {apart}", job.line, 1, f"jobs.{job.name}", "warning")
    if crowded:
        yield Problem(_shown(project, job), f"jobs.{job.name}: {crowded}", job.line, 1, f"jobs.{job.name}", "warning")


def _shown(project: Project, job: Job) -> str:
    return printable(str(job.path.relative_to(project.root)), 1000) if job.path.is_relative_to(project.root) else "?"


def _seldom(schedule: Schedule, fire: datetime | None, now: datetime) -> Iterator[tuple[str, str]]:
    """A rule without a fire in five years is an error, without one in 400 days a warning."""
    trigger = schedule.trigger
    if fire is not None and fire - now <= SELDOM:
        return
    if isinstance(trigger, AtTrigger) and fire is None:
        yield (
            "warning",
            f"its last instant ({instant(trigger.instants[-1])}) has passed; it runs only if a scheduler that knew it "
            "then has missed it, within its catchup_window",
        )
    elif isinstance(trigger, BoundedTrigger) and trigger.end_at is not None and trigger.end_at <= now:
        yield "warning", f"fires no more: its end_at ({instant(trigger.end_at)}) has passed"
    elif fire is None:
        yield "error", "never fires in the years to come; change its days, or start_at and end_at"
    elif fire - now > NEVER:
        yield "error", f"does not fire before {fire:%Y-%m-%d}, in more than 5 years; change its days, or start_at"
    else:
        yield "warning", f"does not fire before {fire:%Y-%m-%d}, in more than 400 days"


def _clocks(schedule: Schedule, now: datetime) -> Iterator[tuple[str, str]]:
    """The next dates on which clocks change at the hour of a rule that has not said what that means."""
    trigger = schedule.trigger
    rule = trigger.trigger if isinstance(trigger, BoundedTrigger) else trigger
    if not isinstance(rule, WallRule) or rule.follows_real_time:
        return
    said: dict[str, str] = {}
    for change, behind, ahead in _changes(schedule.timezone, now.replace(minute=0, second=0, microsecond=0)):
        key = "dst_gap" if ahead > behind else "dst_overlap"
        if (
            key in schedule.spec
            or key in said
            or not rule.occurs_between(min(behind, ahead) - _SECOND, max(behind, ahead))
        ):
            continue
        begin = change if ahead > behind else change - (behind - ahead)
        fire = trigger.next_after(begin - _SECOND)
        if fire is None or fire > change or not trigger.marks(fire):
            continue
        day = f"{behind:%Y-%m-%d}"
        said[key] = (
            f"on {day} its time does not exist and it fires at {ahead:%H:%M}"
            if key == "dst_gap"
            else f"on {day} its time comes twice and it fires the first time"
        )
    if said:
        what = ", ".join(said.values())
        yield (
            "warning",
            f"the clocks of {schedule.timezone} change at its hour: {what}; choose another hour, or say {' and '.join(said)}",
        )


def _shaken(schedule: Schedule, ahead: _Ahead) -> Iterator[tuple[str, str]]:
    """A jitter that moves fires so far that they are no longer spread as the rule has them."""
    jitter = schedule.planning.jitter
    if not jitter:
        return
    gaps = [(second - first, first, second) for first, second in pairwise(ahead.fires(schedule.trigger))]
    shortest, first, second = min(gaps, default=(2 * jitter, ahead.now, ahead.now))
    if jitter > shortest / 2:
        yield (
            "warning",
            f"its jitter of {format_duration(jitter)} is more than half of the {format_duration(shortest)} between its "
            f"fires at {instant(first)} and {instant(second)}, so that they may come close together; shorten the jitter",
        )


def _forbidden(schedule: Schedule, now: datetime) -> Iterator[tuple[str, str]]:
    """Calendars that let no fire of the coming time run."""
    planning = schedule.planning
    if not (planning.only_during or planning.not_during):
        return
    calendars = ", ".join(one.name for one in (*planning.only_during, *planning.not_during))
    said = f"change its rule, or its calendars: {calendars}"
    if planning.allowed_from(now) is None:
        yield "error", f"never runs: its calendars leave no time in the next {PATIENCE.days} days; {said}"
        return
    fire, blackout = None, None
    for fire in _fires(schedule.trigger, now, _TRIED):
        blackout = schedule.planned(fire).blackout
        if blackout is None:
            return
        if fire - now > SELDOM:
            break
    if fire is not None and (fire - now > SELDOM or schedule.trigger.next_after(fire) is None):
        yield "error", f"never runs: each of its fires of the next 400 days falls into {blackout}; {said}"
    elif fire is not None:
        yield "warning", f"does not run before {fire:%Y-%m-%d}: each of its next fires falls into {blackout}; {said}"


@cache
def _changes(timezone: str, since: datetime) -> tuple[tuple[datetime, datetime, datetime], ...]:
    """The changes of the next 400 days: the instant, and what the clocks would have shown and do show then."""
    zone, found, moment = ZoneInfo(timezone), [], since
    while (change := next_change(moment, since + SELDOM, zone)) is not None:
        behind = (change + offset_at(change - _SECOND, zone)).replace(tzinfo=None)
        found.append((change, behind, wall_at(change, zone)))
        moment = change
    return tuple(found)


def _crowded(job: Job, ahead: _Ahead) -> str | None:
    """Two fires that are closer than the timeout that somebody gave: the second may find the first still at work."""
    given = tuple(schedule for schedule in job.schedules if not schedule.trigger.from_end)
    if job.timeout == TIMEOUT or not given or (job.overlap.mode, job.overlap.max_running) != ("skip", 1):
        return None
    fires = sorted(fire for schedule in given for fire in ahead.fires(schedule.trigger))
    for first, second in pairwise(dict.fromkeys(fires[:_LOOKED_AT])):
        if second - first < job.timeout:
            return (
                f"its timeout of {format_duration(job.timeout)} is longer than the {format_duration(second - first)} "
                f"between its fires at {instant(first)} and {instant(second)}; a fire that finds the job at work is "
                "skipped. Shorten the timeout, or let it fire less often"
            )
    return None


def _apart(job: Job, ahead: _Ahead) -> str | None:
    """Two jobs that it waits for, whose coming fires share no instant: then it never has both."""
    if job.lineage is None or not job.after.jobs:
        return None
    first = [one for name in job.lineage.first_of(job.name) if (one := job.lineage.jobs[name]).schedules]
    for one, other in pairwise(first):
        if not (_meets(one, other, ahead) or _meets(other, one, ahead)):
            return f"none of the next fires of '{one.name}' and '{other.name}' are at one instant, so that it follows both on none of them"
    return None


def _meets(one: Job, other: Job, ahead: _Ahead) -> bool:
    fires = [fire for schedule in one.schedules for fire in ahead.fires(schedule.trigger)]
    tick = timedelta(microseconds=1)
    return any(each.trigger.next_after(fire - tick) == fire for fire in fires for each in other.schedules)


def _fires(trigger: Trigger, now: datetime, most: int = _LOOKED_AT) -> Iterator[datetime]:
    fire = trigger.next_after(now)
    while fire is not None and most:
        yield fire
        most -= 1
        fire = trigger.next_after(fire)


def _herds(jobs: list[Job], now: datetime) -> list[Problem]:
    """One warning, of the fullest minute of the coming day."""
    herds = fullest(crowds(jobs, now), 1, HERD + 1)
    if not herds:
        return []
    minute, names = herds[0].minute, list(herds[0].members)
    first = ", ".join(names[:_NAMED])
    message = (
        f"{count(len(names), 'job')} fire in the same minute, {minute:%Y-%m-%d %H:%M}Z: {first} and "
        f'{len(names) - _NAMED} more; spread them with H, such as cron = "H {minute.hour} * * *", or with a jitter'
    )
    return [Problem(SCHEDULES, message, severity="warning")]
