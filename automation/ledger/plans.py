"""Plans: what a job would do that nobody has let it do yet, and who let it.

Owns: those rows; each plan of a job has a digest of what it means.
Never: knows what a plan says.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from automation.clock import Clock
from automation.database import UtcDateTime, insert_or_ignore, reading
from automation.ledger.tables import ID, NAME, metadata

_KEPT = 20

#: A plan that is made again replaces the one of the same digest, and keeps its approval.
plans = sa.Table(
    "automation_plans",
    metadata,
    sa.Column("job", NAME, primary_key=True),
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("plan", sa.JSON, nullable=False),
    sa.Column("run_id", ID, nullable=False),
    sa.Column("made_at", UtcDateTime, nullable=False),
    sa.Column("approved_at", UtcDateTime),
    sa.Column("approved_by", NAME),
)


@dataclass(frozen=True)
class PlanRow:
    """A plan of a job; `plan` is what a run would do, as its result says it."""

    job: str
    digest: str
    plan: dict[str, Any]
    run_id: str
    made_at: datetime
    approved_at: datetime | None
    approved_by: str | None


class Plans:
    """What jobs propose."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine, self._clock = engine, clock

    def propose(self, job: str, digest: str, plan: dict[str, Any], run_id: str) -> None:
        """Keep a plan; of those that nobody approved, the newest twenty of a job stay."""
        values = {"plan": plan, "run_id": run_id, "made_at": self._clock.now()}
        mine = (plans.c.job == job) & (plans.c.digest == digest)
        with self._engine.begin() as connection:
            added = insert_or_ignore(plans, connection.dialect.name).values(job=job, digest=digest, **values)
            if not connection.execute(added).rowcount:
                connection.execute(plans.update().where(mine).values(values))
            idle = sa.select(plans.c.digest).where(plans.c.job == job, plans.c.approved_at.is_(None))
            old = connection.scalars(idle.order_by(plans.c.made_at.desc()).offset(_KEPT).limit(1000)).all()
            if old:
                connection.execute(plans.delete().where(plans.c.job == job, plans.c.digest.in_(old)))

    def approved(self, job: str, digest: str) -> bool:
        """Whether somebody approved this plan of the job."""
        query = sa.select(plans.c.approved_at).where(plans.c.job == job, plans.c.digest == digest)
        with reading(self._engine) as connection:
            return connection.execute(query).scalar_one_or_none() is not None

    def approve(self, job: str, digest: str, author: str) -> bool:
        """Let a plan be done from now on; False when there is no such plan."""
        mine = (plans.c.job == job) & (plans.c.digest == digest)
        values = {"approved_at": self._clock.now(), "approved_by": author}
        with self._engine.begin() as connection:
            return connection.execute(plans.update().where(mine).values(values)).rowcount == 1

    def withdraw(self, job: str) -> int:
        """Take back every approval of a job; returns how many there were."""
        mine = (plans.c.job == job) & plans.c.approved_at.is_not(None)
        with self._engine.begin() as connection:
            return connection.execute(plans.update().where(mine).values(approved_at=None, approved_by=None)).rowcount

    def newest(self, job: str | None = None) -> list[PlanRow]:
        """The plans of a job, or of all jobs, the newest first."""
        query = sa.select(plans).order_by(plans.c.made_at.desc(), plans.c.job)
        with reading(self._engine) as connection:
            rows = connection.execute(query if job is None else query.where(plans.c.job == job))
            return [PlanRow(**row._mapping) for row in rows]
