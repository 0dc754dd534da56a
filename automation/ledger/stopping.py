"""Runs that are not to go on: asked to stop, overtaken by a newer one, or too late to begin.

Owns: those moves, each from the states that it names.
Never: opens a transaction; it works within the caller's.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from datetime import datetime

import sqlalchemy as sa

from automation.ledger import alerts, endings, flows
from automation.ledger.rows import RunRow
from automation.ledger.states import State
from automation.ledger.tables import runs
from automation.ledger.unique_holders import Replaced
from automation.text import format_duration, instant

_log = logging.getLogger(__name__)
_LATE = runs.c.expires_at < sa.bindparam("now", type_=runs.c.expires_at.type)


def cancel(connection: sa.Connection, run_ids: Iterable[str], now: datetime, reason: str) -> int:
    """End those of these runs that wait, and ask those at work to stop; returns how many there were.

    One at work has its `kill_after` from now on, and never longer than it had; then it is ended by force.
    """
    wanted = list(run_ids)
    with flows.ending(connection, wanted, now):
        return endings.cancel(connection, wanted, now, reason)


def supersede(connection: sa.Connection, run_ids: Sequence[str], now: datetime) -> None:
    """Skip those of these runs that wait to begin, or for a next attempt which their policy gives up for a newer run."""
    if not run_ids:
        return
    with flows.ending(connection, run_ids, now):
        endings.supersede(connection, run_ids, now)


def make_way(connection: sa.Connection, replaced: Replaced, now: datetime) -> list[str]:
    """Skip the runs that another one takes the place of, unless they have begun; returns those that made way."""
    gone = []
    for old, newer in sorted(replaced.items()):
        with flows.ending(connection, [old], now):
            if endings.make_way(connection, old, newer, now):
                gone.append(old)
    return gone


def too_late(connection: sa.Connection, now: datetime, limit: int) -> list[RunRow]:
    """Runs that have not begun, and were to begin before now."""
    query = sa.select(runs).where(endings.WAITS, _LATE, runs.c.due_at <= now).limit(limit)
    return [RunRow.of(row) for row in connection.execute(query, {"now": now}).mappings()]


def expire(connection: sa.Connection, late: Sequence[RunRow], now: datetime) -> list[RunRow]:
    """Record that these will not run; returns those that had not begun after all."""
    with flows.ending(connection, [run.id for run in late if run.flow], now):
        return _expire(connection, late, now)


def _expire(connection: sa.Connection, late: Sequence[RunRow], now: datetime) -> list[RunRow]:
    ended: list[RunRow] = []
    for run in late:
        values = {"state": State.EXPIRED, "reason": _expired(run), "finished_at": now, "published_at": None}
        statement = runs.update().where(runs.c.id == run.id, endings.WAITS, _LATE).values(**values)
        if connection.execute(statement, {"now": now}).rowcount:
            ended.append(run)
            alerts.tell_expired(connection, run, _expired(run), now)
            _log.warning("Run %s of job %s %s", run.id, run.job, values["reason"])
    return ended


def expires(run: RunRow, now: datetime) -> bool:
    """Whether it is too late for this run to begin."""
    return run.attempt == 0 and run.expires_at is not None and run.expires_at < now


def _expired(run: RunRow) -> str:
    planned = run.planned_time or run.nominal_time
    allowed = format_duration((run.expires_at or planned) - planned)
    return f"expired: it had not begun {allowed} after its planned time {instant(planned)}"
