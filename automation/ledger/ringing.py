"""The note that a run's message is out.

Owns: writing it, for as many runs as were rung at once.
Never: rings.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from automation.commits import light
from automation.ledger.quick import brief
from automation.ledger.rows import Waiting
from automation.ledger.states import CLAIMABLE
from automation.ledger.tables import runs

#: For more than so many a statement with a list takes less time than one for each.
_FEW = 3
_NOW = sa.bindparam("now", type_=runs.c.published_at.type)
_RANG, _ATTEMPT = (sa.bindparam(name, type_=sa.Integer) for name in ("rang", "known"))
# Built once: a program that asks for runs one by one has this written for each.
_MARK = (
    runs.update()
    .where(
        runs.c.id == sa.bindparam("run", type_=runs.c.id.type),
        runs.c.attempt == _ATTEMPT,
        runs.c.rings == _RANG,
        sa.or_(*(runs.c.state == state for state in CLAIMABLE)),
    )
    .values(published_at=_NOW, rings=_RANG + 1)
)


def mark(engine: sa.Engine, waiting: Sequence[Waiting], now: datetime) -> None:
    """These runs' messages went out now; one whose message reached a worker in the meantime stays as it is."""
    if len(waiting) <= _FEW:
        with brief(engine) as connection:
            for run in waiting:
                connection.execute(_MARK, {"run": run.id, "known": run.attempt, "rang": run.rings, "now": now})
        return
    with light(engine) as connection:
        for attempt, rings in sorted({(run.attempt, run.rings) for run in waiting}):
            ids = [run.id for run in waiting if (run.attempt, run.rings) == (attempt, rings)]
            untouched = runs.c.id.in_(ids) & (runs.c.attempt == attempt) & (runs.c.rings == rings)
            marked = runs.update().where(untouched, runs.c.state.in_(CLAIMABLE))
            connection.execute(marked.values(published_at=now, rings=rings + 1))
