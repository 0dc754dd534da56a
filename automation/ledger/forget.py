"""Taking out of the ledger what is no longer kept.

Owns: the deletes, and what is remembered of an occurrence that goes: that it counted, and that it was done.
Never: opens a transaction, or chooses what goes; it works within the caller's, on what it is given.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from automation.ledger.floors import Ended
from automation.ledger.gate_tables import holds, kept
from automation.ledger.ids import scope_of
from automation.ledger.pings import pings
from automation.ledger.standing import Key
from automation.ledger.states import FINAL, OPEN, State
from automation.ledger.tables import (
    artifacts,
    attempts,
    logs,
    occurrences,
    onces,
    runs,
    schedules,
    uniques,
)


def forget(connection: sa.Connection, going: Sequence[Ended]) -> int:
    """Delete these runs with all that belongs to them; returns how many there were.

    One that somebody brought back, or that holds a unique key still, stays.
    """
    gone = _locked(connection, going)
    if not gone:
        return 0
    ids = [run.id for run in gone]
    for table in (logs, artifacts, attempts, pings, uniques, holds, kept):
        connection.execute(table.delete().where(table.c.run_id.in_(ids)))
    _forget_onces(connection, gone)
    for key, some in _by_schedule(gone).items():
        _forget_occurrences(connection, key, some)
    connection.execute(runs.delete().where(runs.c.id.in_(ids)))
    return len(gone)


def orphans(connection: sa.Connection, key: Key, before: datetime, limit: int) -> list[datetime]:
    """Nominal times of a schedule's occurrences whose runs are gone under the name that it had before, the oldest first."""
    mine = _of(key)
    alone = occurrences.outerjoin(runs, runs.c.id == occurrences.c.run_id)
    query = sa.select(occurrences.c.nominal_time).select_from(alone).where(mine, runs.c.id.is_(None))
    query = query.where(occurrences.c.nominal_time < before).order_by(occurrences.c.nominal_time).limit(limit)
    return list(connection.scalars(query))


def count_out(connection: sa.Connection, key: Key, nominals: Sequence[datetime]) -> None:
    """Delete occurrences of a schedule; those that were to run go on counting for `max_fires`."""
    which = _of(key) & occurrences.c.nominal_time.in_(nominals)
    fired = connection.execute(occurrences.delete().where(which, occurrences.c.decision == State.QUEUED)).rowcount
    connection.execute(occurrences.delete().where(which))
    if fired:
        values: dict[str, Any] = {"forgotten": schedules.c.forgotten + fired}
        connection.execute(schedules.update().where(_is(key)).values(**values))


def needed(connection: sa.Connection, run_ids: Sequence[str], now: datetime) -> set[str]:
    """Those of these runs that hold a unique key for some time to come, or belong to a flow that may go on.

    A flow goes on while a run of it is open, or dead and could be brought back: then what follows is looked for, and what
    was done has to be found.
    """
    if not run_ids:
        return set()
    keys = sa.select(uniques.c.run_id).where(uniques.c.run_id.in_(run_ids), uniques.c.until > now)
    other = runs.alias()
    back = other.c.state.in_(OPEN) | ((other.c.state == State.DEAD) & (runs.c.state != State.DEAD))
    goes_on = sa.exists().where(other.c.flow == runs.c.flow, other.c.id != runs.c.id, back)
    flowing = sa.select(runs.c.id).where(runs.c.id.in_(run_ids), runs.c.flow.is_not(None), goes_on)
    return {*connection.scalars(keys), *connection.scalars(flowing)}


def _locked(connection: sa.Connection, going: Sequence[Ended]) -> list[Ended]:
    """Those that are as they were when they were chosen, locked, so that nobody brings one back meanwhile."""
    known = {run.id: run for run in going}
    query = sa.select(runs.c.id, runs.c.finished_at).where(runs.c.id.in_(list(known)), runs.c.state.in_(FINAL))
    found = connection.execute(query.order_by(runs.c.id).with_for_update())
    return [known[row.id] for row in found if row.finished_at == known[row.id].finished_at]


def _forget_onces(connection: sa.Connection, gone: Sequence[Ended]) -> None:
    """Delete the marks of `ctx.once` that these runs made, unless another run for the same moment is open."""
    scopes = {scope_of(run.job, run.schedule, run.nominal_time, run.id): run for run in gone}
    query = sa.select(onces.c.scope).where(onces.c.scope.in_(list(scopes))).distinct()
    marked = list(connection.scalars(query))
    if not marked:
        return
    moments = {scopes[scope].nominal_time for scope in marked}
    columns = (runs.c.job, runs.c.schedule, runs.c.nominal_time, runs.c.id)
    again = sa.select(*columns).where(runs.c.state.in_(OPEN), runs.c.nominal_time.in_(moments))
    needed = {scope_of(*row) for row in connection.execute(again)}
    ended = max(run.finished_at for run in gone if run.finished_at is not None)
    free = [scope for scope in marked if scope not in needed]
    connection.execute(onces.delete().where(onces.c.scope.in_(free), onces.c.at <= ended))


def _by_schedule(gone: Iterable[Ended]) -> Mapping[Key, list[Ended]]:
    found: dict[Key, list[Ended]] = {}
    for run in sorted(gone, key=lambda run: (run.job, run.schedule or "")):
        if run.schedule is not None:
            found.setdefault((run.job, run.schedule), []).append(run)
    return found


def _forget_occurrences(connection: sa.Connection, key: Key, gone: Sequence[Ended]) -> None:
    done = max((run.nominal_time for run in gone if run.done), default=None)
    if done is not None:
        earlier = schedules.c.forgotten_until.is_(None) | (schedules.c.forgotten_until < done)
        connection.execute(schedules.update().where(_is(key), earlier).values(forgotten_until=done))
    decided = [run.nominal_time for run in gone if run.decided]
    if decided:
        count_out(connection, key, decided)


def _of(key: Key) -> sa.ColumnElement[bool]:
    return (occurrences.c.job == key[0]) & (occurrences.c.schedule == key[1])


def _is(key: Key) -> sa.ColumnElement[bool]:
    return (schedules.c.job == key[0]) & (schedules.c.schedule == key[1])
