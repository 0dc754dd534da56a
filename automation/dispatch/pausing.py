"""Whether a pause keeps something from firing.

Owns: which pauses concern a schedule, and the sentence that names one.
Never: begins or ends a pause.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from automation.ledger.pauses import reason_of
from automation.ledger.rows import PauseRow
from automation.project.model import Job


def targets_of(job: Job, *schedule_ids: str) -> set[tuple[str, str]]:
    """Level and target of each pause that may concern these schedules of the job."""
    targets = {("all", ""), ("job", job.name)} | {("tag", tag) for tag in job.tags}
    return targets | {("schedule", f"{job.name}/{schedule_id}") for schedule_id in schedule_ids}


def concerning(job: Job, schedule_id: str, pauses: Iterable[PauseRow]) -> list[PauseRow]:
    """The pauses of this schedule, its job, one of the job's tags, or everything."""
    pauses = tuple(pauses)
    if not pauses:
        return []
    targets = targets_of(job, schedule_id)
    return [pause for pause in pauses if (pause.level, pause.target) in targets]


def paused(pauses: Iterable[PauseRow], *moments: datetime) -> str | None:
    """Why something does not fire at one of these moments, when one of these pauses holds then."""
    for pause in pauses:
        if any(pause.covers(moment) for moment in moments):
            return reason_of(pause)
    return None
