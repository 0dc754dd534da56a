"""After the clock was set back: what was decided for a time that is yet to come.

Owns: taking back what was missed by the clock that was ahead, and the cursors of schedules that would stand still until the clock has caught up.
Never: takes back what ran or was skipped; opens a transaction: it works within the caller's.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

import sqlalchemy as sa

from automation.ledger.standing import Key
from automation.ledger.states import State
from automation.ledger.tables import occurrences, runs, schedules

_AT_ONCE = 500
_TICK = timedelta(microseconds=1)


def set_back(
    connection: sa.Connection, from_end: Collection[Key], now: datetime, active_since: datetime
) -> dict[Key, datetime]:
    """Put the cursors back that lie ahead, where something is to be decided anew; returns them as they are then.

    Parameters
    ----------
    from_end: schedules that count from the end of a run, and have no instants that could come twice.
    active_since: when the active configuration began to be. A clock that shows an earlier time is wrong: all that was
        decided since would come again as late when it is right.
    """
    columns = (schedules.c.job, schedules.c.schedule)
    ahead = connection.execute(sa.select(*columns).where(schedules.c.active, schedules.c.cursor > now)).all()
    moved = {}
    for job, schedule in ahead:
        key = (job, schedule)
        cursor = now if key in from_end else _take_back(connection, key, now) if active_since <= now else None
        if cursor is not None:
            mine = (schedules.c.job == job) & (schedules.c.schedule == schedule)
            connection.execute(schedules.update().where(mine).values(cursor=cursor))
            moved[key] = cursor
    return moved


def _take_back(connection: sa.Connection, key: Key, now: datetime) -> datetime | None:
    """Forget the fires that were missed by a clock that was ahead; returns from where they are decided again, if any.

    Those that ran stay recorded, and are not done a second time.
    """
    mine = (occurrences.c.job == key[0]) & (occurrences.c.schedule == key[1]) & (occurrences.c.decided_at > now)
    never_ran = (runs.c.state == State.MISSED) & (runs.c.attempt == 0)
    columns = (runs.c.id, occurrences.c.nominal_time)
    query = sa.select(*columns).select_from(occurrences.join(runs, runs.c.id == occurrences.c.run_id))
    found = connection.execute(query.where(mine, never_ran)).all()
    for start in range(0, len(found), _AT_ONCE):
        some = [row.id for row in found[start : start + _AT_ONCE]]
        connection.execute(occurrences.delete().where(mine, occurrences.c.run_id.in_(some)))
        connection.execute(runs.delete().where(runs.c.id.in_(some), never_ran))
    return min((now, *(row.nominal_time - _TICK for row in found))) if found else None
