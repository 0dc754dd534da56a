"""Runs for fires of the past that have none: which they are, and recording them.

Owns: what is asked of a backfill, and the object in which a fire is told.
Never: decides which fires run; `dispatch.backfill` does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import product
from typing import Any
from zoneinfo import ZoneInfo

from automation.dispatch.backfill import PastFire, bound, past_fires, runs_of, schedules_of, select
from automation.errors import InvalidInput, Refused
from automation.ledger.ids import new_id
from automation.ledger.rows import NewRun, RunRow
from automation.project.model import Job
from automation.queue.admission import admit_batch
from automation.services import Services


@dataclass(frozen=True)
class Wish:
    """What is asked of a backfill, as `automation backfill` has it."""

    job: str
    since: str
    until: str
    schedule: str | None
    select: str
    order: str
    max_parallel: int
    limit: int
    notify: bool
    ignore_calendars: bool
    force: bool
    only: bool


def past_fires_of(services: Services, wish: Wish) -> list[PastFire]:
    """The fires of the span, oldest first; one that is left alone says why in `settled`. Raises InvalidInput, Refused."""
    job = services.job(wish.job)
    schedules = schedules_of(job, wish.schedule)
    behind = () if wish.only or job.lineage is None else job.lineage.behind(job.name)
    for name in (job.name, *behind):
        _refuse_present(services, services.job(name), wish)
    now = services.clock.now()
    found: list[PastFire] = []
    recorded: dict[str, list[RunRow]] = {}
    forgotten: dict[str, datetime] = {}
    for one in schedules:
        start, end = bound(wish.since, one.timezone), bound(wish.until, one.timezone)
        found += past_fires(job, one, start, end, now, ignore_calendars=wish.ignore_calendars)
        names = list(product({job.name, job.replaces or job.name}, {one.id, one.replaces or one.id}))
        moments = services.ledger.occurrences.forgotten(names).values()
        forgotten |= {one.id: max(moments)} if moments else {}
        recorded[one.id] = [run for key in names for run in services.ledger.queries.of_schedule(*key, start, end)]
    cursors = services.ledger.occurrences.cursors([(job.name, one.id) for one in schedules])
    by_schedule = {schedule: cursor for (_, schedule), cursor in cursors.items()}
    return select(found, recorded, by_schedule, wish.select, forgotten=forgotten, unite=job.unite)


def _refuse_present(services: Services, job: Job, wish: Wish) -> None:
    plugin = services.registry.plugins[job.plugin]
    if not (plugin.backfillable or wish.force):
        raise Refused(
            f"Plugin '{plugin.name}' works on what is there now, whatever time a run stands for, so job '{job.name}' is not "
            f"backfilled; run it once with `automation run {job.name}`, or insist with --force"
            + ("" if job.name == wish.job else ", or leave out what follows with --only")
        )


def record_batch(services: Services, wish: Wish, fires: Sequence[PastFire]) -> list[NewRun]:
    """Record a run for each fire that is to have one. Raises InvalidInput when they are more than the limit."""
    chosen = [fire for fire in fires if fire.runs]
    if len(chosen) > wish.limit:
        raise InvalidInput(
            f"{len(chosen):,} runs would be recorded, more than --limit {wish.limit}; fill a shorter span, or raise it: "
            f"--limit {len(chosen)}"
        )
    job = services.job(wish.job)
    new = runs_of(
        job,
        chosen,
        services.clock.now(),
        batch=new_id(),
        max_parallel=wish.max_parallel,
        mute=not wish.notify,
        newest_first=wish.order == "newest",
        only=wish.only,
    )
    if new:
        admit_batch(services, new, wish.max_parallel)
    return new


def fire_row(job: str, fire: PastFire, run: NewRun | None) -> dict[str, Any]:
    """A fire of the past, with the run that it has now."""
    return {
        "job": job,
        "schedule": fire.schedule.id,
        "nominal_time": fire.nominal_time,
        "window_start": fire.window_start,
        "local_time": fire.nominal_time.astimezone(ZoneInfo(fire.schedule.timezone)).isoformat(),
        "batch": run.batch if run else None,
        "run": run.id if run else None,
        "excluded": fire.kept_out,
    }
