"""The span that a run stands for: from the job's nominal time before its own.

Owns: where the window of an occurrence begins.
Never: looks at what ran: a window is the same whether the fire before it ran or not.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from automation.project.model import Job, Schedule
from automation.project.order import previous_fire

_TICK = timedelta(microseconds=1)


def window_starts(
    job: Job, schedule: Schedule, cursor: datetime, nominals: Sequence[datetime]
) -> list[datetime | None]:
    """Where the window of each of these nominal times begins: at the job's nominal time before it, of whichever schedule.

    Parameters
    ----------
    cursor: the schedule's nominal time before the first of them, or a moment between the two.
    nominals: consecutive ones of the schedule, oldest first.
    """
    ruled = [one for one in job.schedules if not one.trigger.from_end]
    if len(ruled) > 1:
        return [previous_fire(job, nominal - _TICK) for nominal in nominals]
    # With one schedule the one before is the start, and the cursor most often is the one before the first.
    known = schedule.trigger.next_after(cursor - _TICK) == cursor
    first = cursor if known else previous_fire(job, nominals[0] - _TICK)
    return [first, *nominals[:-1]]
