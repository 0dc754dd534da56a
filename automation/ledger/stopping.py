"""Runs that are not to go on: asked to stop, overtaken by a newer one, or too late to begin.

Owns: those moves, each from the states that it names.
Never: opens a transaction; it works within the caller's.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from automation.ledger import flows
from automation.ledger.rows import RunRow
from automation.ledger.states import CLAIMABLE, State
from automation.ledger.tables import runs
from automation.text import format_duration, instant

_log = logging.getLogger(__name__)
_SUPERSEDED = "superseded: a newer one of this job waits"
_OVERTAKEN = "superseded: a newer run of this job takes the place of its next attempt"
#: Has a message perhaps, and no attempt yet.
_WAITS = (runs.c.state == State.QUEUED) & (runs.c.attempt == 0)
_LATE = runs.c.expires_at < sa.bindparam("now", type_=runs.c.expires_at.type)


def cancel(connection: sa.Connection, run_ids: Iterable[str], now: datetime, reason: str) -> int:
    """End those of these runs that wait, and ask those at work to stop; returns how many there were.

    One at work has its `kill_after` from now on, and never longer than it had; then it is ended by force.
    """
    wanted = list(run_ids)
    with flows.ending(connection, wanted, now):
        return _cancel(connection, wanted, now, reason)


def _cancel(connection: sa.Connection, run_ids: Sequence[str], now: datetime, reason: str) -> int:
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
    """Skip those of these runs that wait to begin, or for a next attempt which their policy gives up for a newer run."""
    if not run_ids:
        return
    with flows.ending(connection, run_ids, now):
        _supersede(connection, run_ids, now)


def _supersede(connection: sa.Connection, run_ids: Sequence[str], now: datetime) -> None:
    overtaken = runs.update().where(runs.c.id.in_(list(run_ids)), _WAITS)
    connection.execute(overtaken.values(state=State.SKIPPED, reason=_SUPERSEDED, finished_at=now))
    again = (runs.c.state == State.RETRYING) & runs.c.id.in_(list(run_ids))
    # Locked, so that none begins its attempt between being looked at and being told.
    found = connection.execute(sa.select(runs.c.id, runs.c.spec).where(again).order_by(runs.c.id).with_for_update())
    yielding = [row.id for row in found if row.spec.get("retry", {}).get("retry_until_next")]
    if yielding:
        ended = {"state": State.SKIPPED, "reason": _OVERTAKEN, "finished_at": now, "published_at": None}
        connection.execute(runs.update().where(runs.c.id.in_(yielding)).values(**ended))


def too_late(connection: sa.Connection, now: datetime, limit: int) -> list[RunRow]:
    """Runs that have not begun, and were to begin before now."""
    query = sa.select(runs).where(_WAITS, _LATE, runs.c.due_at <= now).limit(limit)
    return [RunRow.of(row) for row in connection.execute(query, {"now": now}).mappings()]


def expire(connection: sa.Connection, late: Sequence[RunRow], now: datetime) -> list[RunRow]:
    """Record that these will not run; returns those that had not begun after all."""
    with flows.ending(connection, [run.id for run in late if run.flow], now):
        return _expire(connection, late, now)


def _expire(connection: sa.Connection, late: Sequence[RunRow], now: datetime) -> list[RunRow]:
    ended: list[RunRow] = []
    for run in late:
        values = {"state": State.EXPIRED, "reason": _expired(run), "finished_at": now, "published_at": None}
        statement = runs.update().where(runs.c.id == run.id, _WAITS, _LATE).values(**values)
        if connection.execute(statement, {"now": now}).rowcount:
            ended.append(run)
            _log.warning("Run %s of job %s %s", run.id, run.job, values["reason"])
    return ended


def expires(run: RunRow, now: datetime) -> bool:
    """Whether it is too late for this run to begin."""
    return run.attempt == 0 and run.expires_at is not None and run.expires_at < now


def _expired(run: RunRow) -> str:
    planned = run.planned_time or run.nominal_time
    allowed = format_duration((run.expires_at or planned) - planned)
    return f"expired: it had not begun {allowed} after its planned time {instant(planned)}"
