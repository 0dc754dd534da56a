"""Runs that are told to end, row by row: cancelled, overtaken, or making way.

Owns: those changes, each from the states that it names.
Never: opens a transaction; sees to what follows in a flow: `stopping` does, around these.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from automation.ledger.states import CLAIMABLE, State
from automation.ledger.tables import runs

REPLACED = "cancelled: a newer run of this job takes its place"
_SUPERSEDED = "superseded: a newer one of this job waits"
_OVERTAKEN = "superseded: a newer run of this job takes the place of its next attempt"
#: Has a message perhaps, and no attempt yet.
WAITS = (runs.c.state == State.QUEUED) & (runs.c.attempt == 0)


def cancel(connection: sa.Connection, run_ids: Sequence[str], now: datetime, reason: str) -> int:
    """End those that wait, and ask those at work to stop; returns how many there were."""
    columns = (runs.c.id, runs.c.state, runs.c.deadline, runs.c.spec, runs.c.cancel_requested_at)
    # Locked, so that none moves on between being looked at and being told.
    query = sa.select(*columns).where(runs.c.id.in_(run_ids)).order_by(runs.c.id).with_for_update()
    found = connection.execute(query).all()
    waiting = [row.id for row in found if row.state in CLAIMABLE]
    if waiting:
        ended = {"state": State.CANCELLED, "finished_at": now, "reason": reason, "cancel_requested_at": now}
        connection.execute(runs.update().where(runs.c.id.in_(waiting)).values(**ended))
    at_work = [row for row in found if row.state == State.RUNNING]
    for row in at_work:
        told = {"cancel_requested_at": row.cancel_requested_at or now}
        told["deadline"] = _earlier(row.deadline, row.spec, now)
        connection.execute(runs.update().where(runs.c.id == row.id).values(**told))
    return len(waiting) + len(at_work)


def _earlier(deadline: datetime, spec: Mapping[str, Any], now: datetime) -> datetime:
    patience = spec.get("kill_after")
    return deadline if patience is None else min(deadline, now + timedelta(seconds=patience))


def supersede(connection: sa.Connection, run_ids: Sequence[str], now: datetime) -> None:
    """Skip those that wait to begin, or for a next attempt which their policy gives up for a newer run."""
    overtaken = runs.update().where(runs.c.id.in_(list(run_ids)), WAITS)
    connection.execute(overtaken.values(state=State.SKIPPED, reason=_SUPERSEDED, finished_at=now))
    again = (runs.c.state == State.RETRYING) & runs.c.id.in_(list(run_ids))
    # Locked, so that none begins its attempt between being looked at and being told.
    found = connection.execute(sa.select(runs.c.id, runs.c.spec).where(again).order_by(runs.c.id).with_for_update())
    yielding = [row.id for row in found if row.spec.get("retry", {}).get("retry_until_next")]
    if yielding:
        ended = {"state": State.SKIPPED, "reason": _OVERTAKEN, "finished_at": now, "published_at": None}
        connection.execute(runs.update().where(runs.c.id.in_(yielding)).values(**ended))


def make_way(connection: sa.Connection, old: str, newer: str, now: datetime) -> bool:
    """Skip a run that another one with the same unique key takes the place of, unless it has begun."""
    ended = {"state": State.SKIPPED, "reason": taken_by(newer), "finished_at": now, "published_at": None}
    return bool(connection.execute(runs.update().where(runs.c.id == old, WAITS).values(**ended)).rowcount)


def taken_by(newer: str) -> str:
    """The reason of a run that made way."""
    return f"superseded: run {newer} with the same unique_key was asked for later, and takes its place"
