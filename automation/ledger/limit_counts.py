"""Limits: how many runs of one key may be at work, and how many may begin in a span, over all workers.

Owns: the row of a key, which whoever claims locks; who holds its places; when the newest of its runs began.
Never: opens a transaction; puts a run into the line (`gates` does).

A place is held while its run is at work, and not between two attempts. A rate counts each beginning of an attempt. Its
span slides: one may begin when the beginning that is as many before it as the rate's number is a span old, so that in no
span whatever more begin than the rate says.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from automation.database import insert_or_ignore, insert_or_lock
from automation.ledger.gate_tables import beginnings, holds, kept, limits
from automation.ledger.limit import Limit, Rate
from automation.ledger.states import State
from automation.ledger.tables import runs
from automation.text import instant

# Built once: between the first and the last statement of a transaction other writers wait.
_KEY = sa.bindparam("key", type_=limits.c.limit_key.type)
_LOCK = sa.select(limits).where(limits.c.limit_key == _KEY).with_for_update()
_NUMBER = sa.bindparam("nth", type_=sa.BigInteger)
_BEGAN = sa.select(beginnings.c.at).where(beginnings.c.limit_key == _KEY, beginnings.c.number == _NUMBER)
_NOW = sa.bindparam("now", type_=beginnings.c.at.type)
_AHEAD = beginnings.update().where(beginnings.c.limit_key == _KEY, beginnings.c.at > _NOW).values(at=_NOW)
_SPENT = beginnings.delete().where(beginnings.c.limit_key == _KEY, beginnings.c.number <= _NUMBER)
_TO = sa.bindparam("opens", type_=limits.c.opens_at.type)
_COUNT = limits.update().where(limits.c.limit_key == _KEY).values(taken=_NUMBER, opens_at=_TO)
_OPENS = limits.update().where(limits.c.limit_key == _KEY).values(opens_at=_TO)
_HOLDERS = (
    sa.select(holds.c.run_id, runs.c.state)
    .select_from(holds.outerjoin(runs, runs.c.id == holds.c.run_id))
    .where(holds.c.limit_key == _KEY)
)


@dataclass(frozen=True)
class Bucket:
    """A limit as it counts now, its row locked.

    Parameters
    ----------
    taken: how many have begun under its rate.
    """

    key: str
    max_running: int | None
    rate: Rate | None
    taken: int

    @property
    def words(self) -> str:
        """What a reason calls it: `limit shop-api, 30/m`."""
        most = None if self.max_running is None else f"{self.max_running} at once"
        return ", ".join(part for part in (self.key, most, str(self.rate or "")) if part)


@dataclass(frozen=True)
class Wait:
    """Why a run may not begin yet.

    Parameters
    ----------
    until: when its turn comes, as things are; None when nobody knows, since it comes with the end of another run.
    """

    key: str
    reason: str
    until: datetime | None = None


def lock(connection: sa.Connection, limit: Limit) -> Bucket:
    """Wait until no other transaction holds this key, and hold it until this one ends; one without a row gets it."""
    row = connection.execute(_LOCK, {"key": limit.key}).one_or_none()
    if row is None:
        dialect = connection.dialect.name
        # On SQLite a write transaction has the whole file.
        statement = (insert_or_ignore if dialect == "sqlite" else insert_or_lock)(limits, dialect)
        rate = None if limit.rate is None else str(limit.rate)
        values = {"limit_key": limit.key, "owner": limit.owner, "max_running": limit.max_running, "rate": rate}
        connection.execute(statement, [{**values, "taken": 0}])
        row = connection.execute(_LOCK, {"key": limit.key}).one()
    return _bucket(row)


def look(connection: sa.Connection, key: str) -> Bucket | None:
    """The limit of this key as it counts now, without a lock; None where nobody has asked for it yet."""
    row = connection.execute(sa.select(limits).where(limits.c.limit_key == key)).one_or_none()
    return None if row is None else _bucket(row)


def refusal(connection: sa.Connection, bucket: Bucket, ahead: int, now: datetime) -> Wait | None:
    """Why one may not begin of whom so many are in the line before it; None where it may. Writes nothing."""
    if bucket.max_running is not None:
        busy = sum(row.state == State.RUNNING for row in connection.execute(_HOLDERS, {"key": bucket.key}))
        if busy + ahead >= bucket.max_running:
            why = "all places are taken" if busy >= bucket.max_running else "what is free is for those before it"
            return Wait(bucket.key, f"waits: {bucket.words}; {why}")
    opens = _opens(connection, bucket, ahead, now)
    return None if opens <= now else Wait(bucket.key, f"waits: {bucket.words}; its turn is at {instant(opens)}", opens)


def wait(connection: sa.Connection, bucket: Bucket, ahead: int, now: datetime) -> Wait | None:
    """The same for one whose row is locked; when the next may begin is noted, for those who ring."""
    found = refusal(connection, bucket, ahead, now)
    if found is not None and found.until is not None:
        # The clock may have been set back, or another machine's be ahead: what has begun has begun by now.
        connection.execute(_AHEAD, {"key": bucket.key, "now": now})
        if not ahead:
            connection.execute(_OPENS, {"key": bucket.key, "opens": found.until})
    return found


def enter(connection: sa.Connection, bucket: Bucket, run_id: str, now: datetime) -> None:
    """A run that has just been claimed takes its place, and counts as a beginning."""
    if bucket.max_running is not None:
        _take_place(connection, bucket.key, run_id)
    if bucket.rate is not None:
        row = {"limit_key": bucket.key, "number": bucket.taken, "at": now}
        connection.execute(beginnings.insert(), row)
        taken = bucket.taken + 1
        connection.execute(_SPENT, {"key": bucket.key, "nth": taken - bucket.rate.count - 1})
        after = Bucket(bucket.key, bucket.max_running, bucket.rate, taken)
        opens = _opens(connection, after, 0, now)
        connection.execute(_COUNT, {"key": bucket.key, "nth": taken, "opens": opens if opens > now else None})


def free(connection: sa.Connection, keys: Collection[str], now: datetime, most: int) -> dict[str, int]:
    """How many may begin now, of each of these keys that has a row; `most` where nothing limits them."""
    rows = connection.execute(sa.select(limits).where(limits.c.limit_key.in_(list(keys)))).all()
    buckets = [_bucket(row) for row in rows]
    busy = _busy(connection, [one.key for one in buckets if one.max_running is not None])
    begun = _begun(connection, buckets, now)
    found = {}
    for one in buckets:
        places = most if one.max_running is None else one.max_running - busy.get(one.key, 0)
        turns = most if one.rate is None else one.rate.count - begun.get(one.key, 0)
        found[one.key] = max(min(places, turns, most), 0)
    return found


def forget(connection: sa.Connection, key: str, before: datetime) -> bool:
    """Take away a key of which no run began since then, none is at work and none waits; whoever needs it makes it anew."""
    connection.execute(_LOCK, {"key": key}).one_or_none()
    at_work = sa.select(holds.c.run_id).join(runs, runs.c.id == holds.c.run_id)
    used = (
        at_work.where(holds.c.limit_key == key, runs.c.state == State.RUNNING),
        sa.select(runs.c.id).where(runs.c.waits_on == key),
        sa.select(beginnings.c.number).where(beginnings.c.limit_key == key, beginnings.c.at > before),
    )
    if any(connection.execute(one.limit(1)).first() for one in used):
        return False
    for table in (beginnings, holds, limits):
        connection.execute(table.delete().where(table.c.limit_key == key))
    connection.execute(kept.delete().where(kept.c.gate_key == key))
    return True


def declared(definitions: Mapping[str, Mapping[str, Any]]) -> dict[str, Limit]:
    """The limits that these jobs name, by owner."""
    found = (Limit.from_json({**one, "key": ""}) for job in definitions.values() for one in job.get("limits", ()))
    return {limit.owner: limit for limit in found}


def sync(connection: sa.Connection, declared: Mapping[str, Limit], *, keep_missing: bool) -> None:
    """Bring every row in step with what its owner says now; who says nothing any more limits nobody.

    Parameters
    ----------
    declared: by owner.
    keep_missing: owners that are not declared keep their limits.
    """
    for row in connection.execute(sa.select(limits.c.owner, limits.c.max_running, limits.c.rate).distinct()).all():
        limit = declared.get(row.owner)
        if limit is None and keep_missing:
            continue
        most = None if limit is None else limit.max_running
        rate = None if limit is None or limit.rate is None else str(limit.rate)
        if (row.max_running, row.rate) != (most, rate):
            changed = limits.update().where(limits.c.owner == row.owner)
            connection.execute(changed.values(max_running=most, rate=rate, opens_at=None))


def _bucket(row: Any) -> Bucket:
    rate = None if row.rate is None else Rate.parse(row.rate)
    return Bucket(row.limit_key, row.max_running, rate, row.taken)


def _opens(connection: sa.Connection, bucket: Bucket, ahead: int, now: datetime) -> datetime:
    """When the rate lets the one begin that has so many before it, each of whom begins as soon as it may."""
    if bucket.rate is None:
        return now
    rounds, place = divmod(ahead, bucket.rate.count)
    number = bucket.taken - bucket.rate.count + place
    began = connection.execute(_BEGAN, {"key": bucket.key, "nth": number}).scalar_one_or_none()
    first = now if began is None else max(min(began, now) + bucket.rate.span, now)
    return first + bucket.rate.span * rounds


def _take_place(connection: sa.Connection, key: str, run_id: str) -> None:
    rows = connection.execute(_HOLDERS, {"key": key}).all()
    gone = [row.run_id for row in rows if row.state != State.RUNNING and row.run_id != run_id]
    if gone:
        connection.execute(holds.delete().where(holds.c.limit_key == key, holds.c.run_id.in_(gone)))
    if run_id not in {row.run_id for row in rows}:
        connection.execute(holds.insert(), {"limit_key": key, "run_id": run_id})


def _busy(connection: sa.Connection, keys: Sequence[str]) -> dict[str, int]:
    if not keys:
        return {}
    at_work = holds.join(runs, (runs.c.id == holds.c.run_id) & (runs.c.state == State.RUNNING))
    query = sa.select(holds.c.limit_key, sa.func.count()).select_from(at_work).where(holds.c.limit_key.in_(keys))
    return {row[0]: row[1] for row in connection.execute(query.group_by(holds.c.limit_key))}


def _begun(connection: sa.Connection, buckets: Sequence[Bucket], now: datetime) -> dict[str, int]:
    """How many have begun of each within its span."""
    found: dict[str, int] = {}
    for span in {one.rate.span for one in buckets if one.rate is not None}:
        keys = [one.key for one in buckets if one.rate is not None and one.rate.span == span]
        counted = beginnings.c.limit_key.in_(keys) & (beginnings.c.at > now - span)
        query = sa.select(beginnings.c.limit_key, sa.func.count()).where(counted).group_by(beginnings.c.limit_key)
        found |= {row[0]: row[1] for row in connection.execute(query)}
    return found
