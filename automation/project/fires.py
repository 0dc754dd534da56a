"""The coming fires of a schedule, each with when it is to start and what is unusual about it.

Owns: walking forward from a moment, and one fire back; the marks of a fire.
Never: reads the ledger or the clock; what they know is given.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from automation.project.model import Job, Schedule
from automation.project.order import previous_fire
from automation.triggers.planning import Planned, Planning

_TICK = timedelta(microseconds=1)
#: So many fires back are looked at for one that was moved behind the moment.
_FARTHEST_BACK = 100
#: So many fires that do not run are told as one.
_MOST_TOGETHER = 1000


@dataclass(frozen=True)
class Fire:
    """One nominal time of a schedule, and what is known of it beforehand.

    Parameters
    ----------
    marks: what is unusual: `gap:shifted`, `jitter`, `deferred`, `merged`, `blackout:NAME`, `estimated` …
    """

    job: Job
    schedule: Schedule
    nominal_time: datetime
    planned: Planned
    marks: tuple[str, ...] = ()

    @property
    def runs(self) -> bool:
        """Whether it is to become a run, as far as its rule and calendars say."""
        return self.planned.blackout is None and "merged" not in self.marks


@dataclass(frozen=True)
class Stretch:
    """A fire, or consecutive fires of one schedule that do not run for one reason.

    Parameters
    ----------
    fires: how many, from `first` to `last`.
    """

    first: Fire
    last: Fire
    fires: int = 1


def stretches(found: Iterable[Fire]) -> Iterator[Stretch]:
    """Fires of one schedule in their order, those taken together that do not run for one reason."""
    held: Stretch | None = None
    for fire in found:
        if held is None:
            held = Stretch(fire, fire)
        elif fire.runs or fire.marks != held.first.marks or held.fires == _MOST_TOGETHER:
            yield held
            held = Stretch(fire, fire)
        else:
            held = Stretch(held.first, fire, held.fires + 1)
        if held.first.runs:
            yield held
            held = None
    if held is not None:
        yield held


def coming(
    job: Job, schedule: Schedule, start: datetime, *, ended: datetime | None = None, left: int | None = None
) -> Iterator[Fire]:
    """The fires that are planned for `start` or later, soonest first.

    Parameters
    ----------
    ended: when the job's last run ended, for a rule that counts from there; None is `start`.
    left: how many runs it still has under `max_fires`; None is no end.
    """
    if schedule.trigger.from_end:
        found = schedule.trigger.next_after(ended or start)
        if found is not None and left != 0:
            yield fire_at(job, schedule, found)
        return
    nominal = _first(job, schedule, start)
    while nominal is not None and left != 0:
        fire = fire_at(job, schedule, nominal)
        yield fire
        left = left - 1 if left is not None and fire.runs else left
        nominal = schedule.trigger.next_after(nominal)


def fire_at(job: Job, schedule: Schedule, nominal: datetime) -> Fire:
    """The fire of this nominal time."""
    planned = schedule.planned(nominal)
    return Fire(
        job, schedule, nominal, planned, (*schedule.trigger.marks(nominal), *_marks(schedule, nominal, planned))
    )


def fire_before(job: Job, schedule: Schedule, moment: datetime) -> datetime | None:
    """The last nominal time of the schedule at or before `moment`; None where there is none within 400 days."""
    return None if schedule.trigger.from_end else previous_fire(replace(job, schedules=(schedule,)), moment)


def fire_from(schedule: Schedule, moment: datetime) -> datetime | None:
    """The first nominal time of the schedule at or after `moment`."""
    return schedule.trigger.next_after(moment - _TICK)


def moved(schedule: Schedule) -> bool:
    """Whether jitter or calendars may move its fires, or keep them from running."""
    return replace(schedule.planning, seed="", jitter_mode="random") != Planning()


def _marks(schedule: Schedule, nominal: datetime, planned: Planned) -> Iterator[str]:
    if schedule.trigger.from_end:
        yield "estimated"
    yield from planned.marks(nominal)
    following = schedule.trigger.next_after(nominal) if planned.deferred and not schedule.trigger.from_end else None
    if following is not None and schedule.planned(following).time == planned.time:
        yield "merged"


def _first(job: Job, schedule: Schedule, start: datetime) -> datetime | None:
    """The earliest nominal time that is planned for `start` or later: planned times grow with nominal ones."""
    if schedule.planning.on_blackout == "defer":
        return _first_deferred(job, schedule, start)
    found = fire_from(schedule, start - schedule.planning.jitter)
    while found is not None and found < start and schedule.planned(found).time < start:
        found = schedule.trigger.next_after(found)
    return found


def _first_deferred(job: Job, schedule: Schedule, start: datetime) -> datetime | None:
    """The same by walking back: a blackout may be as long as it likes."""
    found, moment = fire_from(schedule, start), start - _TICK
    for _ in range(_FARTHEST_BACK):
        earlier = fire_before(job, schedule, moment)
        if earlier is None or schedule.planned(earlier).time < start:
            break
        found, moment = earlier, earlier - _TICK
    return found
