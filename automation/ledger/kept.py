"""Turns that are kept: of a run that needs several gates at one moment, and would else be passed for ever.

Owns: which turn of which run is kept, since when, and who stands behind it.
Never: opens a transaction; puts a run into a line (`gates` does).

A run stands in one line at a time. Whoever needs another of its gates alone passes it there, and may take the place just
before it comes back. So once it has been passed for `PATIENCE`, a turn that has come is kept while it waits for the others:
whoever comes after it, by priority and due time, finds that place taken. All go by one order, so no two wait for each other.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from automation.ledger.gate_tables import kept
from automation.ledger.rows import RunRow
from automation.ledger.states import CLAIMABLE
from automation.ledger.tables import runs

#: So long others may pass a run whose turn has come before one of its gates. What a place is worth that stays empty
#: meanwhile nobody knows, so that it is not kept at once.
PATIENCE = timedelta(minutes=1)
_KEY = sa.bindparam("key", type_=kept.c.gate_key.type)
_RUN = sa.bindparam("run", type_=runs.c.id.type)
_PRIORITY, _DUE = sa.bindparam("mine", type_=sa.Integer), sa.bindparam("due", type_=runs.c.due_at.type)
_NOW, _PASSED = (sa.bindparam(name, type_=kept.c.since.type) for name in ("now", "passed_since"))
#: One that stands in this very line counts there already.
_ELSEWHERE = runs.c.waits_on.is_(None) | (runs.c.waits_on != kept.c.gate_key)
_COUNTS = (
    kept.c.its_turn
    & (kept.c.since <= _PASSED)
    & runs.c.state.in_([sa.literal(one, runs.c.state.type) for one in CLAIMABLE])
    & (runs.c.due_at <= _NOW)
    & _ELSEWHERE
)
_BOTH = kept.join(runs, runs.c.id == kept.c.run_id)
_SINCE = sa.select(sa.func.min(kept.c.since)).where(kept.c.run_id == _RUN)
_FORGET = kept.delete().where(kept.c.run_id == _RUN)
Rank = tuple[int, datetime, str]


def is_before(priority: Any, due: Any, run: Any) -> sa.ColumnElement[bool]:
    """That a run's turn is before that of another: by priority, then due time, then id."""
    return sa.or_(
        runs.c.priority > priority,
        (runs.c.priority == priority) & (runs.c.due_at < due),
        (runs.c.priority == priority) & (runs.c.due_at == due) & (runs.c.id < run),
    )


#: How many turns are kept before this one's; a part of a question.
AHEAD = sa.select(sa.func.count()).select_from(_BOTH).where(
    kept.c.gate_key == _KEY, kept.c.run_id != _RUN, _COUNTS, is_before(_PRIORITY, _DUE, _RUN)
)  # fmt: skip

#: Which runs these are, and of which jobs.
WHO_IS_AHEAD = sa.select(runs.c.id, runs.c.job).select_from(_BOTH).where(
    kept.c.gate_key == sa.bindparam("gate", type_=kept.c.gate_key.type), kept.c.run_id != _RUN, _COUNTS,
    is_before(_PRIORITY, _DUE, _RUN),
)  # fmt: skip


@dataclass(frozen=True)
class Place:
    """What a run is ranked by."""

    priority: int
    due_at: datetime
    run_id: str

    @property
    def rank(self) -> Rank:
        """Smaller is earlier."""
        return -self.priority, self.due_at, self.run_id


def asked(run: RunRow, key: str, now: datetime) -> dict[str, Any]:
    """The parameters of `AHEAD`."""
    mine = {"key": key, "run": run.id, "mine": run.priority, "due": run.due_at}
    return {**mine, "now": now, "passed_since": now - PATIENCE}


def place_key(overlap_key: str) -> str:
    """What a place of an overlap key is kept by; no limit or breaker begins so."""
    return f"place {overlap_key}"


def lose(connection: sa.Connection, run_id: str, keys: Iterable[str], come: Collection[str], now: datetime) -> None:
    """A run whose turn had come before some of its gates does not begin.

    Parameters
    ----------
    keys: all gates that count.
    come: those whose turn is kept from now on, if the run has been passed for long enough.
    """
    first = connection.execute(_SINCE, {"run": run_id}).scalar_one()
    if first is None and not come:
        return
    connection.execute(_FORGET, {"run": run_id})
    since = now if first is None else min(first, now)
    rows = [{"gate_key": key, "run_id": run_id, "since": since, "its_turn": key in come} for key in sorted(set(keys))]
    connection.execute(kept.insert(), rows)


def forget(connection: sa.Connection, run_id: str) -> None:
    """The run has begun, or stands before what nobody knows the end of: it keeps no turn."""
    connection.execute(_FORGET, {"run": run_id})


def places(connection: sa.Connection, keys: Collection[str], now: datetime) -> dict[str, list[Place]]:
    """The turns that are kept before each of these gates, the first first; absent are gates where none is."""
    columns = (kept.c.gate_key, runs.c.priority, runs.c.due_at, runs.c.id)
    query = sa.select(*columns).select_from(_BOTH).where(kept.c.gate_key.in_(list(keys)), _COUNTS)
    found: dict[str, list[Place]] = {}
    for row in connection.execute(query, {"now": now, "passed_since": now - PATIENCE}):
        found.setdefault(row.gate_key, []).append(Place(row.priority, row.due_at, row.id))
    return {key: sorted(some, key=lambda one: one.rank) for key, some in found.items()}


def before(rank: Rank, places: Sequence[Place]) -> int:
    """How many of these turns are before this rank."""
    return sum(one.rank < rank for one in places)
