"""A job as it is told: what, when next, which state.

Owns: that object.
Never: asks the ledger; it is given what the ledger knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from automation.acts.pauses import described
from automation.dispatch.outlook import Outlook
from automation.dispatch.pausing import concerning
from automation.ledger.breakers import BreakerRow
from automation.ledger.rows import PauseRow
from automation.project.fires import Fire
from automation.project.model import Job
from automation.project.order import breaker_for


def job_row(job: Job, coming: Fire | None, known: Outlook | None) -> dict[str, Any]:
    """The job with its next fire, what is paused of it, and its breaker."""
    row = _with_pause(_declared(job, coming), job, known.pauses if known else ())
    return _with_breaker(row, job, known.breakers if known else ())


def _declared(job: Job, coming: Fire | None) -> dict[str, Any]:
    schedule = "; ".join(schedule.trigger.describe() for schedule in job.schedules)
    return {
        "job": job.name,
        "plugin": job.plugin,
        "schedule": schedule or job.after.words or "by hand",
        "next_time": coming.nominal_time if coming else None,
        "local_time": zoned(coming.nominal_time, coming.schedule.timezone) if coming else None,
        "queue": job.queue,
        "priority": job.priority,
        "tags": list(job.tags),
        "after": list(job.after.after),
        "after_failure": list(job.after.after_failure),
        "after_any": list(job.after.after_any),
        "for_each": job.after.for_each,
        "state": "problem" if job.problem else "enabled" if job.enabled else "disabled",
        "reason": job.problem,
        "description": job.description,
        "path": job.path,
        "line": job.line,
    }


def _with_pause(row: dict[str, Any], job: Job, found: Sequence[PauseRow]) -> dict[str, Any]:
    """The row of a job with the pauses that hold for any of its schedules; `paused` when none of them fires."""
    if not (found and job.active):
        return row
    each = [concerning(job, schedule.id, found) for schedule in job.schedules] or [concerning(job, "", found)]
    told = dict.fromkeys(described(one) for some in each for one in some)
    return {**row, "state": "paused" if all(each) else row["state"], "reason": "; ".join(told) or None}


def _with_breaker(row: dict[str, Any], job: Job, found: Sequence[BreakerRow]) -> dict[str, Any]:
    """The row of a job with how the breaker of its runs stands; None where it has none."""
    breaker = breaker_for(job, job.params)
    if breaker is None:
        return {**row, "breaker": None, "breaker_tries_at": None}
    mine = next((one for one in found if one.key == breaker.key), None)
    position = None if mine is None else mine.position
    tries_at = position.tries_at if position else None
    return {**row, "breaker": str(position.circuit) if position else "closed", "breaker_tries_at": tries_at}


def zoned(moment: datetime, timezone: str) -> str:
    """The instant on the clocks of a zone, with their offset."""
    return moment.astimezone(ZoneInfo(timezone)).isoformat()
