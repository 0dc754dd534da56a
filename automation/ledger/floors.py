"""What of a job stays whatever its age: the newest runs, and all that a later decision may ask for.

Owns: what the scheduler, a replay, an email or a unique key still needs of runs that have ended.
Never: deletes.

Read in short steps: each opens a transaction of its own and looks at a hundred rows.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from automation.database import reading
from automation.ledger.memory import newest_with_artifacts
from automation.ledger.standing import NEWEST_LOOKED_AT
from automation.ledger.states import Kind, State
from automation.ledger.streaks import TELLING, TELLING_KINDS
from automation.ledger.tables import jobs as job_table
from automation.ledger.tables import revisions, runs, schedules
from automation.triggers.parse import parse_trigger

_AT_ONCE = 100
#: A message lives an hour at most, and a day is for clocks and people.
_SLACK = timedelta(days=1, hours=1)
_DAY = timedelta(days=1)
COLUMNS = (
    runs.c.id, runs.c.job, runs.c.schedule, runs.c.state, runs.c.attempt, runs.c.kind, runs.c.nominal_time,
    runs.c.queued_at, runs.c.finished_at,
)  # fmt: skip
_NEWEST = sa.select(*COLUMNS).order_by(runs.c.queued_at.desc(), runs.c.id.desc()).limit(_AT_ONCE)
_ACTIVATED = sa.select(revisions.c.activated_at).order_by(revisions.c.revision.desc()).limit(1)


@dataclass(frozen=True)
class Ended:
    """As much of a run as matters here."""

    id: str
    job: str
    schedule: str | None
    state: State
    attempt: int
    kind: Kind
    nominal_time: datetime
    queued_at: datetime
    finished_at: datetime | None

    @classmethod
    def of(cls, row: Any) -> Ended:
        """From a row of a query."""
        return cls(row.id, row.job, row.schedule, State(row.state), row.attempt, Kind(row.kind), *row[6:])

    @property
    def done(self) -> bool:
        """Whether it did what its moment asked for, so that no backfill does it again."""
        return self.state is State.SUCCEEDED or (self.state is State.SKIPPED and self.attempt > 0)

    @property
    def decided(self) -> bool:
        """Whether it is the run of an occurrence, and no backfill of one."""
        return self.schedule is not None and self.kind in TELLING_KINDS

    @property
    def tells(self) -> bool:
        """Whether it counts for `pause_after_failures`."""
        return self.attempt > 0 and self.kind in TELLING_KINDS and self.state in TELLING


@dataclass(frozen=True)
class Floor:
    """What stays of one job.

    Parameters
    ----------
    newest: what was asked for at this moment or later; None is all.
    held: ids of runs that stay: the newest success, the newest with files, those that say whether failures are in a row.
    undecided: the first nominal time that a schedule has yet to decide; what others decided from then on matters to it.
    instants: schedules that are lists of moments: a list that changes is compared with what was decided ever.
    activated: when the configuration became active; its run on start is found by this moment.
    settled: how long after its decision nobody can decide an occurrence again.
    """

    newest: datetime | None
    held: frozenset[str] = frozenset()
    undecided: datetime | None = None
    instants: frozenset[str] = frozenset()
    activated: datetime | None = None
    settled: timedelta = _SLACK + _DAY

    def keeps_whole(self, run: Ended) -> bool:
        """Whether the run stays, with all that belongs to it."""
        return self.newest is None or run.queued_at >= self.newest or run.id in self.held

    def keeps(self, run: Ended, now: datetime) -> bool:
        """Whether the run's row stays."""
        if self.keeps_whole(run):
            return True
        if run.schedule is None:
            return False
        ahead = self.undecided is not None and run.nominal_time >= self.undecided
        asked_again = run.schedule in self.instants or run.nominal_time == self.activated
        return ahead or asked_again or run.queued_at > now - self.settled


def floor_of(engine: sa.Engine, job: str, keep_last: int, now: datetime) -> Generator[None, None, Floor]:
    """What stays of a job, found in steps."""
    with reading(engine) as connection:
        definition = connection.execute(
            sa.select(job_table.c.definition).where(job_table.c.job == job)
        ).scalar_one_or_none()
        rules = connection.execute(sa.select(schedules).where(schedules.c.job == job)).mappings().all()
        with_files = newest_with_artifacts(connection, job)
        activated = connection.execute(_ACTIVATED).scalar_one_or_none()
    yield
    from_end = any("fixed_delay" in rule["spec"] for rule in rules)
    found = _Newest(
        most=max(keep_last, NEWEST_LOOKED_AT) if from_end else keep_last,
        telling=_telling(definition or {}, keep_last),
    )
    for some in _newest_first(engine, job):
        if found.take(some):
            break
        yield
    return Floor(
        newest=found.newest,
        held=frozenset(found.held | ({with_files} if with_files else set())),
        undecided=_undecided(rules, now),
        instants=frozenset(rule["schedule"] for rule in rules if "at" in rule["spec"]),
        activated=activated,
        settled=_SLACK + _longest_window(definition or {}),
    )


class _Newest:
    """Looks at runs, the newest first, until it has seen what stays."""

    def __init__(self, most: int, telling: int) -> None:
        self._most, self._telling, self._seen, self._succeeded = most, telling, 0, False
        self.newest: datetime | None = None
        self.held: set[str] = set()

    def take(self, some: Sequence[Ended]) -> bool:
        """Whether these, and those before them, are enough."""
        for run in some:
            self._seen += 1
            if self._seen == self._most:
                self.newest = run.queued_at
            if run.tells and self._telling > 0:
                self._telling -= 1
                self.held.add(run.id)
            if run.state is State.SUCCEEDED and not self._succeeded:
                self._succeeded = True
                self.held.add(run.id)
            if self._seen >= self._most and self._succeeded and self._telling <= 0:
                return True
        return False


def _newest_first(engine: sa.Engine, job: str) -> Iterator[list[Ended]]:
    last: Ended | None = None
    while True:
        query = _NEWEST.where(runs.c.job == job)
        if last is not None:
            query = query.where(_older(last))
        with reading(engine) as connection:
            some = [Ended.of(row) for row in connection.execute(query)]
        if not some:
            return
        yield some
        last = some[-1]


def _older(run: Ended) -> sa.ColumnElement[bool]:
    """What comes after this run; said so that every database finds the place in its index."""
    same = runs.c.queued_at == run.queued_at
    return (runs.c.queued_at <= run.queued_at) & ~(same & (runs.c.id >= run.id))


def _telling(definition: Mapping[str, Any], keep_last: int) -> int:
    """How many runs may be asked whether failures are in a row."""
    allowed = int(definition.get("pause_after_failures") or 0)
    return max(allowed, keep_last) if allowed else 0


def _longest_window(definition: Mapping[str, Any]) -> timedelta:
    """How far back the job's schedules are caught up."""
    timings = [schedule.get("timing", {}) for schedule in definition.get("schedules", {}).values()]
    windows = [timedelta(seconds=timing["catchup_window"]) for timing in timings if "catchup_window" in timing]
    return max(windows, default=_DAY)


def _undecided(rules: Sequence[Mapping[Any, Any]], now: datetime) -> datetime | None:
    """The first fire of any active schedule that is due and not decided, or the next one to come."""
    active = [rule for rule in rules if rule["active"] and "fixed_delay" not in rule["spec"]]
    fires = [parse_trigger(rule["spec"]).next_after(rule["cursor"]) for rule in active]
    return min((fire for fire in fires if fire is not None and fire <= now), default=None)
