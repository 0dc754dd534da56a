"""Gates: what a run passes as it is claimed, the line before each of them, and whose turn it is.

Owns: that a claim asks all limits of its run at once; the place of a run in a line, with its reason.
Never: opens a transaction; it works within the caller's. A run without a gate costs no statement.

A run that may not begin waits in one line, without a message, before the gate that opens last. In a line the order is:
priority, then due time. Nobody who comes later passes those before him, and as many are rung as may begin. Of one with
several gates `kept` keeps the turns that have come, once it has been passed for long enough.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import sqlalchemy as sa

from automation.ledger import breakers, kept, limit_counts
from automation.ledger.circuit import Breaker, Position, breaker_of
from automation.ledger.gate_tables import breakers as breaker_table
from automation.ledger.gate_tables import limits
from automation.ledger.limit import limits_of
from automation.ledger.limit_counts import Bucket, Wait
from automation.ledger.rows import RunRow
from automation.ledger.states import CLAIMABLE
from automation.ledger.tables import runs

#: In a line; the index has only these rows.
#: The states as parameters one by one, since a list has to be put into the words of each question anew.
WAITS = runs.c.waits_on.is_not(None) & runs.c.state.in_([sa.literal(one, runs.c.state.type) for one in CLAIMABLE])
_RUN = sa.bindparam("run", type_=runs.c.id.type)
_KEY = sa.bindparam("key", type_=runs.c.waits_on.type)
_ME = sa.select(runs.c.state, runs.c.attempt).where(runs.c.id == _RUN).with_for_update()
_PRIORITY, _DUE = sa.bindparam("mine", type_=sa.Integer), sa.bindparam("due", type_=runs.c.due_at.type)
_IN_LINE = sa.select(sa.func.count()).select_from(runs).where(
    WAITS, runs.c.waits_on == _KEY, kept.is_before(_PRIORITY, _DUE, _RUN)
)  # fmt: skip
_BEFORE = sa.select(_IN_LINE.scalar_subquery() + kept.AHEAD.scalar_subquery())
_OUT_OF_LINE = runs.update().where(runs.c.id == _RUN).values(waits_on=None, reason=None)
_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Passed:
    """The gates that a run passes, locked."""

    buckets: Sequence[Bucket] = ()
    breaker: Breaker | None = None
    position: Position = field(default_factory=Position)


@dataclass(frozen=True)
class Standing:
    """Where a run stands in a line.

    Parameters
    ----------
    key: of the gate that it stands before.
    ahead: how many stand before it.
    wait: why it is not its turn; None when it is.
    """

    key: str
    ahead: int
    wait: Wait | None


def ask(connection: sa.Connection, run: RunRow, now: datetime) -> Passed | None:
    """The gates that the run passes; None where it does not, and waits in a line, or is somebody else's."""
    wanted, breaker = limits_of(run.spec), breaker_of(run.spec)
    if not wanted and breaker is None:
        return Passed()
    # Before any gate: whoever ends a run has its row first, too.
    me = connection.execute(_ME, {"run": run.id}).one_or_none()
    if me is None or me.state not in CLAIMABLE or me.attempt != run.attempt:
        return None
    buckets = [limit_counts.lock(connection, limit) for limit in wanted]
    asked = [limit_counts.wait(connection, one, before(connection, one.key, run, now), now) for one in buckets]
    refused = [one for one in asked if one is not None]
    position = Position()
    if breaker is not None:
        position = breakers.lock(connection, breaker)
        ahead = before(connection, breaker.key, run, now)
        broken = breakers.refusal(connection, breaker.key, position, ahead, now)
        # While nothing may begin, it is not to be in the way of those who wait for the same limits.
        refused = refused if broken is None else [broken]
    if refused:
        if _has_several(run, wanted):
            lost = {one.key for one in refused}
            if breaker is not None and breaker.key in lost:
                kept.forget(connection, run.id)
            else:
                _lose(connection, run, [one.key for one in wanted], refused, now)
        _stand(connection, run, max(refused, key=lambda one: one.until or _NEVER))
        return None
    return Passed(buckets, breaker, position)


def enter(connection: sa.Connection, run: RunRow, passed: Passed, now: datetime) -> None:
    """The run has been claimed: it counts for each gate that it passed, and waits in no line any more."""
    for bucket in passed.buckets:
        limit_counts.enter(connection, bucket, run.id, now)
    if _has_several(run, passed.buckets):
        kept.forget(connection, run.id)
    if passed.breaker is not None:
        breakers.enter(connection, passed.breaker, passed.position, run.id, run.attempt + 1)
    if run.waits_on is not None:
        connection.execute(_OUT_OF_LINE, {"run": run.id})


def found_no_place(connection: sa.Connection, run: RunRow, now: datetime) -> None:
    """The run waits for a place of its overlap key: its turn before a limit may have come, and is to be kept."""
    wanted = limits_of(run.spec)
    if not wanted or run.spec.get("skips"):
        return
    buckets = [limit_counts.lock(connection, limit) for limit in wanted]
    asked = [limit_counts.refusal(connection, one, before(connection, one.key, run, now), now) for one in buckets]
    place = Wait(kept.place_key(run.overlap_key or run.job), "no place")
    _lose(connection, run, [one.key for one in wanted], [place, *(one for one in asked if one is not None)], now)


def before(connection: sa.Connection, key: str, run: RunRow, now: datetime) -> int:
    """How many have their turn in this line before the run, whether or not they, or it, stand there."""
    return int(connection.execute(_BEFORE, kept.asked(run, key, now)).scalar_one())


def standing(connection: sa.Connection, run: RunRow, now: datetime) -> Standing | None:
    """Where a run stands, as it is now; None where it stands in no line."""
    if run.waits_on is None or run.state not in CLAIMABLE:
        return None
    ahead = before(connection, run.waits_on, run, now)
    position = breakers.look(connection, [run.waits_on]).get(run.waits_on)
    if position is not None:
        return Standing(run.waits_on, ahead, breakers.refusal(connection, run.waits_on, position, ahead, now))
    bucket = limit_counts.look(connection, run.waits_on)
    wait = None if bucket is None else limit_counts.refusal(connection, bucket, ahead, now)
    return Standing(run.waits_on, ahead, wait)


def ready(connection: sa.Connection, now: datetime, most: int, keys: Collection[str] | None = None) -> list[str]:
    """Whose turn it is: of each line as many as may begin now, those whose message is out before the others.

    Parameters
    ----------
    most: of one line.
    keys: only of these lines.
    """
    lines = sa.select(runs.c.waits_on).where(WAITS).distinct()
    found = connection.scalars(lines if keys is None else lines.where(runs.c.waits_on.in_(list(keys)))).all()
    if not found:
        return []
    free = {
        **dict.fromkeys(found, most),
        **limit_counts.free(connection, found, now, most),
        **breakers.free(connection, found, now, most),
    }
    free = {key: room for key, room in free.items() if room}
    if not free:
        return []
    others = kept.places(connection, free, now)
    groups = {number: [key for key, room in free.items() if room == number] for number in free.values()}
    order = (sa.case((runs.c.published_at.is_(None), 1), else_=0), runs.c.priority.desc(), runs.c.due_at, runs.c.id)
    turn = sa.func.row_number().over(partition_by=runs.c.waits_on, order_by=order).label("turn")
    columns = (runs.c.id, runs.c.waits_on, runs.c.priority, runs.c.due_at, runs.c.published_at)
    line = sa.select(*columns, turn).where(WAITS, runs.c.waits_on.in_(list(free))).subquery("standing")
    turns = [line.c.waits_on.in_(group) & (line.c.turn <= number) for number, group in groups.items()]
    return [
        row.id
        for row in connection.execute(sa.select(line).where(sa.or_(*turns)))
        if row.published_at is not None
        or row.turn + kept.before((-row.priority, row.due_at, row.id), others.get(row.waits_on, ()))
        <= free[row.waits_on]
    ]


def next_openings(now: sa.ColumnElement[datetime]) -> list[sa.ScalarSelect[datetime]]:
    """When the next gate of each kind opens before which somebody stands, as parts of a question."""
    opens = ((limits.c.limit_key, limits.c.opens_at), (breaker_table.c.breaker_key, breaker_table.c.tries_at))
    quiet = runs.c.published_at.is_(None)
    return [
        sa.select(sa.func.min(moment))
        .where(moment > now, sa.exists().where(WAITS, runs.c.waits_on == key, quiet))
        .scalar_subquery()
        for key, moment in opens
    ]


def _has_several(run: RunRow, limits: Collection[object]) -> bool:
    """Whether it needs more than one place or turn at one moment."""
    return len(limits) + (run.max_running is not None) > 1


def _lose(
    connection: sa.Connection, run: RunRow, keys: Collection[str], refused: Sequence[Wait], now: datetime
) -> None:
    """Note that it does not begin although its turn may have come before some gates."""
    closed = {one.key for one in refused}
    gates = {*keys, *([kept.place_key(run.overlap_key)] if run.max_running and run.overlap_key else [])}
    # Until a moment that is known nothing is kept: the others may use what it could not.
    waits = any(one.until is not None and one.until > now for one in refused)
    kept.lose(connection, run.id, gates, set() if waits else gates - closed, now)


def _stand(connection: sa.Connection, run: RunRow, wait: Wait) -> None:
    """Into the line; the count of rings goes up, so that a note about a message that came too early finds another one."""
    mine = runs.update().where(runs.c.id == run.id, runs.c.attempt == run.attempt, runs.c.state.in_(CLAIMABLE))
    connection.execute(mine.values(waits_on=wait.key, reason=wait.reason, published_at=None, rings=runs.c.rings + 1))
