"""The rows of unique keys: which run holds one, and what becomes of the next that comes with it.

Owns: the lock of a key, and its holder.
Never: opens a transaction; it works within the caller's.

A run holds its key from when it is recorded until it has ended, and no shorter than its `until`. With replace_waiting a
run that has begun does not make way: the newer one is recorded beside it and holds the key from then on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from automation.database import insert_or_ignore, insert_or_lock
from automation.ledger.endings import taken_by
from automation.ledger.rows import NewRun
from automation.ledger.states import State
from automation.ledger.tables import runs, uniques
from automation.ledger.unique_key import REPLACE_WAITING, Holder, Unique

_JOB, _KEY = (sa.bindparam(f"of_{name}", type_=uniques.c[name].type) for name in ("job", "unique_key"))
_MINE = (uniques.c.job == _JOB) & (uniques.c.unique_key == _KEY)
_HOLDERS = (
    sa.select(uniques.c.job, uniques.c.run_id, uniques.c.until, runs.c.state, runs.c.attempt)
    .select_from(uniques.outerjoin(runs, runs.c.id == uniques.c.run_id))
    .where(uniques.c.run_id.is_not(None))
)
_HOLDER = _HOLDERS.where(_MINE)
_HOLD = uniques.update().where(_MINE).values(run_id=sa.bindparam("holder"), until=sa.bindparam("to"))
Replaced = dict[str, str]


def find(connection: sa.Connection, job: str, key: str, now: datetime) -> Holder | None:
    """The run that holds this key; None when the next one is welcome."""
    row = connection.execute(_HOLDER, {"of_job": job, "of_unique_key": key}).one_or_none()
    return None if row is None else _holder(row, now)


def find_all(connection: sa.Connection, keys: Iterable[tuple[str, str]], now: datetime) -> dict[str, Holder]:
    """The holders of these keys, one of a job, by the job's name; a job whose key is free is absent."""
    wanted = sa.tuple_(uniques.c.job, uniques.c.unique_key).in_(list(keys))
    rows = connection.execute(_HOLDERS.where(wanted))
    return {row.job: holder for row in rows if (holder := _holder(row, now))}


def _holder(row: Any, now: datetime) -> Holder | None:
    if row.state is None:
        return None
    holder = Holder(row.run_id, State(row.state), row.attempt > 0, row.until)
    return holder if holder.open or (row.until is not None and row.until > now) else None


def lock(connection: sa.Connection, keys: Iterable[tuple[str, str]]) -> None:
    """Wait until no other transaction holds any of these keys of jobs, and hold them until this one ends."""
    dialect = connection.dialect.name
    # On SQLite a write transaction has the whole file.
    statement = (insert_or_ignore if dialect == "sqlite" else insert_or_lock)(uniques, dialect)
    for job, key in sorted(set(keys)):
        connection.execute(statement, [{"job": job, "unique_key": key}])


def hold(connection: sa.Connection, job: str, run_id: str, unique: Unique) -> None:
    """From now on this run holds its key."""
    mine = {"of_job": job, "of_unique_key": unique.key}
    connection.execute(_HOLD, {**mine, "holder": run_id, "to": unique.until})


def settle(connection: sa.Connection, new: Sequence[NewRun], now: datetime) -> tuple[list[NewRun], Replaced]:
    """The same runs, those skipped whose key another run holds; and which waiting runs are to make way, for which.

    Those that go on hold their keys from now on, so that the caller has to record them.
    """
    asking = {run.id: run.unique for run in new if run.unique is not None and run.state is State.QUEUED}
    if not asking:
        return list(new), {}
    lock(connection, {(run.job, run.unique.key) for run in new if run.id in asking and run.unique})
    settled = {run.id: run for run in new}
    held: dict[tuple[str, str], str] = {}
    replaced: Replaced = {}
    for run in new:
        unique = asking.get(run.id)
        if unique is None:
            continue
        first = held.get((run.job, unique.key))
        holder = Holder(first, State.QUEUED, begun=False) if first else find(connection, run.job, unique.key, now)
        if holder is not None and unique.on_conflict != REPLACE_WAITING:
            settled[run.id] = _skipped(run, f"unique: {holder.words}")
            continue
        if first:
            settled[first] = _skipped(settled[first], taken_by(run.id))
        elif holder is not None and holder.waits:
            replaced[holder.run_id] = run.id
        held[(run.job, unique.key)] = run.id
        hold(connection, run.job, run.id, unique)
    return list(settled.values()), replaced


def skipped(new: Sequence[NewRun], reason: str) -> list[NewRun]:
    """The same runs, none of which is to begin."""
    return [_skipped(run, reason) for run in new]


def _skipped(run: NewRun, reason: str) -> NewRun:
    return replace(run, state=State.SKIPPED, reason=reason)
