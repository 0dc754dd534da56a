"""What happened in a simulation, in a form that a test can ask.

Owns: one row for each run, with the decision that it came from.
Never: changes the ledger.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from automation.database import reading
from automation.ledger.ledger import Ledger
from automation.ledger.rows import RunRow
from automation.ledger.tables import occurrences, runs
from automation.text import instant


@dataclass(frozen=True)
class Happened:
    """One run, or one fire that did not become one.

    Parameters
    ----------
    schedule: None for a run that no schedule asked for.
    kind: `scheduled`, `catchup`, `manual`, `backfill` …
    decision: `queued`, `skipped` or `missed`; what the scheduler made of the fire.
    state: where the run is at the end of the simulation.
    reason: why it did not run, or how it ended.
    window_start: the run stands for the span from here to its nominal time.
    attempts: how many were begun.
    """

    id: str
    job: str
    schedule: str | None
    kind: str
    nominal_time: datetime
    planned_time: datetime | None
    window_start: datetime
    decided_at: datetime
    decision: str
    state: str
    reason: str | None
    started_at: datetime | None
    finished_at: datetime | None
    attempts: int

    @property
    def ran(self) -> bool:
        """Whether an attempt was begun."""
        return self.attempts > 0

    def __str__(self) -> str:
        name = self.job if self.schedule is None else f"{self.job}/{self.schedule}"
        reason = f": {self.reason}" if self.reason else ""
        return f"{instant(self.nominal_time)} {name} {self.state}{reason}"


@dataclass(frozen=True)
class History:
    """Everything that happened, by nominal time."""

    rows: tuple[Happened, ...]

    def of(self, job: str, schedule: str | None = None) -> tuple[Happened, ...]:
        """The rows of a job, or of one of its schedules."""
        return tuple(row for row in self.rows if row.job == job and schedule in (None, row.schedule))

    def ran(self, job: str) -> tuple[Happened, ...]:
        """Those of the job's rows of which an attempt was begun, in the order in which that happened."""
        begun = [row for row in self.of(job) if row.ran]
        return tuple(sorted(begun, key=lambda row: (row.started_at or row.decided_at, row.nominal_time)))

    def states(self, job: str) -> dict[str, int]:
        """How many of the job's rows are in each state."""
        return dict(Counter(row.state for row in self.of(job)))

    def reasons(self, job: str) -> dict[str, int]:
        """How many of the job's rows give each kind of reason: `missed`, `overlap`, `paused`, `blackout` …"""
        return dict(Counter(row.reason.partition(":")[0] for row in self.of(job) if row.reason))

    def __str__(self) -> str:
        return "\n".join(map(str, self.rows))


def read_history(ledger: Ledger) -> History:
    """All that the ledger holds."""
    query = sa.select(runs).order_by(runs.c.nominal_time, runs.c.job, runs.c.schedule, runs.c.queued_at)
    decisions = sa.select(occurrences.c.run_id, occurrences.c.decision)
    with reading(ledger.engine) as connection:
        decided = {run_id: str(decision) for run_id, decision in connection.execute(decisions)}
        rows = [RunRow.of(row) for row in connection.execute(query).mappings()]
    return History(tuple(_happened(row, decided.get(row.id, "queued")) for row in rows))


def _happened(run: RunRow, decision: str) -> Happened:
    return Happened(
        id=run.id,
        job=run.job,
        schedule=run.schedule,
        kind=str(run.kind),
        nominal_time=run.nominal_time,
        planned_time=run.planned_time,
        window_start=run.window_start,
        decided_at=run.queued_at,
        decision=decision,
        state=str(run.state),
        reason=run.reason,
        started_at=run.started_at,
        finished_at=run.finished_at,
        attempts=run.attempt,
    )
