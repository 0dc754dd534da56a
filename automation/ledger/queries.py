"""What the faces read: lists of runs, one run with all that belongs to it, counts.

Owns: every question that the command line, the web and the doctor ask.
Never: writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from automation.artifacts import Artifact
from automation.database import reading
from automation.errors import UnknownName
from automation.ledger.memory import artifact_of
from automation.ledger.quick import read_one
from automation.ledger.rows import AttemptRow, LogRow, RunRow
from automation.ledger.states import OPEN
from automation.ledger.tables import artifacts as artifact_table
from automation.ledger.tables import attempts as attempt_table
from automation.ledger.tables import logs as log_table
from automation.ledger.tables import runs as run_table

_AT_ONCE = 500
_LONGEST_ID = 32
_CLOCKS = timedelta(days=1)
_WHOLE = sa.select(run_table).where(run_table.c.id == sa.bindparam("run", type_=run_table.c.id.type))


def _beginning(connection: sa.Connection, prefix: str) -> Sequence[sa.RowMapping]:
    """Two of the runs whose id begins so, if there are as many: from a range, which an index has, and LIKE has not."""
    if not prefix:
        return []
    between = run_table.c.id.between(prefix, prefix.ljust(_LONGEST_ID, "z"))
    alike = between & run_table.c.id.startswith(prefix, autoescape=True)
    return connection.execute(sa.select(run_table).where(alike).limit(2)).mappings().all()


class Queries:
    """Read-only views of the ledger."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def runs(
        self,
        *,
        job: str | None = None,
        state: str | None = None,
        since: datetime | None = None,
        batch: str | None = None,
        flow: str | None = None,
        before: datetime | None = None,
        limit: int = 50,
    ) -> list[RunRow]:
        """Runs, newest first (by the time they were asked for); with `before` those that were asked for earlier."""
        query = sa.select(run_table)
        if job:
            query = query.where(run_table.c.job == job)
        if state:
            query = query.where(run_table.c.state == state)
        if since:
            query = query.where(run_table.c.queued_at >= since)
        if batch:
            query = query.where(run_table.c.batch == batch)
        if flow:
            query = query.where(run_table.c.flow == flow)
        if before:
            query = query.where(run_table.c.queued_at < before)
        found: sa.FromClause = run_table
        if state and not (job or batch or flow):
            # No run is due before it is queued. Among those of a state that fell due last are those that were queued last;
            # to find the latter, all of the state would be put in order, or all there are be read.
            found = query.order_by(run_table.c.due_at.desc()).limit(max(limit * 20, 1000)).subquery("due_last")
            query = sa.select(found)
        newest = query.order_by(found.c.queued_at.desc(), found.c.nominal_time.desc()).limit(limit)
        with reading(self._engine) as connection:
            return [RunRow.of(row) for row in connection.execute(newest).mappings()]

    def of_schedule(self, job: str, schedule: str, start: datetime, end: datetime) -> list[RunRow]:
        """Every run that stands for a fire of this schedule in [start, end), whatever asked for it, oldest fire first."""
        nominal = run_table.c.nominal_time
        mine = (run_table.c.job == job) & (run_table.c.schedule == schedule) & (nominal >= start) & (nominal < end)
        # No fire is recorded before its time, but for a clock that was set back; so the job's older runs are not read.
        mine &= run_table.c.queued_at >= start - _CLOCKS
        query = sa.select(run_table).where(mine).order_by(nominal, run_table.c.queued_at)
        with reading(self._engine) as connection:
            return [RunRow.of(row) for row in connection.execute(query).mappings()]

    def open(self, *, job: str | None = None, batch: str | None = None) -> list[RunRow]:
        """Every run that has not ended, in the order in which they fall due."""
        query = sa.select(run_table).where(run_table.c.state.in_(OPEN)).order_by(run_table.c.due_at, run_table.c.id)
        if job:
            query = query.where(run_table.c.job == job)
        if batch:
            query = query.where(run_table.c.batch == batch)
        with reading(self._engine) as connection:
            return [RunRow.of(row) for row in connection.execute(query).mappings()]

    def run(self, run_id: str) -> RunRow:
        """A run by its id, or by enough of its beginning. Raises UnknownName when none or several fit."""
        prefix = run_id.strip().lower()
        exact = read_one(self._engine, _WHOLE, {"run": prefix})
        if exact:
            return RunRow.of(exact)
        with reading(self._engine) as connection:
            found = _beginning(connection, prefix)
        if len(found) == 1:
            return RunRow.of(found[0])
        more = "; several runs begin so, give more of the id" if found else "; see: automation runs"
        raise UnknownName("run", run_id, hint=more)

    def several(self, run_ids: Sequence[str]) -> dict[str, RunRow]:
        """Runs by their whole ids."""
        found: dict[str, RunRow] = {}
        with reading(self._engine) as connection:
            for start in range(0, len(run_ids), _AT_ONCE):
                some = sa.select(run_table).where(run_table.c.id.in_(list(run_ids[start : start + _AT_ONCE])))
                found |= {row["id"]: RunRow.of(row) for row in connection.execute(some).mappings()}
        return found

    def run_by_key(self, idempotency_key: str) -> RunRow | None:
        """The run that an idempotency key made."""
        query = sa.select(run_table).where(run_table.c.idempotency_key == idempotency_key)
        with reading(self._engine) as connection:
            row = connection.execute(query).mappings().one_or_none()
        return RunRow.of(row) if row else None

    def latest(self, jobs: Sequence[str], each: int = 1) -> dict[str, list[RunRow]]:
        """The newest runs of each job, newest first."""
        newest = sa.select(run_table).order_by(run_table.c.queued_at.desc()).limit(each)
        with reading(self._engine) as connection:
            # One short walk along an index a job; ranking all runs at once would read every run there ever was.
            return {
                job: [RunRow.of(row) for row in connection.execute(newest.where(run_table.c.job == job)).mappings()]
                for job in jobs
            }

    def attempts(self, run_id: str) -> list[AttemptRow]:
        """The attempts of a run, first to last."""
        query = sa.select(attempt_table).where(attempt_table.c.run_id == run_id).order_by(attempt_table.c.attempt)
        with reading(self._engine) as connection:
            return [AttemptRow.of(row) for row in connection.execute(query).mappings()]

    def logs(self, run_id: str, *, after: int = 0, limit: int = 1000) -> list[LogRow]:
        """Log lines of a run in order, those with an id above `after`."""
        wanted = (log_table.c.run_id == run_id) & (log_table.c.id > after)
        query = sa.select(log_table).where(wanted).order_by(log_table.c.id).limit(limit)
        with reading(self._engine) as connection:
            return [LogRow.of(row) for row in connection.execute(query).mappings()]

    def artifacts(self, run_id: str) -> list[Artifact]:
        """The files of a run, by name."""
        query = sa.select(artifact_table).where(artifact_table.c.run_id == run_id).order_by(artifact_table.c.name)
        with reading(self._engine) as connection:
            return [artifact_of(row) for row in connection.execute(query)]

    def counts(self, *, since: datetime | None = None, batch: str | None = None) -> dict[str, int]:
        """How many runs are in each state, asked for since then, of this backfill."""
        query = sa.select(run_table.c.state, sa.func.count()).group_by(run_table.c.state)
        if since:
            query = query.where(run_table.c.queued_at >= since)
        if batch:
            query = query.where(run_table.c.batch == batch)
        with reading(self._engine) as connection:
            return {row[0]: row[1] for row in connection.execute(query)}
