"""Which fires of a span in the past run again: a pure function of the rule, the records and the moment.

Owns: the enumeration of nominal times, why one of them is left out, and the runs that come of the others.
Never: reads the clock, a row or Redis; records.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from automation.dispatch.due import Fire, fires
from automation.dispatch.windows import window_starts
from automation.errors import InvalidInput, Refused
from automation.ledger.rows import NewRun, RunRow
from automation.ledger.states import OPEN, Kind, State
from automation.project.frozen import with_flow
from automation.project.model import Job, Schedule
from automation.project.order import run_of
from automation.text import instant, printable

SELECTIONS = ("missing", "failed", "all")
ORDERS = ("oldest", "newest")
#: More nominal times than this are not looked at one by one.
MOST = 100_000
_TICK = timedelta(microseconds=1)
_FORGOTTEN = "its record is no longer kept, and it may have been done; --select all runs it"


@dataclass(frozen=True)
class PastFire:
    """One nominal time of a span.

    Parameters
    ----------
    window_start: the nominal time before it.
    kept_out: a calendar keeps it from running; the reason in words.
    settled: it needs no run; the reason in words.
    """

    schedule: Schedule
    nominal_time: datetime
    window_start: datetime
    kept_out: str | None = None
    settled: str | None = None

    @property
    def runs(self) -> bool:
        """Whether a run comes of it."""
        return self.kept_out is None and self.settled is None


def bound(text: str, timezone: str) -> datetime:
    """The instant of `--from` and `--to`: ISO 8601; a date, and a time without an offset, are in this zone.

    Raises InvalidInput for anything else.
    """
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=ZoneInfo(timezone)) if moment.tzinfo is None else moment
        return moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidInput(
            f"'{printable(text, 60)}' is no moment; write 2026-03-29, 2026-03-29T07:00 or 2026-03-29T07:00:00Z"
        ) from error


def schedules_of(job: Job, schedule: str | None) -> list[Schedule]:
    """The schedules that are filled: this one, or all of the job.

    Raises Refused for a job that does not run or whose times nobody can name beforehand, InvalidInput for one that has
    no such schedule.
    """
    if job.problem:
        raise Refused(f"Job '{job.name}' has a problem and does not run: {job.problem}")
    if job.after.jobs:
        first = job.lineage.first_of(job.name)[0] if job.lineage else job.after.jobs[0]
        raise InvalidInput(
            f"Job '{job.name}' has no times of its own: it runs {job.after.words}; fill the job that its flow begins with: "
            f"automation backfill {first}"
        )
    if not job.schedules:
        raise InvalidInput(f"Job '{job.name}' has no schedule to fill; start it with: automation run {job.name}")
    chosen = [one for one in job.schedules if schedule in (None, one.id)]
    if not chosen:
        known = ", ".join(one.id for one in job.schedules)
        raise InvalidInput(f"Job '{job.name}' has no schedule '{printable(schedule or '', 60)}'; write one of: {known}")
    counted = [one.id for one in chosen if one.trigger.from_end]
    if counted:
        raise Refused(
            f"Schedule '{counted[0]}' of job '{job.name}' counts from the end of the run before (fixed_delay), so it has "
            f"no times of its own to fill; start a run with: automation run {job.name}"
        )
    return chosen


def past_fires(
    job: Job, schedule: Schedule, start: datetime, end: datetime, now: datetime, *, ignore_calendars: bool = False
) -> list[PastFire]:
    """The fires of a schedule in [start, end), oldest first, up to those whose planned time is still to come.

    Raises InvalidInput for a span that ends before it begins, or holds more than `MOST`.
    """
    if end <= start:
        raise InvalidInput(f"--to ({end:%Y-%m-%d %H:%M}Z) is not after --from ({start:%Y-%m-%d %H:%M}Z); swap them")
    found = list(islice(fires(schedule, start - _TICK, end - _TICK, now), MOST + 1))
    if len(found) > MOST:
        raise InvalidInput(
            f"Schedule '{schedule.id}' of job '{job.name}' fires more than {MOST:,} times between --from and --to; "
            "fill a shorter span"
        )
    if not found:
        return []
    starts = window_starts(job, schedule, start - _TICK, [fire.nominal for fire in found])
    return [
        PastFire(
            schedule, fire.nominal, begins or fire.nominal, None if ignore_calendars else _kept_out(schedule, fire)
        )
        for fire, begins in zip(found, starts, strict=True)
    ]


def select(
    found: Iterable[PastFire],
    recorded: Mapping[str, Iterable[RunRow]],
    cursors: Mapping[str, datetime],
    wanted: str,
    *,
    forgotten: Mapping[str, datetime] | None = None,
    unite: bool = False,
) -> list[PastFire]:
    """The same fires, oldest first, each with why it needs no run.

    Parameters
    ----------
    recorded: the runs that stand for any of them, by schedule.
    cursors: up to when the scheduler has decided each active schedule; what follows is the scheduler's.
    wanted: `missing` has no success, `failed` ended without one, `all` is every one; none that has an open run.
    forgotten: up to when what was done of a schedule may be no longer recorded.
    unite: fires of several schedules at one instant are one run, of the schedule that is declared first.
    """
    gone = dict(forgotten or {})
    if unite and gone:
        gone = dict.fromkeys(cursors.keys() | gone.keys(), max(gone.values()))
    runs: dict[tuple[str, datetime], list[RunRow]] = {}
    for schedule, run in ((schedule, run) for schedule, some in recorded.items() for run in some):
        runs.setdefault(("" if unite else schedule, run.nominal_time), []).append(run)
    seen: set[tuple[str, datetime]] = set()
    selected: list[PastFire] = []
    for fire in sorted(found, key=lambda one: one.nominal_time):
        key = ("" if unite else fire.schedule.id, fire.nominal_time)
        if key in seen:
            continue
        seen.add(key)
        cursor = cursors.get(fire.schedule.id)
        undecided = cursor is not None and fire.nominal_time > cursor
        settled = "the scheduler has yet to decide it" if undecided else _settled(runs.get(key, ()), wanted)
        until = gone.get(fire.schedule.id)
        if settled is None and wanted == "missing" and key not in runs and until is not None:
            settled = _FORGOTTEN if fire.nominal_time <= until else None
        selected.append(replace(fire, settled=settled))
    return selected


def runs_of(
    job: Job,
    chosen: Sequence[PastFire],
    now: datetime,
    *,
    batch: str,
    max_parallel: int,
    mute: bool,
    newest_first: bool,
    only: bool = False,
) -> list[NewRun]:
    """The runs of these fires, in the order in which they start.

    Parameters
    ----------
    chosen: oldest first.
    max_parallel: so many of the batch at once.
    mute: their mails are not sent.
    only: the jobs that follow this one do not run.
    """
    ordered = reversed(chosen) if newest_first else chosen
    found = [
        run_of(
            job,
            kind=Kind.BACKFILL,
            nominal_time=fire.nominal_time,
            now=now,
            window_start=fire.window_start,
            schedule=fire.schedule.id,
            due_at=now + number * _TICK,
            overlap_key=f"backfill/{batch}",
            max_running=max_parallel,
            batch=batch,
            mute=mute,
            priority=0,
        )
        for number, fire in enumerate(ordered)
    ]
    return found if only else [with_flow(run, job) for run in found]


def _kept_out(schedule: Schedule, fire: Fire) -> str | None:
    if fire.planned.blackout or not fire.planned.deferred:
        return fire.planned.blackout
    following = schedule.trigger.next_after(fire.nominal)
    if following is not None and schedule.planned(following).time == fire.planned.time:
        return f"merged: the fire of {instant(following)} is deferred to the same instant, and runs for both"
    return None


def _settled(recorded: Sequence[RunRow], wanted: str) -> str | None:
    waiting = next((run for run in recorded if run.state in OPEN), None)
    if waiting is not None:
        return f"run {waiting.id} is {waiting.state}"
    if wanted == "all":
        return None
    done = next((run for run in recorded if _done(run)), None)
    if done is not None:
        return f"run {done.id} {done.state}"
    failed = any(run.state in (State.DEAD, State.EXPIRED) for run in recorded)
    return None if failed or wanted == "missing" else "no run of it failed"


def _done(run: RunRow) -> bool:
    """Whether it succeeded, or began and found nothing to do; one that was skipped without an attempt did not run."""
    return run.state == State.SUCCEEDED or (run.state == State.SKIPPED and run.attempt > 0)
