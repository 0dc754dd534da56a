"""What pages of many jobs show at a glance: bars, strips, depths, days; narrow rows, each read along an index.

Owns: these questions; none of them reads a run's spec, and each has a bound.
Never: writes; words anything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from automation.database import reading
from automation.ledger.mail_tables import outbox as mail_table
from automation.ledger.rows import LogRow, Row
from automation.ledger.states import CLAIMABLE, OPEN, Kind, State
from automation.ledger.tables import logs as log_table
from automation.ledger.tables import pauses as pause_table
from automation.ledger.tables import runs as run_table

#: SQLite takes so many parts of a compound select.
_TOGETHER = 100
_OPEN_SEEN = 300
#: From the slightest to the gravest.
LEVELS = ("debug", "info", "warning", "error", "critical")
_run = run_table.c
_BAR = (_run.id, _run.job, _run.kind, _run.state, _run.queued_at, _run.started_at, _run.finished_at, _run.planned_time)


@dataclass(frozen=True)
class Bar(Row):
    """A run as a bar: when it was, and how it ended."""

    id: str
    job: str
    kind: Kind
    state: State
    queued_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    planned_time: datetime | None

    @property
    def begins(self) -> datetime:
        """Where its bar begins."""
        return self.started_at or self.planned_time or self.queued_at

    @property
    def seconds(self) -> float | None:
        """How long it took; None for one that did not begin or has not ended."""
        return (self.finished_at - self.started_at).total_seconds() if self.started_at and self.finished_at else None


@dataclass(frozen=True)
class Waiting:
    """How many runs of a queue are in a state, and since when the first of them could begin."""

    queue: str
    state: State
    runs: int
    oldest: datetime | None


class Figures:
    """Read-only views for pages."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def strips(self, jobs: Sequence[str], each: int, *, since: datetime | None = None) -> dict[str, list[Bar]]:
        """The newest runs of each job, newest first, so many at most; with `since` those that were queued from then on."""
        found: dict[str, list[Bar]] = {job: [] for job in jobs}
        with reading(self._engine) as connection:
            for start in range(0, len(jobs), _TOGETHER):
                parts = [self._newest(job, each, since) for job in jobs[start : start + _TOGETHER]]
                for row in connection.execute(sa.union_all(*parts)).mappings():
                    found[row["job"]].append(Bar.of(row))
        return {job: sorted(bars, key=lambda one: one.queued_at, reverse=True) for job, bars in found.items()}

    def _newest(self, job: str, each: int, since: datetime | None) -> sa.Select[Any]:
        query = sa.select(*_BAR).where(_run.job == job).order_by(_run.queued_at.desc()).limit(each)
        # Inside of a table of its own: the parts of a union may have no order.
        return sa.select((query.where(_run.queued_at >= since) if since else query).subquery())

    def depths(self) -> list[Waiting]:
        """The open runs by queue and state."""
        query = sa.select(_run.queue, _run.state, sa.func.count(), sa.func.min(_run.due_at))
        query = query.where(_run.state.in_(OPEN)).group_by(_run.queue, _run.state).order_by(_run.queue, _run.state)
        with reading(self._engine) as connection:
            return [Waiting(*row) for row in connection.execute(query)]

    def late(self, before: datetime, limit: int) -> list[Bar]:
        """Runs that could begin before this moment and have not, the longest waiting first; none that waits for a limit."""
        query = sa.select(*_BAR).where(_run.state.in_(CLAIMABLE), _run.due_at < before, _run.waits_on.is_(None))
        with reading(self._engine) as connection:
            return [Bar.of(row) for row in connection.execute(query.order_by(_run.due_at).limit(limit)).mappings()]

    def days(self, job: str, since: datetime) -> dict[date, Counter[str]]:
        """How the job's runs ended, by the day (UTC) on which they were queued."""
        day = sa.func.date(sa.func.timezone("UTC", _run.queued_at) if self._is_postgresql else _run.queued_at)
        query = sa.select(day, _run.state, sa.func.count()).where(_run.job == job, _run.queued_at >= since)
        found: dict[date, Counter[str]] = {}
        with reading(self._engine) as connection:
            for when, state, number in connection.execute(query.group_by(day, _run.state)):
                found.setdefault(_day(when), Counter())[str(state)] += number
        return found

    @property
    def _is_postgresql(self) -> bool:
        return self._engine.dialect.name == "postgresql"

    def results(self, job: str, limit: int) -> list[tuple[Bar, Any]]:
        """The job's newest runs that began, each with its result, newest first."""
        query = sa.select(*_BAR, _run.result).where(_run.job == job, _run.started_at.is_not(None))
        with reading(self._engine) as connection:
            rows = connection.execute(query.order_by(_run.queued_at.desc()).limit(limit)).mappings()
            return [(Bar.of(row), row["result"]) for row in rows]

    def lines(
        self, run_id: str, limit: int, *, before: int | None = None, level: str = "", text: str = ""
    ) -> list[LogRow]:
        """The newest log lines of a run in order, so many at most, of those below the id `before`.

        Parameters
        ----------
        level: only lines of this level and of graver ones.
        text: only lines that hold it, in whatever letters.
        """
        query = sa.select(log_table).where(log_table.c.run_id == run_id)
        if before is not None:
            query = query.where(log_table.c.id < before)
        if level in LEVELS:
            query = query.where(log_table.c.level.in_(LEVELS[LEVELS.index(level) :]))
        if text:
            query = query.where(log_table.c.message.icontains(text, autoescape=True))
        with reading(self._engine) as connection:
            rows = connection.execute(query.order_by(log_table.c.id.desc()).limit(limit)).mappings().all()
        return [LogRow.of(row) for row in reversed(rows)]

    def mails(self) -> dict[str, int]:
        """How many mails are in each state."""
        query = sa.select(mail_table.c.state, sa.func.count()).group_by(mail_table.c.state)
        with reading(self._engine) as connection:
            return {str(state): number for state, number in connection.execute(query)}

    def pulse(self) -> str:
        """A text that changes when a run was asked for, moved, got on or ended, and when a pause began or ended."""
        moving = sa.select(_run.id, _run.state, _run.attempt, _run.done).where(_run.state.in_(OPEN))
        newest = sa.select(_run.id).order_by(_run.queued_at.desc()).limit(1)
        pauses = sa.select(sa.func.count(pause_table.c.id), sa.func.count(pause_table.c.ended_at))
        with reading(self._engine) as connection:
            seen = [tuple(row) for row in connection.execute(moving.order_by(_run.due_at).limit(_OPEN_SEEN))]
            return repr((seen, connection.execute(newest).scalar(), tuple(connection.execute(pauses).one())))


def _day(value: Any) -> date:
    """The day as the database gives it: a date, or its text."""
    return value if isinstance(value, date) else date.fromisoformat(str(value))
