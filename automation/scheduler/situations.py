"""What the decisions of one batch know of the ledger.

Owns: reading it in a few queries for all schedules together, and what one decision changes for the next.
Never: decides.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from automation.dispatch.pausing import targets_of
from automation.dispatch.situation import Other, Situation
from automation.ledger.ledger import Ledger
from automation.ledger.occurrences import Decided
from automation.ledger.rows import OpenRun, PauseRow, Waiting
from automation.ledger.standing import Key
from automation.ledger.states import State
from automation.ledger.unique_key import Holder
from automation.project.model import Job, Schedule
from automation.project.order import overlap_key_of, unique_key_of

#: Decided fires that are looked at; before the oldest of them nobody asks.
_MOST = 10_000


class Situations:
    """The situations of some schedules, as they stand now.

    Parameters
    ----------
    due: the schedules that are to be decided, each with its job.

    `may_start` has the ids of decided runs that find a place; the others are rung for when their turn comes.
    """

    def __init__(self, ledger: Ledger, due: Sequence[tuple[Job, Schedule]]) -> None:
        occurrences = ledger.occurrences
        jobs = {job.name: job for job, _ in due}
        self.cursors = occurrences.cursors([(job.name, schedule.id) for job, schedule in due])
        self._places = {name: overlap_key_of(job, job.params) for name, job in jobs.items()}
        self._open = occurrences.open_runs(self._places.values())
        self._pauses = _by_target(ledger.pauses.since(min(self.cursors.values()))) if self.cursors else {}
        counted = _limited(jobs.values())
        self._fires = occurrences.fires(counted) if counted else {}
        from_end = {job.name for job, schedule in due if schedule.trigger.from_end}
        self._at_work = set(occurrences.busy_jobs(from_end)) if from_end else set()
        self._ends = occurrences.last_ends(from_end) if from_end else {}
        united = {_key(job, one) for job, _ in due if job.unite for one in job.schedules}
        self._reached = occurrences.cursors(united) if united else {}
        # What was decided after a cursor: of an `at` that was changed, and by the others of a job that unites.
        told = united | {_key(job, schedule) for job, schedule in due if "at" in schedule.spec}
        self._since = min((self.cursors[key] for key in told if key in self.cursors), default=None)
        self._decided = self._recorded(ledger, told)
        unique = [(name, key) for name, job in jobs.items() if (key := unique_key_of(job, job.params)) is not None]
        self._holders = ledger.admission.holders(unique) if unique else {}
        self.may_start: set[str] = set()

    def of(self, job: Job, schedule: Schedule) -> Situation | None:
        """What is known of this schedule; None when it is not active in the ledger."""
        key = (job.name, schedule.id)
        if key not in self.cursors:
            return None
        return Situation(
            cursor=self.cursors[key],
            open_runs=tuple(self._open.get(self._places[job.name], ())),
            pauses=self._paused(job),
            fires=self._fires.get(key, 0),
            last_end=self._ends.get(job.name),
            at_work=job.name in self._at_work,
            recorded=frozenset(self._decided.get(key, ())),
            others=self._others(job) if job.unite else {},
            holder=self._holders.get(job.name),
        )

    def took(self, decided: Decided) -> None:
        """Let those that are decided after this one know of it."""
        key = (decided.job, decided.schedule)
        self.cursors[key] = decided.cursor
        if key in self._reached:
            self._reached[key] = decided.cursor
            self._decided.setdefault(key, set()).update(run.nominal_time for run in decided.runs)
        queued = [run for run in decided.runs if run.state is State.QUEUED]
        if not queued:
            return
        place = self._places[decided.job]
        left = [run for run in self._open.get(place, ()) if run.id not in decided.supersede]
        new = [OpenRun(run.id, run.job, State.QUEUED, 0, run.queued_at, run.kind) for run in queued]
        self._open[place] = [*left, *new]
        turns = enumerate(queued, len(left))
        self.may_start |= {run.id for turn, run in turns if run.max_running is None or turn < run.max_running}
        self._at_work.add(decided.job)
        self._holders[decided.job] = Holder(queued[-1].id, State.QUEUED, begun=False)
        if key in self._fires:
            self._fires[key] += len(queued)

    def to_ring(self, decided: Sequence[Decided], new: Collection[str], now: datetime) -> list[Waiting]:
        """Those of the new runs that may start now, in the order in which they were decided."""
        withdrawn = {run_id for one in decided for run_id in one.supersede}
        ready = (self.may_start & set(new)) - withdrawn
        return [
            Waiting(run.id, run.queue, run.priority)
            for one in decided
            for run in one.runs
            if run.id in ready and run.due_at <= now
        ]

    def _recorded(self, ledger: Ledger, keys: Iterable[Key]) -> dict[Key, set[datetime]]:
        found = ledger.occurrences.nominals(list(keys), self._since, _MOST) if self._since else {}
        if sum(map(len, found.values())) == _MOST:
            self._since = min(min(some) for some in found.values())
        return found

    def _paused(self, job: Job) -> list[PauseRow]:
        """The pauses of the job and of any of its schedules, oldest first."""
        if not self._pauses:
            return []
        targets = targets_of(job, *(schedule.id for schedule in job.schedules))
        found = [pause for target in targets for pause in self._pauses.get(target, ())]
        return sorted(found, key=lambda pause: pause.since)

    def _others(self, job: Job) -> dict[str, Other]:
        """How far each schedule of the job is decided."""
        found = {}
        for one in job.schedules:
            key, most = _key(job, one), one.max_fires
            if key in self._reached and self._since is not None:
                left = None if most is None else max(most - self._fires.get(key, 0), 0)
                found[one.id] = Other(self._reached[key], self._since, frozenset(self._decided.get(key, ())), left)
        return found


def _key(job: Job, schedule: Schedule) -> Key:
    return job.name, schedule.id


def _by_target(pauses: Iterable[PauseRow]) -> dict[tuple[str, str], list[PauseRow]]:
    found: dict[tuple[str, str], list[PauseRow]] = {}
    for pause in pauses:
        found.setdefault((pause.level, pause.target), []).append(pause)
    return found


def _limited(jobs: Iterable[Job]) -> list[Key]:
    """The schedules whose runs are counted."""
    return [(job.name, schedule.id) for job in jobs for schedule in job.schedules if schedule.max_fires is not None]
