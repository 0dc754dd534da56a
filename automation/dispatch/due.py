"""Which fires of a schedule have come: their nominal times, with the planned ones.

Owns: walking a rule forward in bounded steps, and back from now.
Never: judges a fire.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from automation.project.model import Schedule
from automation.triggers.base import Trigger
from automation.triggers.planning import Planned

#: How far `newest_first` looks back, in fires.
LOOK_BACK = 2000
_FIRST_PIECE = timedelta(minutes=1)


@dataclass(frozen=True)
class Fire:
    """One nominal time of a schedule, and what its calendars and jitter make of it."""

    nominal: datetime
    planned: Planned


def due_times(trigger: Trigger, after: datetime, until: datetime, limit: int) -> Iterator[datetime]:
    """Nominal times in (after, until], oldest first, at most `limit`."""
    moment = trigger.next_after(after)
    while moment is not None and moment <= until and limit:
        yield moment
        limit -= 1
        moment = trigger.next_after(moment)


def fires(schedule: Schedule, after: datetime, until: datetime, now: datetime) -> Iterator[Fire]:
    """Fires with a nominal time in (after, until] whose planned time has come, oldest first."""
    moment = schedule.trigger.next_after(after)
    while moment is not None and moment <= until:
        planned = schedule.planned(moment)
        if planned.time > now:
            return
        yield Fire(moment, planned)
        moment = schedule.trigger.next_after(moment)


def newest_first(schedule: Schedule, after: datetime, now: datetime) -> Iterator[Fire]:
    """The fires of (after, now] whose planned time has come, newest first; the newest `LOOK_BACK` of them.

    Rules only look forward, so the span is walked in pieces, each twice as long as the one behind it.
    """
    until, piece, left = now, _FIRST_PIECE, LOOK_BACK
    while until > after and left > 0:
        start = max(after, until - piece)
        found = deque(fires(schedule, start, until, now), maxlen=left)
        yield from reversed(found)
        until, piece, left = start, piece * 2, left - len(found)
