"""Project, job, schedule: what was declared, checked and frozen.

Owns: the shapes that everything above reads.
Never: reads a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from automation.errors import Problem, UnknownName
from automation.ledger.alarm import Alerts
from automation.ledger.limit import Limit, Rate
from automation.ledger.unique_key import RETURN_EXISTING
from automation.project.after import After, Lineage
from automation.retry import RetryPolicy
from automation.text import nearest
from automation.triggers.base import Trigger
from automation.triggers.planning import Planned, Planning


@dataclass(frozen=True)
class Timing:
    """What becomes of a schedule's fires that cannot run in time.

    Parameters
    ----------
    catchup: of the fires older than `misfire_grace`: `skip` all, run the `latest`, or run `all`.
    catchup_window: what is older than this is missed, whatever `catchup` says.
    catchup_max: how many of the newest `all` runs.
    misfire_grace: what is decided within this time after its planned time is merely late, and runs.
    start_deadline: a run whose first attempt has not begun so long after its planned time expires; None is never.
    """

    catchup: str = "latest"
    catchup_window: timedelta = timedelta(hours=24)
    catchup_max: int = 10
    misfire_grace: timedelta = timedelta(seconds=60)
    start_deadline: timedelta | None = None


@dataclass(frozen=True)
class Overlap:
    """What becomes of a fire that finds the job at work.

    Parameters
    ----------
    mode: `skip`, `queue_one`, `queue_all`, `cancel_running` or `allow`.
    max_running: from how many runs at once the mode takes effect.
    max_queued: how many runs `queue_all` lets wait.
    key: what shares the places; None is the job; it may name parameters: `"{{ params.site }}"`.
    """

    mode: str = "skip"
    max_running: int = 1
    max_queued: int = 10
    key: str | None = None


@dataclass(frozen=True)
class Uniqueness:
    """What becomes of a run that is asked for while another one like it is open.

    Parameters
    ----------
    unique_key: runs of the job with the same one are alike; None is no two; it may name parameters as `overlap_key`.
    on_conflict: `reject` the second, `return_existing`, or `replace_waiting`.
    unique_for: the first counts for at least so long after it was asked for; None is until it has ended.
    """

    unique_key: str | None = None
    on_conflict: str = RETURN_EXISTING
    unique_for: timedelta | None = None


@dataclass(frozen=True)
class Limiting:
    """What a job says of how often its runs may begin, and how many at once.

    Parameters
    ----------
    limits: names of `[limits.NAME]`, all of which hold for it.
    rate: so many of its own runs may begin in a span; None is any number.
    rate_key: what the rate counts by; None is the job; it may name parameters as `overlap_key`.
    """

    limits: tuple[str, ...] = ()
    rate: Rate | None = None
    rate_key: str | None = None


@dataclass(frozen=True)
class DeclaredLimit:
    """A limit as it is declared, before a run's parameters fill its key.

    Parameters
    ----------
    limit: owner and numbers.
    key: what it counts by beside its owner; None is nothing; it may name parameters as `overlap_key`.
    """

    limit: Limit
    key: str | None = None


@dataclass(frozen=True)
class BreakerPolicy:
    """When a job's runs are no longer tried, since the other side seems to be away.

    Parameters
    ----------
    failures: so many in a row open it; 0 is no breaker.
    open_for: how long nothing is tried then, until one run is.
    key: what it counts by; None is the job; it may name parameters, and jobs with one key share it, as `overlap_key`.
    on: failure classes and codes that count; none named is every one.
    """

    failures: int = 0
    open_for: timedelta = timedelta(minutes=10)
    key: str | None = None
    on: tuple[str, ...] = ()


@dataclass(frozen=True)
class Queue:
    """Where runs wait for the workers that take them.

    Parameters
    ----------
    max_waiting: while so many runs wait no more are taken by hand; None is no limit.
    max_running: so many of its runs may be at work at once, over all workers; None is any number.
    workers: so many at once a worker process does that takes runs from this queue alone; None shares one with others.
    """

    max_waiting: int | None = None
    max_running: int | None = None
    workers: int | None = None


@dataclass(frozen=True)
class Schedule:
    """When a job fires.

    Parameters
    ----------
    id: stable, part of every occurrence's identity; the only schedule of a job is `main`.
    spec: what `parse_trigger` made the trigger of; JSON-able.
    line, column: where the rule stands in the job's file.
    max_fires: after so many runs it fires no more; None is without end.
    replaces: the id that it had before; what that one has decided counts for it.
    """

    id: str
    trigger: Trigger
    timezone: str
    spec: dict[str, Any]
    line: int = 1
    column: int = 1
    timing: Timing = Timing()
    planning: Planning = field(default_factory=Planning)
    max_fires: int | None = None
    replaces: str | None = None

    def planned(self, nominal: datetime) -> Planned:
        """When the fire of this nominal time is to start, and whether a calendar keeps it from running."""
        return self.planning.plan(self.trigger, nominal)


@dataclass(frozen=True)
class Job:
    """A plugin with parameters and policies, under a name.

    Parameters
    ----------
    params: as declared: references such as `${env:NAME}` are unresolved, defaults of the plugin are not filled in.
    priority: 0 to 9, 9 first.
    timeout: soft, for one attempt; `kill_after` later the attempt is killed.
    max_memory: bytes that the process of an attempt may hold; 0 is any number.
    problem: why the job may not run, in one sentence; None when it may.
    unite: fires of several of its schedules at one instant are one run.
    pause_after_failures: so many final failures in a row pause its schedules; 0 is never.
    limits: every limit that holds for it: those that it names, its own rate, and that of its queue.
    replaces: the name that it had before; what that one's schedules have decided counts for its own.
    lineage: the jobs that it follows or that follow it, and theirs; None for one by itself.
    """

    name: str
    plugin: str
    params: dict[str, Any]
    schedules: tuple[Schedule, ...]
    enabled: bool
    run_on_start: bool
    queue: str
    priority: int
    timeout: timedelta
    kill_after: timedelta
    retry: RetryPolicy
    tags: tuple[str, ...]
    description: str
    path: Path
    line: int
    problem: str | None = None
    overlap: Overlap = Overlap()
    unique: Uniqueness = Uniqueness()
    limiting: Limiting = Limiting()
    limits: tuple[DeclaredLimit, ...] = ()
    breaker: BreakerPolicy = BreakerPolicy()
    alerts: Alerts | None = None
    unite: bool = False
    pause_after_failures: int = 0
    max_memory: int = 0
    replaces: str | None = None
    after: After = field(default_factory=After)
    lineage: Lineage[Job] | None = field(default=None, repr=False, compare=False)

    @property
    def active(self) -> bool:
        """Whether its schedules fire: enabled, and without a problem."""
        return self.enabled and self.problem is None

    def schedule(self, schedule_id: str) -> Schedule | None:
        """The schedule of this id, if the job has it."""
        return next((schedule for schedule in self.schedules if schedule.id == schedule_id), None)

    def next_after(self, moment: datetime) -> datetime | None:
        """The earliest fire of any of its schedules strictly after `moment`, in UTC."""
        due = self.next_schedule(moment)
        return due[0] if due else None

    def next_schedule(self, moment: datetime) -> tuple[datetime, Schedule] | None:
        """The earliest fire after `moment`, and the schedule that it is of."""
        fires = [(schedule.trigger.next_after(moment), schedule) for schedule in self.schedules]
        due = [(fire, schedule) for fire, schedule in fires if fire is not None]
        return min(due, key=lambda one: one[0], default=None)


@dataclass(frozen=True)
class Webhook:
    """An address that another program calls so that a job runs.

    Parameters
    ----------
    secrets: any of them proves the caller; references unresolved.
    take: parameters of the job that the body's fields of these names set.
    """

    name: str
    job: str
    secrets: tuple[str, ...] = field(repr=False)
    take: tuple[str, ...] = ()


@dataclass(frozen=True)
class Project:
    """Everything that one folder declares.

    Parameters
    ----------
    jobs: by name, those with a problem included, in the order of files and lines.
    databases: URLs by name, references unresolved.
    problems: errors and warnings of all files, in the order of files and lines.
    webhooks: by name, those without a problem.
    """

    root: Path
    jobs: Mapping[str, Job] = field(default_factory=dict)
    databases: Mapping[str, str] = field(default_factory=dict, repr=False)
    problems: tuple[Problem, ...] = ()
    webhooks: Mapping[str, Webhook] = field(default_factory=dict)

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The problems that stop a job or a file."""
        return tuple(problem for problem in self.problems if problem.severity == "error")

    @property
    def unread(self) -> tuple[str, ...]:
        """The files that cannot be read as a whole; what they declare is not known."""
        return tuple(dict.fromkeys(str(problem.path) for problem in self.errors if not problem.key))

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """The problems that stop nothing."""
        return tuple(problem for problem in self.problems if problem.severity != "error")

    def job(self, name: str) -> Job:
        """The job of this name. Raises UnknownName with the nearest one, and the files that could not be read."""
        if name not in self.jobs:
            unread = ", ".join(self.unread)
            hint = f"{unread} cannot be read and may declare it; see: automation check" if unread else ""
            raise UnknownName("job", name, nearest(name, self.jobs), hint or "See `automation list`.")
        return self.jobs[name]
