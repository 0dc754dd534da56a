"""The coming fires of some jobs, in their order, and how one is told.

Owns: that order and that object.
Never: needs a ledger; without one it says what the files say.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from automation.dispatch.outlook import Outlook
from automation.project.fires import Fire, Stretch, stretches
from automation.project.model import Job, Schedule


def first_fires(
    jobs: Iterable[Job], known: Outlook, span: tuple[datetime, datetime, datetime | None], most: int, *, together: bool
) -> list[Stretch]:
    """The first fires of all these jobs in the order of their planned times.

    Parameters
    ----------
    together: what does not run for one reason is told once.
    """
    each = [_fires(job, schedule, known, *span) for job in jobs for schedule in job.schedules]
    told = [stretches(fires) if together else (Stretch(fire, fire) for fire in fires) for fires in each]
    return list(islice(heapq.merge(*told, key=lambda one: (one.first.planned.time, one.first.job.name)), most))


def _fires(
    job: Job, schedule: Schedule, known: Outlook, now: datetime, start: datetime, end: datetime | None
) -> Iterator[Fire]:
    """The fires of a schedule from `start`, itself included, and before `end`."""
    for fire in known.fires(job, schedule, now, start):
        if end is not None and fire.planned.time >= end:
            return
        yield fire


def fire_row(one: Stretch, known: Outlook) -> dict[str, Any]:
    """A fire, or several that are told as one."""
    fire, zone = one.first, ZoneInfo(one.first.schedule.timezone)
    until = f"{one.last.nominal_time.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"
    more = [f"{one.fires} fires until {until}"] if one.fires > 1 else []
    return {
        "job": fire.job.name,
        "schedule": fire.schedule.id,
        "nominal_time": fire.nominal_time,
        "planned_time": fire.planned.time,
        "local_time": fire.nominal_time.astimezone(zone).isoformat(timespec="seconds"),
        "planned_local_time": fire.planned.time.astimezone(zone).isoformat(timespec="seconds"),
        "marks": [*fire.marks, *(["paused"] if known.holding(fire) else []), *more],
    }
