"""How things stand: what a decision looks at before it is made, and what was decided before.

Owns: those questions.
Never: writes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from automation.clock import Clock
from automation.database import reading
from automation.ledger.places import BROUGHT_BACK
from automation.ledger.rows import OpenRun
from automation.ledger.states import OPEN, Kind, State
from automation.ledger.tables import jobs as job_table
from automation.ledger.tables import occurrences, runs, schedules

Key = tuple[str, str]

#: How many of a job's newest runs are asked when it last ended: a short walk along an index, however long its history.
NEWEST_LOOKED_AT = 100
_OPEN = runs.c.state.in_(OPEN) & ~BROUGHT_BACK
#: By so much machines may tell the time differently.
_CLOCKS_DIFFER = timedelta(minutes=1)


@dataclass(frozen=True)
class ScheduleState:
    """What the ledger knows of a schedule: how far it is decided, under which rule."""

    job: str
    schedule: str
    spec: Mapping[str, Any]
    cursor: datetime
    active: bool


@dataclass(frozen=True)
class Recorded:
    """What was decided for one nominal time.

    Parameters
    ----------
    decision: the state that the run began with: queued, skipped or missed.
    """

    nominal_time: datetime
    decision: State
    reason: str | None
    decided_at: datetime
    run_id: str


class Standing:
    """What the ledger tells to those who decide, and to those who explain."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine, self._clock = engine, clock

    def states(self, job: str | None = None) -> dict[Key, ScheduleState]:
        """Every active schedule, or those of one job, with their cursors."""
        query = sa.select(schedules).where(schedules.c.active)
        if job is not None:
            query = query.where(schedules.c.job == job)
        with reading(self._engine) as connection:
            rows = connection.execute(query).mappings().all()
        return {(row["job"], row["schedule"]): state_of(row) for row in rows}

    def cursors(self, keys: Iterable[Key]) -> dict[Key, datetime]:
        """How far these schedules are decided."""
        query = sa.select(schedules.c.job, schedules.c.schedule, schedules.c.cursor)
        wanted = _among(schedules, keys)
        with reading(self._engine) as connection:
            found = connection.execute(query.where(wanted, schedules.c.active))
            return {(job, schedule): cursor for job, schedule, cursor in found}

    def declared(self, job: str | None = None, *, since: int = 0) -> dict[str, dict[str, Any]]:
        """The jobs of the active configuration, or the one of this name, each as it was declared.

        Parameters
        ----------
        since: only jobs that are new or changed since this revision.
        """
        wanted = job_table.c.active & (job_table.c.revision >= since)
        if job is not None:
            wanted &= job_table.c.job == job
        query = sa.select(job_table.c.job, job_table.c.definition).where(wanted).order_by(job_table.c.job)
        with reading(self._engine) as connection:
            return {job: dict(definition) for job, definition in connection.execute(query)}

    def busy_jobs(self, jobs: Iterable[str]) -> dict[str, str]:
        """Which of these jobs have an open run, and its id; one that was brought back and has not begun does not count."""
        query = sa.select(runs.c.job, sa.func.min(runs.c.id)).where(runs.c.job.in_(set(jobs)), _OPEN)
        with reading(self._engine) as connection:
            return {row[0]: row[1] for row in connection.execute(query.group_by(runs.c.job))}

    def open_runs(self, keys: Iterable[str]) -> dict[str, list[OpenRun]]:
        """The open runs of each of these overlap keys, oldest first; a key without any is absent.

        Those that were brought back from the dead letters and wait to begin are in nobody's way, and are absent too.
        """
        columns = (
            runs.c.overlap_key,
            runs.c.id,
            runs.c.job,
            runs.c.state,
            runs.c.attempt,
            runs.c.queued_at,
            runs.c.kind,
        )
        query = sa.select(*columns).where(runs.c.overlap_key.in_(set(keys)), _OPEN)
        found: dict[str, list[OpenRun]] = {}
        with reading(self._engine) as connection:
            for row in connection.execute(query.order_by(runs.c.queued_at, runs.c.nominal_time, runs.c.id)):
                one = OpenRun(row.id, row.job, State(row.state), row.attempt, row.queued_at, Kind(row.kind))
                found.setdefault(row.overlap_key, []).append(one)
        return found

    def fires(self, keys: Iterable[Key]) -> dict[Key, int]:
        """How many occurrences of each of these schedules were to run; 0 for one that has none yet."""
        wanted = list(keys)
        columns = (occurrences.c.job, occurrences.c.schedule)
        ran = _among(occurrences, wanted) & (occurrences.c.decision == State.QUEUED)
        gone = sa.select(schedules.c.job, schedules.c.schedule, schedules.c.forgotten)
        with reading(self._engine) as connection:
            rows = connection.execute(sa.select(*columns, sa.func.count()).where(ran).group_by(*columns))
            counted = {(job, schedule): number for job, schedule, number in rows}
            forgotten = connection.execute(gone.where(_among(schedules, wanted)))
            before = {(job, schedule): number for job, schedule, number in forgotten}
        return {key: counted.get(key, 0) + before.get(key, 0) for key in wanted}

    def forgotten(self, keys: Iterable[Key]) -> dict[Key, datetime]:
        """Up to which moment what was done of these schedules may be no longer recorded; absent are those of which all is."""
        query = sa.select(schedules.c.job, schedules.c.schedule, schedules.c.forgotten_until)
        known = _among(schedules, keys) & schedules.c.forgotten_until.is_not(None)
        with reading(self._engine) as connection:
            return {(job, schedule): moment for job, schedule, moment in connection.execute(query.where(known))}

    def last_ends(self, jobs: Iterable[str]) -> dict[str, datetime]:
        """When a run of each of these jobs ended last, of its newest hundred; absent are jobs that have an open run, or none.

        A run that was skipped or missed ended when that was decided.
        """
        wanted = set(jobs)
        wanted -= self.busy_jobs(wanted).keys()
        # What ended later than now did so by a clock that was set back since.
        past = runs.c.finished_at <= self._clock.now() + _CLOCKS_DIFFER
        newest = sa.select(runs.c.finished_at).where(past).order_by(runs.c.queued_at.desc()).limit(NEWEST_LOOKED_AT)
        ends: dict[str, datetime] = {}
        with reading(self._engine) as connection:
            for job in wanted:
                ended = connection.scalars(newest.where(runs.c.job == job)).all()
                if ended:
                    ends[job] = max(ended)
        return ends

    def recorded(self, job: str, schedule: str, start: datetime, end: datetime) -> list[Recorded]:
        """What was decided for the nominal times from `start` up to and without `end`, oldest first."""
        columns = ("nominal_time", "decision", "reason", "decided_at", "run_id")
        span = (occurrences.c.nominal_time >= start) & (occurrences.c.nominal_time < end)
        query = sa.select(*(occurrences.c[name] for name in columns)).where(
            _among(occurrences, [(job, schedule)]), span
        )
        with reading(self._engine) as connection:
            rows = connection.execute(query.order_by(occurrences.c.nominal_time))
            return [Recorded(row[0], State(row[1]), *row[2:]) for row in rows]


def state_of(row: sa.RowMapping) -> ScheduleState:
    """A row of the schedules' table as a value."""
    return ScheduleState(row["job"], row["schedule"], row["spec"], row["cursor"], row["active"])


def _among(table: sa.Table, keys: Iterable[Key]) -> sa.ColumnElement[bool]:
    return sa.tuple_(table.c.job, table.c.schedule).in_(list(keys))
