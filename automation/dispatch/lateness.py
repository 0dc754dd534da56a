"""What becomes of fires that are decided late: on time, caught up, or missed with the reason.

Owns: `misfire_grace`, `start_deadline` and `catchup` with its window and its most.
Never: walks a rule.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from automation.dispatch.due import Fire
from automation.project.model import Timing
from automation.text import format_duration


def on_time(timing: Timing, fire: Fire, now: datetime) -> bool:
    """Whether the fire is decided within its grace."""
    return now - fire.planned.time <= timing.misfire_grace


def too_late(timing: Timing, fire: Fire, now: datetime) -> str | None:
    """Why a fire does not run any more, however it would be caught up."""
    late = now - fire.planned.time
    if timing.start_deadline is not None and late > timing.start_deadline:
        return _missed(fire, now, f"more than the start_deadline of {format_duration(timing.start_deadline)}")
    if on_time(timing, fire, now):
        return None
    if timing.catchup == "skip":
        return _missed(fire, now, 'and catchup is "skip"')
    if late > timing.catchup_window:
        return _missed(fire, now, f"more than the catch-up window of {format_duration(timing.catchup_window)}")
    return None


def caught_up(timing: Timing, runnable: Iterable[Fire], now: datetime) -> frozenset[datetime]:
    """The nominal times of the late fires that run.

    Parameters
    ----------
    runnable: due fires that nothing is in the way of, the newest first.
    """
    chosen: set[datetime] = set()
    for fire in runnable:
        late = not on_time(timing, fire, now)
        if late and (too_late(timing, fire, now) or len(chosen) == timing.catchup_max):
            break
        if late:
            chosen.add(fire.nominal)
        if timing.catchup == "latest":
            break
    return frozenset(chosen)


def not_caught_up(timing: Timing, fire: Fire, now: datetime) -> str:
    """Why a late fire that is not too late is missed all the same."""
    if timing.catchup == "all":
        return _missed(fire, now, f"and no more than the newest {timing.catchup_max} are caught up")
    return _missed(fire, now, "and a newer occurrence runs in its place")


def _missed(fire: Fire, now: datetime, why: str) -> str:
    return f"missed: {format_duration(now - fire.planned.time)} late, {why}"
