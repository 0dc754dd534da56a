"""Pings: what programs elsewhere report of their work, each as part of one run.

Owns: those rows, which run a ping belongs to, and waking the run that waits for one.
Never: records a run; says what a run becomes of its pings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa

from automation.clock import Clock
from automation.database import UtcDateTime, Word, reading
from automation.ledger.rows import Row, Waiting
from automation.ledger.states import OPEN, Kind, State
from automation.ledger.tables import ID, SERIAL, STATE, metadata, runs

#: As the column has it.
LONGEST_ID = 64
_OPEN_LOOKED_AT = 100


class Signal(StrEnum):
    """What a ping says."""

    START = "start"
    SUCCESS = "success"
    FAIL = "fail"
    LOG = "log"


ENDS = (Signal.SUCCESS, Signal.FAIL)

#: `seen` tells whether an attempt of its run has read it: one that came while an attempt ended is not, and wakes the run.
pings = sa.Table(
    "automation_pings",
    metadata,
    sa.Column("id", SERIAL, primary_key=True, autoincrement=True),
    sa.Column("run_id", ID, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("signal", Word(Signal, STATE.length), nullable=False),
    sa.Column("rid", sa.String(LONGEST_ID)),
    sa.Column("exit_status", sa.Integer),
    sa.Column("seen", sa.Boolean, nullable=False),
    sa.Index("ix_automation_pings_run", "run_id"),
    sa.Index("ix_automation_pings_rid", "rid"),
)


@dataclass(frozen=True)
class PingRow(Row):
    """One report of a program elsewhere; `rid` is the id that it gave its execution, if it gave one."""

    id: int
    run_id: str
    at: datetime
    signal: Signal
    rid: str | None
    exit_status: int | None


def belongs_to(open_runs: Sequence[str], known: Sequence[PingRow], signal: Signal, rid: str | None) -> str | None:
    """Which open run a ping is of; None where it begins one of its own.

    Parameters
    ----------
    open_runs: ids, the oldest first.
    known: the pings that they have had.
    """
    had = {run: [ping for ping in known if ping.run_id == run] for run in open_runs}
    untouched = next((run for run in open_runs if not had[run]), None)
    if rid is not None or signal is Signal.START:
        return untouched
    for run in open_runs:
        signals = {ping.signal for ping in had[run]}
        named = any(ping.rid is not None for ping in had[run])
        if Signal.START in signals and not named and signals.isdisjoint(ENDS):
            return run
    return untouched


class Pings:
    """What was reported."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine, self._clock = engine, clock

    def run_of(self, job: str, signal: Signal, rid: str | None) -> str | None:
        """The run that a ping of this job belongs to: of the same `rid`, or one that waits; None is one of its own.

        A `log` that nothing waits for belongs to the newest run.
        """
        of_job = sa.select(runs.c.id).where(runs.c.job == job)
        waiting = of_job.where(runs.c.state.in_(OPEN)).order_by(runs.c.nominal_time, runs.c.queued_at)
        with reading(self._engine) as connection:
            if rid is not None:
                same = sa.select(pings.c.run_id).join(runs, runs.c.id == pings.c.run_id)
                same = same.where(pings.c.rid == rid, runs.c.job == job).order_by(pings.c.id.desc()).limit(1)
                if (found := connection.scalar(same)) is not None:
                    return str(found)
            open_runs = list(connection.scalars(waiting.limit(_OPEN_LOOKED_AT)))
            query = sa.select(pings).where(pings.c.run_id.in_(open_runs)).order_by(pings.c.id)
            known = [PingRow.of(row) for row in connection.execute(query).mappings()]
            chosen = belongs_to(open_runs, known, signal, rid)
            if chosen is None and signal is Signal.LOG:
                chosen = connection.scalar(of_job.order_by(runs.c.queued_at.desc()).limit(1))
        return chosen

    def keep(self, run_id: str, signal: Signal, rid: str | None, exit_status: int | None) -> Waiting | None:
        """Record a ping of a run and wake the run; what is to be rung for, if it slept."""
        values = {"run_id": run_id, "at": self._clock.now(), "signal": signal, "rid": rid, "exit_status": exit_status}
        with self._engine.begin() as connection:
            connection.execute(pings.insert().values(**values, seen=False))
            return None if signal is Signal.LOG else self._wake(connection, run_id)

    def wake(self, run_id: str) -> Waiting | None:
        """Wake a run that has just put itself off, if a ping came that its attempt has not read."""
        unread = sa.select(pings.c.id).where(
            pings.c.run_id == run_id, pings.c.seen.is_(False), pings.c.signal != Signal.LOG
        )
        with self._engine.begin() as connection:
            return self._wake(connection, run_id) if connection.execute(unread.limit(1)).first() else None

    def read(self, run_id: str) -> list[PingRow]:
        """The pings of a run, oldest first; from now on they are seen."""
        mine = pings.c.run_id == run_id
        with self._engine.begin() as connection:
            found = [
                PingRow.of(row)
                for row in connection.execute(sa.select(pings).where(mine).order_by(pings.c.id)).mappings()
            ]
            which = [ping.id for ping in found]
            connection.execute(pings.update().where(mine, pings.c.id.in_(which)).values(seen=True))
        return found

    def beside(self, job: str, run_id: str, since: datetime, until: datetime) -> str | None:
        """Another run of the job that began with a ping of its own in this span, and did not fail."""
        fine = runs.c.state.in_([*OPEN, State.SUCCEEDED])
        span = (runs.c.nominal_time >= since) & (runs.c.nominal_time <= until)
        query = sa.select(runs.c.id).where(runs.c.job == job, runs.c.kind == Kind.PING, runs.c.id != run_id, fine, span)
        with reading(self._engine) as connection:
            found: str | None = connection.scalar(query.order_by(runs.c.nominal_time.desc()).limit(1))
        return found

    def _wake(self, connection: sa.Connection, run_id: str) -> Waiting | None:
        """Make a run that waits for its next attempt due now."""
        asleep = (runs.c.id == run_id) & (runs.c.state == State.RETRYING)
        awake = runs.update().where(asleep).values(due_at=self._clock.now(), published_at=None, rings=0)
        if connection.execute(awake).rowcount != 1:
            return None
        columns = (runs.c.id, runs.c.queue, runs.c.priority, runs.c.attempt, runs.c.rings)
        row = connection.execute(sa.select(*columns).where(runs.c.id == run_id)).one()
        return Waiting(*row)
