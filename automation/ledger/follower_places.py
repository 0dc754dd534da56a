"""What becomes of a run that follows others and finds its job at work, or its unique key held.

Owns: `overlap` and `unique_key` for runs of flows, which are recorded where no scheduler decides.
Never: opens a transaction; ends a run: it names those that are to be.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa

from automation.ledger import unique_holders
from automation.ledger.graph import Node
from automation.ledger.places import BROUGHT_BACK
from automation.ledger.rows import NewRun
from automation.ledger.states import OPEN, State
from automation.ledger.tables import runs
from automation.ledger.unique_key import REPLACE_WAITING
from automation.text import count

#: Ways to overlap by which a run makes others stop or make way.
_REPLACING = ("queue_one", "cancel_running")


@dataclass
class Entered:
    """What was decided of the runs of a step.

    Parameters
    ----------
    cancel: runs that are asked to stop.
    supersede: runs that wait, and do not begin.
    replaced: runs that make way for one with the same unique key, and which that is.
    """

    new: list[NewRun]
    cancel: list[str] = field(default_factory=list)
    supersede: list[str] = field(default_factory=list)
    replaced: unique_holders.Replaced = field(default_factory=dict)

    @property
    def others(self) -> list[str]:
        """Every run that may end by it."""
        return [*self.cancel, *self.supersede, *self.replaced]


def enter(connection: sa.Connection, new: Sequence[NewRun], node: Node, now: datetime) -> Entered:
    """Let the runs of a step in: skipped where another one holds the unique key or too many wait, as their job says."""
    settled, replaced = unique_holders.settle(connection, new, now)
    entered = Entered(settled, replaced=replaced)
    one = settled[0]
    counts = node.overlap in ("queue_one", "queue_all", "cancel_running") and one.max_running is not None
    if len(settled) == 1 and one.state is State.QUEUED and counts:
        _make_room(connection, entered, node)
    return entered


def flows_in_the_way(connection: sa.Connection, nodes: Iterable[Node]) -> set[str]:
    """The flows of open runs that a run of these steps might ask to stop, or take the place of."""
    replacing = [
        node
        for node in nodes
        if node.overlap in _REPLACING or (node.unique or {}).get("on_conflict") == REPLACE_WAITING
    ]
    if not replacing:
        return set()
    same = runs.c.overlap_key.in_({node.overlap_key or node.job for node in replacing})
    in_the_way = runs.c.job.in_({node.job for node in replacing}) | same
    query = sa.select(runs.c.flow).where(in_the_way, runs.c.state.in_(OPEN), runs.c.flow.is_not(None)).distinct()
    return {flow for flow in connection.scalars(query) if flow is not None}


def _make_room(connection: sa.Connection, entered: Entered, node: Node) -> None:
    """As `dispatch.overlap` does for fires: the oldest at work stop, the oldest that wait make way, or there is no room."""
    [run] = entered.new
    most = run.max_running or 1
    mine = (runs.c.overlap_key == run.overlap_key) & runs.c.state.in_(OPEN) & ~BROUGHT_BACK & (runs.c.id != run.id)
    query = sa.select(runs.c.id, runs.c.job, runs.c.state, runs.c.attempt).where(mine & runs.c.batch.is_(None))
    found = connection.execute(query.order_by(runs.c.queued_at, runs.c.nominal_time, runs.c.id)).all()
    held = [row for row in found if row.attempt or row.state != State.QUEUED]
    waiting = [row for row in found if row not in held and row.id not in entered.replaced]
    free = max(most - len(held), 0)
    if node.overlap == "queue_all":
        if len(waiting) >= free + node.max_queued:
            said = f"queue full: {count(len(waiting) - free, 'run')} waited, and max_queued is {node.max_queued}"
            entered.new = unique_holders.skipped([run], said)
        return
    if node.overlap == "cancel_running" and not free:
        entered.cancel = [row.id for row in held[: len(held) - most + 1]]
    older = [row.id for row in waiting if row.job == run.job]
    entered.supersede = older[: max(len(older) + 1 - max(free, 1), 0)]
