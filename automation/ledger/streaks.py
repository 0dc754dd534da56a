"""Failures in a row: when a job has failed as often as it may, it is paused.

Owns: what counts as a row of failures, and the pause that ends it.
Never: opens a transaction; it works within the one that ends the run.
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from automation.ledger.pauses import last_end, open_pause, write_pause
from automation.ledger.rows import PauseRow
from automation.ledger.states import Kind, State
from automation.ledger.tables import runs
from automation.text import count

AUTHOR = "automation"
TELLING_KINDS = (Kind.SCHEDULED, Kind.CATCHUP, Kind.FLOW, Kind.PING)
#: A run that skipped itself has looked, and found nothing wrong; one that was cancelled or never began says nothing.
TELLING = (State.SUCCEEDED, State.SKIPPED, State.DEAD)


def pause_if_failing(connection: sa.Connection, run_id: str, now: datetime) -> PauseRow | None:
    """Pause the job of this run, which has just died, if it died as often in a row as the run's spec allows.

    What died before the job was last resumed does not count. A job that is paused already stays as it is.
    """
    run = connection.execute(sa.select(runs.c.job, runs.c.kind, runs.c.reason, runs.c.spec).where(runs.c.id == run_id))
    job, kind, reason, spec = run.one()
    allowed = int(spec.get("pause_after_failures") or 0)
    if not allowed or kind not in TELLING_KINDS or not _all_died(connection, job, allowed):
        return None
    if open_pause(connection, "job", job, now, alone=True) is not None:
        return None
    why = f"{count(allowed, 'run')} in a row failed, the newest with: {reason}"
    return write_pause(connection, "job", job, now, reason=why, author=AUTHOR)


def _all_died(connection: sa.Connection, job: str, allowed: int) -> bool:
    telling = (runs.c.job == job) & (runs.c.attempt > 0) & runs.c.kind.in_(TELLING_KINDS) & runs.c.state.in_(TELLING)
    resumed = last_end(connection, "job", job)
    if resumed is not None:
        telling &= runs.c.finished_at > resumed
    newest = sa.select(runs.c.state).where(telling).order_by(runs.c.queued_at.desc(), runs.c.nominal_time.desc())
    states = connection.scalars(newest.limit(allowed)).all()
    return len(states) == allowed and all(state == State.DEAD for state in states)
