"""Places: how many runs of one overlap key may be at work, and who waits for one.

Owns: the lock of a key, who holds its places, and whose turn it is.
Never: opens a transaction; it works within the caller's.

A run has begun once it was claimed for the first time, and holds a place until it ends; one that was brought back from
the dead letters has not begun, and waits for its place in the way of nobody. One that has not begun starts
while fewer runs than its `max_running` hold one. Of those that have begun and wait for their next attempt the earliest
goes first: of two such one never waits for the other while that one waits for it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from datetime import datetime

import sqlalchemy as sa

from automation.database import insert_or_ignore, insert_or_lock
from automation.ledger import kept
from automation.ledger.rows import NewRun, RunRow
from automation.ledger.states import CLAIMABLE, OPEN, State
from automation.ledger.tables import runs, slots

_log = logging.getLogger(__name__)
_BEGUN = runs.c.state.in_(OPEN) & (runs.c.attempt > 0) & runs.c.started_at.is_not(None)
#: Open, and no reason for another run not to begin, or not to be queued.
BROUGHT_BACK = (runs.c.state == State.QUEUED) & (runs.c.attempt > 0) & runs.c.started_at.is_(None)
_KEY = sa.bindparam("key", type_=slots.c.overlap_key.type)
_LOCK = sa.select(slots.c.overlap_key).where(slots.c.overlap_key == _KEY).with_for_update()
# Built once: between the first and the last statement of a transaction other writers wait.
_RUN, _BEGAN = sa.bindparam("run", type_=runs.c.id.type), sa.bindparam("began", type_=runs.c.started_at.type)
#: Who holds a place, as many as matter; for one that has begun, of those that wait only who began before it.
_HOLDERS = (
    sa.select(runs.c.id, runs.c.job)
    .where(runs.c.overlap_key == _KEY, _BEGUN, runs.c.id != _RUN)
    .order_by(runs.c.started_at)
    .limit(sa.bindparam("most", type_=sa.Integer))
)
#: The same, and whoever comes before this one and has its turn kept; who is skipped where there is no place passes those.
_HOLDERS_AND_KEPT = sa.union_all(sa.select(_HOLDERS.subquery("held")), kept.WHO_IS_AHEAD)
_EARLIER = _HOLDERS.where(
    (runs.c.state == State.RUNNING)
    | (runs.c.started_at < _BEGAN)
    | ((runs.c.started_at == _BEGAN) & (runs.c.id < _RUN))
)


def reserve(connection: sa.Connection, keys: Iterable[str]) -> None:
    """Make the row of each key that has none yet."""
    wanted = sorted(set(keys))
    if wanted:
        known = set(connection.scalars(sa.select(slots.c.overlap_key).where(slots.c.overlap_key.in_(wanted))))
        fresh = [{"overlap_key": key} for key in wanted if key not in known]
        if fresh:
            connection.execute(insert_or_ignore(slots, connection.dialect.name), fresh)


def keys_of(new: Sequence[NewRun]) -> set[str]:
    """The overlap keys whose places are counted for these runs."""
    return {run.overlap_key for run in new if run.overlap_key is not None and run.max_running is not None}


def lock(connection: sa.Connection, key: str) -> None:
    """Wait until no other transaction holds this key, and hold it until this one ends."""
    if connection.dialect.name == "sqlite":
        # A write transaction has the whole file.
        return
    if connection.execute(_LOCK, {"key": key}).one_or_none() is None:
        connection.execute(insert_or_lock(slots, connection.dialect.name), {"overlap_key": key})


def take(connection: sa.Connection, run: RunRow, now: datetime) -> bool:
    """Whether the run may be claimed now; one that may not is skipped, or waits until its place is free."""
    if run.max_running is None or run.overlap_key is None:
        return True
    lock(connection, run.overlap_key)
    mine = {"key": run.overlap_key, "run": run.id, "most": run.max_running}
    if run.started_at is not None:
        holders = connection.execute(_EARLIER, {**mine, "began": run.started_at}).all()
    elif run.spec.get("skips"):
        holders = connection.execute(_HOLDERS, mine).all()
    else:
        asked = kept.asked(run, kept.place_key(run.overlap_key), now)
        holders = connection.execute(_HOLDERS_AND_KEPT, {**asked, **mine, "gate": asked["key"]}).all()
    if len(holders) < run.max_running:
        return True
    known = runs.update().where(runs.c.id == run.id, runs.c.attempt == run.attempt, runs.c.state.in_(CLAIMABLE))
    if run.spec.get("skips") and run.attempt == 0:
        whose = "this job" if holders[0].job == run.job else f"job '{holders[0].job}'"
        reason = f"overlap: run {holders[0].id} of {whose} was still at work when this one was to start"
        refused = known.values(state=State.SKIPPED, reason=reason, finished_at=now, published_at=None)
        _log.info("Run %s of job %s is skipped: %s", run.id, run.job, reason)
    else:
        # The count of rings goes up, so that a note about the message that came too early finds another one. Whoever
        # waits here is in the way of nobody who waits for the same limit.
        refused = known.values(published_at=None, rings=runs.c.rings + 1, waits_on=None)
    connection.execute(refused)
    return False


def with_a_place(now: datetime) -> sa.Subquery:
    """Due runs with a `max_running` that would find a place now: per key as many as there are places.

    One whose message is out counts before those whose is not, which else would all be rung for one place. Joins with
    the runs themselves are for the caller to avoid: a planner may do all this once for each of them.
    """
    held = (
        sa.select(
            runs.c.overlap_key,
            sa.func.count().label("begun"),
            sa.func.sum(sa.case((runs.c.state == State.RUNNING, 1), else_=0)).label("busy"),
        )
        .where(_BEGUN)
        .group_by(runs.c.overlap_key)
        .subquery("held")
    )
    began = runs.c.started_at.is_not(None)
    has_begun = sa.case((began, 1), else_=0)
    turn = sa.func.row_number().over(
        partition_by=(runs.c.overlap_key, has_begun),
        order_by=(
            runs.c.started_at,
            sa.case((began, runs.c.id), else_=""),
            sa.case((runs.c.published_at.is_(None), 1), else_=0),
            runs.c.priority.desc(),
            runs.c.due_at,
            runs.c.id,
        ),
    )
    taken = sa.func.coalesce(sa.case((began, held.c.busy), else_=held.c.begun), 0)
    free = (runs.c.max_running - taken).label("free")
    # Those whose key is full are left out before they are put in order: there may be ten thousand of them.
    counts = began | ((runs.c.due_at <= now) & (runs.c.max_running > taken))
    columns = (
        runs.c.id, runs.c.due_at, runs.c.published_at, runs.c.priority, runs.c.overlap_key, runs.c.started_at,
    )  # fmt: skip
    line = (
        sa.select(*columns, free, turn.label("turn"))
        .select_from(runs.outerjoin(held, runs.c.overlap_key == held.c.overlap_key))
        .where(runs.c.state.in_(CLAIMABLE), runs.c.waits_on.is_(None), counts)
        .subquery("line")
    )
    return sa.select(line).where(line.c.turn <= line.c.free, line.c.due_at <= now).subquery("placed")
