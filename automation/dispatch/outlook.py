"""What comes next for jobs, with what the ledger knows of it: pauses, counts, the end of the last run.

Owns: the fires to come of a schedule, and which pauses keep one from running.
Never: needs a ledger; without one the rules alone say it. Writes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from automation.dispatch.evidence import counted_from
from automation.dispatch.pausing import concerning
from automation.ledger.breakers import BreakerRow
from automation.ledger.ledger import Ledger
from automation.ledger.rows import PauseRow
from automation.ledger.standing import Key
from automation.project.fires import Fire, coming
from automation.project.model import Job, Schedule


@dataclass(frozen=True)
class Outlook:
    """What the ledger says of some jobs; nothing where there is no ledger.

    Parameters
    ----------
    fired: how many runs a schedule with `max_fires` has had.
    begins: from when on a schedule counts whose rule begins with the end of a run.
    breakers: those that have seen a failure.
    """

    pauses: Sequence[PauseRow] = ()
    fired: Mapping[Key, int] = field(default_factory=dict)
    begins: Mapping[Key, datetime] = field(default_factory=dict)
    breakers: Sequence[BreakerRow] = ()

    def fires(self, job: Job, schedule: Schedule, now: datetime, start: datetime) -> Iterator[Fire]:
        """The fires of a schedule that are planned for `start` or later; those before it count for `max_fires`, too."""
        key, left = (job.name, schedule.id), None
        if schedule.max_fires is not None:
            left = max(schedule.max_fires - self.fired.get(key, 0), 0)
        begin = start if left is None else min(now, start)
        for fire in coming(job, schedule, begin, ended=self.begins.get(key), left=left):
            if fire.planned.time >= start or (schedule.trigger.from_end and start <= now):
                yield fire

    def next(self, job: Job, now: datetime) -> Fire | None:
        """The next fire of any schedule of the job, by planned time; also one that does not run, as its marks say.

        None for a job that does not fire: it is disabled, has a problem, or has nothing left.
        """
        each = [self._soonest(job, schedule, now) for schedule in job.schedules if job.active]
        return min((fire for fire in each if fire is not None), key=lambda fire: fire.planned.time, default=None)

    def _soonest(self, job: Job, schedule: Schedule, now: datetime) -> Fire | None:
        later = (fire for fire in self.fires(job, schedule, now, now) if fire.planned.time > now)
        return next(self.fires(job, schedule, now, now) if schedule.trigger.from_end else later, None)

    def holding(self, fire: Fire) -> list[PauseRow]:
        """The pauses that keep this fire from running."""
        return [one for one in concerning(fire.job, fire.schedule.id, self.pauses) if one.covers(fire.planned.time)]

    def pausing(self, job: Job) -> dict[str, list[PauseRow]]:
        """For each schedule of the job the pauses that hold now."""
        return {one.id: concerning(job, one.id, self.pauses) for one in job.schedules}


def outlook(ledger: Ledger | None, jobs: Sequence[Job]) -> Outlook:
    """What the ledger knows of what comes for these jobs: at most a handful of queries for all of them."""
    if ledger is None:
        return Outlook()
    each = [((job.name, schedule.id), schedule) for job in jobs for schedule in job.schedules]
    counted = [key for key, schedule in each if schedule.max_fires is not None]
    delayed = [key for key, schedule in each if schedule.trigger.from_end]
    fired = ledger.occurrences.fires(counted) if counted else {}
    breakers = ledger.breakers.all() if any(job.breaker.failures for job in jobs) else ()
    return Outlook(ledger.pauses.current(), fired, counted_from(ledger, delayed), breakers)
