"""From the nominal time of an occurrence to the planned one: calendars and jitter.

Owns: where in time a fire is moved, and what keeps it from running; both the same whoever asks, and when.
Never: draws at random; reads the clock.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from automation.text import instant
from automation.triggers.base import Trigger
from automation.triggers.calendar import Calendar

JITTER_MODES = ("random", "stable")
ON_BLACKOUT = ("skip", "defer")
#: A schedule that may not run for so long may not run at all.
PATIENCE = timedelta(days=400)
_TICK = timedelta(microseconds=1)
_SHORTEST = timedelta(seconds=1)


@dataclass(frozen=True)
class Planned:
    """What becomes of one nominal time before anybody looks at the ledger.

    Parameters
    ----------
    time: when it is to start; not before the nominal time.
    deferred: it was moved to the end of a blackout.
    blackout: why it does not run at all, in words; None when it may.
    calendar: whose blackout that is, or was; "" without one.
    """

    time: datetime
    deferred: bool = False
    blackout: str | None = None
    calendar: str = ""

    def marks(self, nominal: datetime) -> tuple[str, ...]:
        """What is unusual: `blackout:NAME`, `deferred`, `jitter`."""
        if self.blackout is not None:
            return (f"blackout:{self.calendar.replace(' ', '')}",)
        if self.deferred:
            return ("deferred",)
        return ("jitter",) if self.time > nominal else ()


@dataclass(frozen=True)
class Planning:
    """How a schedule moves its fires.

    Parameters
    ----------
    seed: of the jitter: job and schedule, so that two schedules do not move alike.
    jitter: the planned time lies in [nominal, nominal + jitter), and before the next nominal time.
    jitter_mode: `random` differs from one occurrence to the next, `stable` is one offset for the schedule.
    only_during: it runs while any of these covers its planned time; none is always.
    not_during: it does not run while any of these does, whatever `only_during` says.
    on_blackout: a fire that may not run is gone (`skip`), or waits for the end of the blackout (`defer`).
    """

    seed: str = ""
    jitter: timedelta = timedelta()
    jitter_mode: str = "random"
    only_during: tuple[Calendar, ...] = ()
    not_during: tuple[Calendar, ...] = ()
    on_blackout: str = "skip"

    def plan(self, trigger: Trigger, nominal: datetime) -> Planned:
        """The planned time of a fire of this trigger; it grows with the nominal time.

        Fires that are deferred to the end of one blackout get one time.
        """
        time = self._moved(trigger, nominal)
        found = self._blackout(time)
        if found is None:
            return Planned(time)
        key, calendar = found
        end = self.allowed_from(time) if self.on_blackout == "defer" else None
        if end is None:
            return Planned(time, blackout=f"{key} {calendar}", calendar=calendar)
        return Planned(self._after_blackout(trigger, end), deferred=True, calendar=calendar)

    def blocked(self, moment: datetime) -> str | None:
        """Which calendar keeps a run from starting at this instant, in words; None when it may start."""
        found = self._blackout(moment)
        return " ".join(found) if found else None

    def allowed_from(self, moment: datetime) -> datetime | None:
        """The first instant at or after `moment` at which a run may start; None when there is none in 400 days."""
        limit = moment + PATIENCE
        while True:
            closed = next((one for one in self.not_during if one.covers(moment)), None)
            if closed is not None:
                changes = [closed.next_change(moment, limit)]
            elif self.only_during and not any(one.covers(moment) for one in self.only_during):
                changes = [one.next_change(moment, limit) for one in self.only_during]
            else:
                return moment
            found = [change for change in changes if change is not None]
            if not found:
                return None
            moment = min(found)

    def _blackout(self, moment: datetime) -> tuple[str, str] | None:
        """The key and the name of what keeps a run from starting."""
        for calendar in self.not_during:
            if calendar.covers(moment):
                return "not_during", calendar.name
        if self.only_during and not any(calendar.covers(moment) for calendar in self.only_during):
            return "outside only_during", ", ".join(calendar.name for calendar in self.only_during)
        return None

    def _moved(self, trigger: Trigger, nominal: datetime) -> datetime:
        """The nominal time with its jitter."""
        if not self.jitter:
            return nominal
        following = trigger.next_after(nominal)
        room = self.jitter if following is None else min(self.jitter, following - nominal - _TICK)
        return nominal + min(self.jitter * self._share(nominal), max(room, timedelta()))

    def _share(self, moment: datetime) -> float:
        """A number in [0, 1), hashed from the occurrence, so that a preview and whoever takes over agree."""
        text = self.seed if self.jitter_mode == "stable" else f"{self.seed}\0{instant(moment)}"
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) / 2**64

    def _after_blackout(self, trigger: Trigger, end: datetime) -> datetime:
        """The end of a blackout with jitter, so that not all that waited start at once; still before what comes next.

        It depends on the end alone: whatever was deferred to it has one time; where the schedule fires at that instant
        anyway, the time of that fire, so that both are one run.
        """
        if not self.jitter:
            return end
        if trigger.next_after(end - _TICK) == end and self._blackout(own := self._moved(trigger, end)) is None:
            return own
        nominal = self._nominal_around(trigger, end)
        room = self.jitter if nominal is None else min(self.jitter, self._moved(trigger, nominal) - end)
        time = end + room * self._share(end)
        return time if self._stays_allowed(end, time) else end

    def _nominal_around(self, trigger: Trigger, end: datetime) -> datetime | None:
        """The first nominal time that is planned for `end` or later, were there no calendars."""
        back, nominal = _SHORTEST, trigger.next_after(end - _SHORTEST - _TICK)
        while (nominal is None or nominal >= end) and back < self.jitter:
            back = min(back * 2, self.jitter)
            nominal = trigger.next_after(end - back - _TICK)
        while nominal is not None and nominal < end and self._moved(trigger, nominal) < end:
            nominal = trigger.next_after(nominal)
        return nominal

    def _stays_allowed(self, first: datetime, last: datetime) -> bool:
        """Whether no blackout begins between two instants, of which the first is allowed."""
        if any(calendar.next_change(first, last) for calendar in self.not_during):
            return False
        if not self.only_during:
            return True
        moment = first
        while moment < last:
            open_now = [one for one in self.only_during if one.covers(moment)]
            if not open_now:
                return False
            ends = [one.next_change(moment, last) for one in open_now]
            if None in ends:
                return True
            moment = max(end for end in ends if end is not None)
        return any(one.covers(last) for one in self.only_during)
