"""How full it is: how many runs are at work and wait, by limit and by queue.

Owns: those counts, for people.
Never: decides who may begin (`gates` does); writes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from automation.clock import Clock
from automation.database import reading
from automation.ledger.gate_tables import holds, limits
from automation.ledger.gates import WAITS
from automation.ledger.states import OPEN, State
from automation.ledger.tables import runs


@dataclass(frozen=True)
class LimitRow:
    """A limit that a run has asked for.

    Parameters
    ----------
    at_work: how many hold a place of it; None where it has no `max_running`.
    waiting: how many stand in its line.
    opens_at: when its rate lets the next one begin; None where it does now, or has none.
    """

    key: str
    max_running: int | None
    rate: str | None
    at_work: int | None
    waiting: int
    opens_at: datetime | None


class Crowds:
    """What people see of limits and queues."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine, self._clock = engine, clock

    def limits(self) -> list[LimitRow]:
        """Every limit that holds and that a run has asked for, by its key."""
        stands = sa.select(runs.c.waits_on, sa.func.count()).where(WAITS).group_by(runs.c.waits_on)
        at_work = holds.join(runs, (runs.c.id == holds.c.run_id) & (runs.c.state == State.RUNNING))
        held = sa.select(holds.c.limit_key, sa.func.count()).select_from(at_work).group_by(holds.c.limit_key)
        query = sa.select(limits).where(limits.c.max_running.is_not(None) | limits.c.rate.is_not(None))
        now = self._clock.now()
        with reading(self._engine) as connection:
            waiting = {row[0]: row[1] for row in connection.execute(stands)}
            busy = {row[0]: row[1] for row in connection.execute(held)}
            return [
                LimitRow(
                    row.limit_key,
                    row.max_running,
                    row.rate,
                    None if row.max_running is None else busy.get(row.limit_key, 0),
                    waiting.get(row.limit_key, 0),
                    row.opens_at if row.opens_at is not None and row.opens_at > now else None,
                )
                for row in connection.execute(query.order_by(limits.c.limit_key))
            ]

    def queues(self) -> dict[str, tuple[int, int]]:
        """By queue: how many runs wait in it, as `max_waiting` counts them, and how many of it are at work."""
        query = sa.select(runs.c.queue, runs.c.state, sa.func.count()).where(runs.c.state.in_(OPEN))
        found: dict[str, tuple[int, int]] = {}
        with reading(self._engine) as connection:
            for queue, state, number in connection.execute(query.group_by(runs.c.queue, runs.c.state)):
                waiting, at_work = found.get(queue, (0, 0))
                running = state == State.RUNNING
                found[queue] = (waiting, at_work + number) if running else (waiting + number, at_work)
        return found
