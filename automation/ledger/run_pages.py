"""Runs page by page, for those who read all of them.

Owns: the order of pages, and where the next one begins.
Never: counts; a page says only whether there are more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from automation.database import reading
from automation.ledger.rows import RunRow
from automation.ledger.tables import runs


@dataclass(frozen=True)
class Sought:
    """Which runs; what is None does not matter."""

    job: str | None = None
    state: str | None = None
    since: datetime | None = None
    batch: str | None = None
    flow: str | None = None
    kind: str | None = None

    @property
    def by_due(self) -> bool:
        """Whether they come by when they fell due: of one state all jobs' runs are found so by an index."""
        return self.state is not None and not (self.job or self.batch or self.flow)


def run_page(
    engine: sa.Engine, sought: Sought, limit: int, below: tuple[datetime, str] | None = None
) -> tuple[list[RunRow], tuple[datetime, str] | None]:
    """Some runs, newest first, and what the next page begins below; None where there is none.

    Newest is by when they were asked for; by when they fell due where a state alone is sought.
    """
    moment = runs.c.due_at if sought.by_due else runs.c.queued_at
    query = sa.select(runs)
    for name in ("job", "state", "batch", "flow", "kind"):
        if (wanted := getattr(sought, name)) is not None:
            query = query.where(runs.c[name] == wanted)
    if sought.since:
        query = query.where(runs.c.queued_at >= sought.since)
    if below:
        at, run_id = below
        # Said so that every database finds the place in its index.
        query = query.where(moment <= at, ~((moment == at) & (runs.c.id >= run_id)))
    with reading(engine) as connection:
        found = connection.execute(query.order_by(moment.desc(), runs.c.id.desc()).limit(limit + 1)).mappings().all()
    rows = [RunRow.of(row) for row in found[:limit]]
    return rows, _end(rows, by_due=sought.by_due) if len(found) > limit else None


def _end(rows: Sequence[RunRow], *, by_due: bool) -> tuple[datetime, str]:
    return (rows[-1].due_at if by_due else rows[-1].queued_at), rows[-1].id
