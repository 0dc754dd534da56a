"""Pauses: what does not fire, since when, until when, by whom and why.

Owns: those rows. A target has at most one pause that is open; ended ones stay.
Never: decides what becomes of a fire that falls into one.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import sqlalchemy as sa

from automation.clock import Clock
from automation.database import reading
from automation.ledger.places import lock
from automation.ledger.rows import PauseRow
from automation.ledger.tables import pauses
from automation.text import instant

LEVELS = ("all", "tag", "job", "schedule")
#: As the ledger's columns have it.
_LONGEST_NAME, _LONGEST_KEY = 120, 200


class Pauses:
    """What is paused."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine, self._clock = engine, clock

    def pause(self, level: str, target: str, reason: str, author: str, until: datetime | None = None) -> PauseRow:
        """Pause a target from now on and return the pause.

        One that is open already stays in force since it began, and takes this reason, author and `until`.

        Parameters
        ----------
        level: `all`, `tag`, `job` or `schedule`.
        target: the tag, the job, or `job/schedule`; "" for all.
        until: when it ends by itself; not in the past, which the caller looks after.
        """
        now = self._clock.now()
        with self._engine.begin() as connection:
            found = open_pause(connection, level, target, now, alone=True)
            if found is None:
                return write_pause(connection, level, target, now, reason=reason, author=author, until=until)
            values = {"reason": reason, "author": author[:_LONGEST_NAME], "until": until}
            connection.execute(pauses.update().where(pauses.c.id == found.id).values(**values))
            return _read(connection, found.id)

    def end(self, level: str, target: str, author: str) -> list[PauseRow]:
        """End what is open of this target, and of no other; returns what was ended."""
        now = self._clock.now()
        with self._engine.begin() as connection:
            chosen = pauses.c.id.in_([row.id for row in _rows(connection, _is(level, target) & _open(now))])
            still_open = chosen & pauses.c.ended_at.is_(None)
            connection.execute(pauses.update().where(still_open).values(ended_at=now, ended_by=author[:_LONGEST_NAME]))
            return _rows(connection, chosen & (pauses.c.ended_at == now))

    def current(self) -> list[PauseRow]:
        """Every pause in force now, oldest first."""
        with reading(self._engine) as connection:
            return _rows(connection, _open(self._clock.now()))

    def since(self, moment: datetime) -> list[PauseRow]:
        """Every pause that covers this instant or a later one, oldest first."""
        lasting = pauses.c.ended_at.is_(None) | (pauses.c.ended_at > moment)
        with reading(self._engine) as connection:
            return _rows(connection, lasting & (pauses.c.until.is_(None) | (pauses.c.until > moment)))


def open_pause(
    connection: sa.Connection, level: str, target: str, now: datetime, *, alone: bool = False
) -> PauseRow | None:
    """The target's pause that is in force now.

    Parameters
    ----------
    alone: nobody else who asks so gets an answer before this transaction ends.
    """
    if alone:
        lock(connection, f"pause {level} {target}"[:_LONGEST_KEY])
    return next(iter(_rows(connection, _is(level, target) & _open(now))), None)


def write_pause(
    connection: sa.Connection,
    level: str,
    target: str,
    now: datetime,
    *,
    reason: str,
    author: str,
    until: datetime | None = None,
) -> PauseRow:
    """Add a pause within the caller's transaction."""
    values = {"level": level, "target": target, "reason": reason, "since": now, "until": until}
    values["author"] = author[:_LONGEST_NAME]
    key = connection.execute(pauses.insert().values(**values)).inserted_primary_key
    assert key is not None, "the id is counted by the database"
    return _read(connection, key[0])


def holding(connection: sa.Connection, job: str, tags: Iterable[str], now: datetime) -> str | None:
    """Why this job does not begin now, when it, one of its tags or everything is paused."""
    mine = [_is("all", ""), _is("job", job), *(_is("tag", tag) for tag in tags)]
    found = _rows(connection, sa.or_(*mine) & _open(now))
    return reason_of(found[0]) if found else None


def reason_of(pause: PauseRow) -> str:
    """The reason of a run that a pause keeps from running."""
    what = "everything was" if pause.level == "all" else f"{pause.level} '{pause.target}' was"
    since = instant(pause.since.replace(microsecond=0))
    return f"paused: {what} paused by {pause.author} since {since}: {pause.reason}"


def last_end(connection: sa.Connection, level: str, target: str) -> datetime | None:
    """When the target's last pause ended, or will; None where it never was paused, or nobody knows when."""
    ends = [row.ended_at or row.until for row in _rows(connection, _is(level, target))]
    return max((end for end in ends if end is not None), default=None)


def outlived(connection: sa.Connection, before: datetime, limit: int = 500) -> list[int]:
    """Ids of pauses that ended before this moment, so many at most; the one of a target that ended last is not among them."""
    end = sa.func.coalesce(pauses.c.ended_at, pauses.c.until)
    later = pauses.alias()
    newer = sa.exists().where(
        later.c.level == pauses.c.level,
        later.c.target == pauses.c.target,
        sa.func.coalesce(later.c.ended_at, later.c.until) > end,
    )
    return list(connection.scalars(sa.select(pauses.c.id).where(end < before, newer).limit(limit)))


def rename(connection: sa.Connection, level: str, old: str, new: str) -> None:
    """What is and was paused under the old name is so under the new one."""
    connection.execute(pauses.update().where(_is(level, old)).values(target=new))


def _is(level: str, target: str) -> sa.ColumnElement[bool]:
    return sa.and_(pauses.c.level == level, pauses.c.target == target)


def _open(now: datetime) -> sa.ColumnElement[bool]:
    return sa.and_(pauses.c.ended_at.is_(None), sa.or_(pauses.c.until.is_(None), pauses.c.until > now))


def _read(connection: sa.Connection, pause_id: int) -> PauseRow:
    return _rows(connection, pauses.c.id == pause_id)[0]


def _rows(connection: sa.Connection, condition: sa.ColumnElement[bool]) -> list[PauseRow]:
    query = sa.select(pauses).where(condition).order_by(pauses.c.since, pauses.c.id)
    return [PauseRow.of(row) for row in connection.execute(query).mappings()]
