"""Leases: which runs wait to be rung, and which lost the worker that held them.

Owns: the questions that rescue and ringing ask.
Never: gives a verdict.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from automation.clock import Clock
from automation.database import reading
from automation.ledger import gates, kept
from automation.ledger.gate_tables import holds
from automation.ledger.places import with_a_place
from automation.ledger.quick import read_one
from automation.ledger.rows import RunRow, Waiting
from automation.ledger.states import CLAIMABLE, OPEN, State
from automation.ledger.tables import runs

_Columns = Any
_FOLLOWING = 500
_CLAIMABLE = runs.c.state.in_(CLAIMABLE)
# As parameters one by one: a list has to be put into the words of each question anew.
_MAY_BEGIN, _IS_OPEN = (
    runs.c.state.in_([sa.literal(state, runs.c.state.type) for state in some]) for some in (CLAIMABLE, OPEN)
)
_NOW = sa.bindparam("now", type_=runs.c.due_at.type)
# Built once: they are asked in every round.
_ANY_OPEN = sa.select(runs.c.id).where(_IS_OPEN).limit(1)
_NEXT_DUE = sa.select(
    sa.select(sa.func.min(runs.c.due_at))
    .where(_MAY_BEGIN, runs.c.due_at > _NOW, runs.c.published_at.is_(None))
    .scalar_subquery()
    .label("due"),
    *(moment.label(f"opens_{number}") for number, moment in enumerate(gates.next_openings(_NOW))),
)
#: What a run that has ended held: the place of its overlap key, and those of limits.
_HELD = (
    sa.select(runs.c.overlap_key, runs.c.max_running, runs.c.flow, holds.c.limit_key)
    .select_from(runs.outerjoin(holds, holds.c.run_id == runs.c.id))
    .where(runs.c.id == sa.bindparam("run", type_=runs.c.id.type))
)


class Leases:
    """Reads over open runs."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine, self._clock = engine, clock

    def any_open(self) -> bool:
        """Whether any run waits or is at work: without one there is nothing to rescue, and nothing to ring for."""
        return read_one(self._engine, _ANY_OPEN, {}) is not None

    def unpublished(self, limit: int = 500, *, overdue: timedelta = timedelta()) -> list[Waiting]:
        """Due runs without a message: new ones, those whose publishing failed, retries that fell due.

        Those that wait for a place of their overlap key are left out until one is free.

        Parameters
        ----------
        overdue: only those that have been due for so long, and that somebody else should have rung for by now.
        """
        now = self._clock.now()

        def quiet(of: _Columns) -> sa.ColumnElement[bool]:
            return sa.and_(of.due_at <= now - overdue, of.published_at.is_(None))

        return self._waiting(quiet(runs.c) & self._placed(quiet, now, limit), limit)

    def behind(self, run_id: str) -> list[Waiting]:
        """Who waits for the end of this run: the next one for its place, if it had one, of each line before a limit that it held
        as many as may begin, and what follows it."""
        now = self._clock.now()
        with reading(self._engine) as connection:
            held = connection.execute(_HELD, {"run": run_id}).all()
            limits = {row.limit_key for row in held if row.limit_key is not None}
            ready = gates.ready(connection, now, 1, limits) if limits else []
        quiet = _CLAIMABLE & (runs.c.due_at <= now) & runs.c.published_at.is_(None)
        found = [] if not held or held[0].flow is None else self._following(held[0].flow, now)
        found += self._waiting(runs.c.id.in_(ready) & quiet, len(ready)) if ready else []
        keys = [row.overlap_key for row in held if row.max_running is not None]
        if keys:
            place = (runs.c.overlap_key == keys[0]) & runs.c.max_running.is_not(None) & runs.c.waits_on.is_(None)
            found += self._waiting(place & quiet, 1)
        return list(dict.fromkeys(found))

    def _following(self, flow: str, now: datetime) -> list[Waiting]:
        """The runs of a flow that are to be rung for, as far as they find a place."""

        def quiet(of: _Columns) -> sa.ColumnElement[bool]:
            return sa.and_(of.due_at <= now, of.published_at.is_(None))

        mine = (runs.c.flow == flow) & quiet(runs.c)
        return self._waiting(mine & self._placed(quiet, now, _FOLLOWING), _FOLLOWING)

    def silent(self, repeat: timedelta, limit: int = 500) -> list[Waiting]:
        """Due runs whose message went out so long ago that it can no longer live; the span doubles with each ring.

        Those that wait for a place of their overlap key are left out until one is free.
        """
        now = self._clock.now()

        def out(of: _Columns) -> sa.ColumnElement[bool]:
            return sa.and_(of.due_at <= now, of.published_at < now - repeat)

        query = sa.select(runs.c.id, runs.c.published_at, runs.c.rings).where(out(runs.c))
        oldest = query.where(self._placed(out, now, limit * 2)).order_by(runs.c.published_at).limit(limit * 2)
        with reading(self._engine) as connection:
            rows = connection.execute(oldest).all()
        ready = [row.id for row in rows if row.published_at < now - interval(repeat, row.rings)]
        return self._waiting(runs.c.id.in_(ready[:limit]), limit) if ready else []

    def _placed(
        self, condition: Callable[[_Columns], sa.ColumnElement[bool]], now: datetime, limit: int
    ) -> sa.ColumnElement[bool]:
        """Claimable runs that have a place to go to; whose turn it is is asked only where one of these must wait for it."""
        anywhere = runs.c.max_running.is_(None) & runs.c.waits_on.is_(None)
        limited = runs.c.max_running.is_not(None) & runs.c.waits_on.is_(None)
        some = sa.select(runs.c.id).where(_CLAIMABLE, condition(runs.c), limited).limit(1)
        with reading(self._engine) as connection:
            found = _turns(connection, condition, now, limit) if connection.execute(some).first() else []
            ready = gates.ready(connection, now, limit)
        return _CLAIMABLE & (anywhere | runs.c.id.in_(found) | runs.c.id.in_(ready))

    def handed_out(self, queues: Sequence[str], most: int) -> list[str]:
        """Runs whose message is out and whom nobody has claimed, those first that a worker of these queues takes first."""
        out = _CLAIMABLE & runs.c.published_at.is_not(None) & runs.c.queue.in_(list(queues))
        query = sa.select(runs.c.id).where(out).order_by(runs.c.priority.desc(), runs.c.published_at).limit(most)
        with reading(self._engine) as connection:
            return list(connection.scalars(query))

    def published(self, queue: str) -> int:
        """How many runs of a queue have a message out."""
        out = _CLAIMABLE & runs.c.published_at.is_not(None) & (runs.c.queue == queue)
        with reading(self._engine) as connection:
            return connection.execute(sa.select(sa.func.count()).select_from(runs).where(out)).scalar_one()

    def standing(self, run: RunRow) -> gates.Standing | None:
        """Where a run stands in the line before a limit; None where it stands in none."""
        if run.waits_on is None:
            return None
        with reading(self._engine) as connection:
            return gates.standing(connection, run, self._clock.now())

    def expired(self, limit: int = 100) -> list[RunRow]:
        """Running runs whose lease ran out."""
        return self._runs((runs.c.state == State.RUNNING) & (runs.c.lease_until < self._clock.now()), limit)

    def held_by(self, workers: Sequence[str]) -> list[RunRow]:
        """Running runs of these workers."""
        return self._runs((runs.c.state == State.RUNNING) & runs.c.worker.in_(list(workers)), 1000) if workers else []

    def overdue(self, worker: str) -> list[RunRow]:
        """Runs of this worker that are past their hard limit."""
        late = (runs.c.state == State.RUNNING) & (runs.c.worker == worker) & (runs.c.deadline < self._clock.now())
        return self._runs(late, 100)

    def next_due(self) -> datetime | None:
        """When the next waiting run that is not due yet will be, or a limit lets the next one go that stands before it.

        One that is due and waits for a place does not tell.
        """
        moments = read_one(self._engine, _NEXT_DUE, {"now": self._clock.now()}) or {}
        return min((moment for moment in moments.values() if moment is not None), default=None)

    def _runs(self, condition: sa.ColumnElement[bool], limit: int) -> list[RunRow]:
        with reading(self._engine) as connection:
            found = connection.execute(sa.select(runs).where(condition).limit(limit)).mappings()
            return [RunRow.of(row) for row in found]

    def _waiting(self, condition: sa.ColumnElement[bool], limit: int) -> list[Waiting]:
        columns = (runs.c.id, runs.c.queue, runs.c.priority, runs.c.attempt, runs.c.rings)
        query = sa.select(*columns).where(condition).order_by(runs.c.priority.desc(), runs.c.due_at).limit(limit)
        with reading(self._engine) as connection:
            return [Waiting(*row) for row in connection.execute(query)]


def _turns(
    connection: sa.Connection, condition: Callable[[_Columns], sa.ColumnElement[bool]], now: datetime, limit: int
) -> list[str]:
    """Those whose turn it is to take a place. It takes longer to put into words than to answer where nobody waits."""
    placed = with_a_place(now)
    first = (placed.c.published_at, placed.c.priority.desc(), placed.c.due_at)
    rows = connection.execute(sa.select(placed).where(condition(placed.c)).order_by(*first).limit(limit)).all()
    keys = {kept.place_key(row.overlap_key) for row in rows if row.started_at is None and row.published_at is None}
    others = kept.places(connection, keys, now) if keys else {}
    return [row.id for row in rows if row.turn + _kept_before(row, others) <= row.free]


def _kept_before(row: Any, others: Mapping[str, Sequence[kept.Place]]) -> int:
    if row.started_at is not None or row.published_at is not None:
        return 0
    return kept.before((-row.priority, row.due_at, row.id), others.get(kept.place_key(row.overlap_key), ()))


def interval(repeat: timedelta, rings: int) -> timedelta:
    """How long a run's message lives after so many rings: doubled each time, at most twenty times the first span."""
    return repeat * min(1 << min(max(rings - 1, 0), 8), 20)
