"""What is due, and what becomes of it: a pure function of the moment and the state that matters.

Owns: the order of the rules, and the runs that come out of them.
Never: reads the clock, a row or Redis.

Each fire whose planned time has come gets one run, in this order: merged with a later one, united with another
schedule's, paused, in a blackout, too late, missed in favour of newer ones, skipped for its unique key or for an open
run; else it is queued.
After `max_fires` runs nothing is recorded any more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice

from automation.dispatch.due import Fire, fires, newest_first
from automation.dispatch.lateness import caught_up, not_caught_up, on_time, too_late
from automation.dispatch.obstacles import Obstacles
from automation.dispatch.overlap import Places
from automation.dispatch.situation import Situation
from automation.dispatch.windows import window_starts
from automation.ledger.ids import occurrence_id
from automation.ledger.occurrences import Decided
from automation.ledger.rows import NewRun
from automation.ledger.states import Kind, State
from automation.ledger.unique_key import REPLACE_WAITING, Holder
from automation.project.frozen import with_flow
from automation.project.model import Job, Schedule
from automation.project.order import run_of

#: Fires of one schedule decided at a time, so that one that was away for long does not hold up the others.
CHUNK = 200
_TICK = timedelta(microseconds=1)


@dataclass(frozen=True)
class Judged:
    """A fire and what became of it.

    Parameters
    ----------
    due_at: when the run may start; None is at once.
    """

    fire: Fire
    state: State = State.QUEUED
    kind: Kind = Kind.SCHEDULED
    reason: str | None = None
    due_at: datetime | None = None


def decide(job: Job, schedule: Schedule, now: datetime, situation: Situation, most: int = CHUNK) -> Decided | None:
    """Decide the fires after the cursor whose planned time has come, so many at most; None when there is none."""
    if schedule.trigger.from_end:
        return _decide_after_end(job, schedule, now, situation)
    ahead = list(islice(fires(schedule, situation.cursor, now, now), most + 1))
    due = ahead[:most]
    if not due:
        return None
    if _is_spent(schedule, situation.fires):
        return Decided(job.name, schedule.id, (), due[-1].nominal)
    judged = _judge(Obstacles(job, schedule, now, situation), ahead, due)
    starts = window_starts(job, schedule, situation.cursor, [one.fire.nominal for one in judged])
    return _decided(job, schedule, now, situation, judged, starts)


def next_look(schedule: Schedule, now: datetime, situation: Situation) -> datetime | None:
    """When a schedule of which nothing is due is worth another look; None is never.

    One that counts from the end of a run: no earlier than its delay from now while the run is still open.
    """
    if not schedule.trigger.from_end:
        base = situation.cursor
    else:
        base = max(now, situation.cursor) if situation.at_work else _base(situation)
    nominal = schedule.trigger.next_after(base)
    return None if nominal is None else schedule.planned(nominal).time


def _decide_after_end(job: Job, schedule: Schedule, now: datetime, situation: Situation) -> Decided | None:
    """The one fire that follows the end of the job's last run; however late it is decided, it runs."""
    nominal = None if situation.at_work else schedule.trigger.next_after(_base(situation))
    if nominal is None or nominal > now:
        return None
    fire = Fire(nominal, schedule.planned(nominal))
    if fire.planned.time > now:
        return None
    if _is_spent(schedule, situation.fires):
        return Decided(job.name, schedule.id, (), nominal)
    obstacles = Obstacles(job, schedule, now, situation)
    reason = obstacles.before(fire, None) or obstacles.now_paused()
    if reason is not None:
        judged = Judged(fire, State.SKIPPED, reason=reason)
    elif on_time(schedule.timing, fire, now):
        judged = Judged(fire)
    else:
        judged = _outside_blackout(schedule, Judged(fire), now)
    return _decided(job, schedule, now, situation, [judged], [situation.cursor])


def _base(situation: Situation) -> datetime:
    """What a delay counts from: the last run's end, or the last fire that did not run, or the activation."""
    return max(situation.cursor, situation.last_end or situation.cursor)


def _is_spent(schedule: Schedule, fires_so_far: int) -> bool:
    return schedule.max_fires is not None and fires_so_far >= schedule.max_fires


def _judge(obstacles: Obstacles, ahead: Sequence[Fire], due: Sequence[Fire]) -> list[Judged]:
    """Each due fire by the rules that look at no other run.

    Parameters
    ----------
    ahead: the due fires, and one more when there are more.
    """
    schedule, now = obstacles.schedule, obstacles.now
    following = [*ahead[1:], None]
    reasons = [obstacles.before(fire, after) for fire, after in zip(due, following, strict=False)]
    timing = schedule.timing
    chosen: frozenset[datetime] = frozenset()
    if any(reason is None and not on_time(timing, fire, now) for fire, reason in zip(due, reasons, strict=True)):
        chosen = caught_up(timing, _runnable(obstacles, ahead, due, reasons), now)
    judged = []
    for fire, reason in zip(due, reasons, strict=True):
        if reason is not None:
            judged.append(Judged(fire, State.SKIPPED, reason=reason))
        elif fire.nominal in chosen:
            judged.append(_catch_up(obstacles, fire))
        elif missed := too_late(timing, fire, now):
            judged.append(Judged(fire, State.MISSED, Kind.CATCHUP, missed))
        elif on_time(timing, fire, now):
            judged.append(Judged(fire))
        else:
            judged.append(Judged(fire, State.MISSED, Kind.CATCHUP, not_caught_up(timing, fire, now)))
    return judged


def _runnable(
    obstacles: Obstacles, ahead: Sequence[Fire], due: Sequence[Fire], reasons: Sequence[str | None]
) -> Iterator[Fire]:
    """Due fires that nothing is in the way of, newest first; also those that are left for the next decision."""
    if len(ahead) == len(due):
        yield from (fire for fire, reason in zip(reversed(due), reversed(reasons), strict=True) if reason is None)
        return
    newer: Fire | None = None
    for fire in newest_first(obstacles.schedule, due[0].nominal - _TICK, obstacles.now):
        if obstacles.before(fire, newer) is None:
            yield fire
        newer = fire


def _catch_up(obstacles: Obstacles, fire: Fire) -> Judged:
    """A late fire that runs after all, unless a pause or a blackout holds just now."""
    reason = obstacles.now_paused()
    if reason is not None:
        return Judged(fire, State.SKIPPED, Kind.CATCHUP, reason)
    return _outside_blackout(obstacles.schedule, Judged(fire, kind=Kind.CATCHUP), obstacles.now)


def _outside_blackout(schedule: Schedule, judged: Judged, now: datetime) -> Judged:
    """A late run is not begun in a blackout: it waits for its end, or is skipped, as `on_blackout` says."""
    blocked = schedule.planning.blocked(now)
    if blocked is None:
        return judged
    allowed = schedule.planning.allowed_from(now) if schedule.planning.on_blackout == "defer" else None
    if allowed is not None:
        return replace(judged, due_at=allowed)
    return replace(judged, state=State.SKIPPED, reason=f"blackout: {blocked}")


def _decided(
    job: Job,
    schedule: Schedule,
    now: datetime,
    situation: Situation,
    judged: Sequence[Judged],
    starts: Sequence[datetime | None],
) -> Decided:
    """The runs of what was judged, as far as places and `max_fires` let them in."""
    places = Places(job, situation.open_runs, keep_caught_up=schedule.timing.catchup == "all")
    runs: list[NewRun] = []
    holder = situation.holder
    left = None if schedule.max_fires is None else schedule.max_fires - situation.fires
    for number, (one, start) in enumerate(zip(judged, starts, strict=True)):
        if (
            left is not None
            and sum(run.state is State.QUEUED and run.id not in places.supersede for run in runs) >= left
        ):
            break
        if one.fire.nominal in situation.recorded:
            continue
        run_id = occurrence_id(job.name, schedule.id, one.fire.nominal)
        entered = one
        if one.state is State.QUEUED:
            reason = _held(job, holder) or places.enter(run_id, now, kind=one.kind)
            entered = one if reason is None else replace(one, state=State.SKIPPED, reason=reason)
            holder = Holder(run_id, State.QUEUED, begun=False) if reason is None else holder
        # Runs that wait for one place take it in the order of their `due_at`.
        ordered = now - _TICK * (len(judged) - 1 - number)
        runs.append(_run(job, schedule, entered, run_id, start, now, ordered))
    runs = [_superseded(run, places.supersede) for run in runs]
    new = {run.id for run in runs}
    older = [run_id for run_id in places.supersede if run_id not in new]
    return Decided(job.name, schedule.id, runs, judged[-1].fire.nominal, places.cancel, older)


def _held(job: Job, holder: Holder | None) -> str | None:
    """Why a fire does not run beside another run of the same unique key; where that one may make way, it does later."""
    unique = job.unique
    if holder is None or unique.unique_key is None or unique.on_conflict == REPLACE_WAITING:
        return None
    return f"unique: {holder.words}"


def _superseded(run: NewRun, newer: dict[str, str]) -> NewRun:
    """A run that a newer one of the same decision takes the place of is never queued."""
    if run.id not in newer:
        return run
    return replace(run, state=State.SKIPPED, reason=f"superseded: run {newer[run.id]} is newer, and waits in its place")


def _run(
    job: Job, schedule: Schedule, one: Judged, run_id: str, start: datetime | None, now: datetime, ordered: datetime
) -> NewRun:
    overlap, planned = job.overlap, one.fire.planned.time
    deadline = schedule.timing.start_deadline
    # What counts from the end of a run is never late: overdue, it begins to count now.
    begins = now if schedule.trigger.from_end else planned
    run = run_of(
        job,
        kind=one.kind,
        nominal_time=one.fire.nominal,
        now=now,
        window_start=start,
        schedule=schedule.id,
        run_id=run_id,
        state=one.state,
        reason=one.reason,
        planned_time=planned,
        due_at=one.due_at or ordered,
        max_running=None if overlap.mode == "allow" else overlap.max_running,
        skips=overlap.mode == "skip" and one.kind is Kind.SCHEDULED,
        expires_at=None if deadline is None else begins + deadline,
    )
    return with_flow(run, job)
