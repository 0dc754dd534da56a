"""What keeps a fire from running, before lateness and overlap are looked at.

Owns: merged, united, paused, blackout, in this order.
Never: looks at other runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from automation.dispatch.due import Fire, due_times
from automation.dispatch.pausing import concerning, paused
from automation.dispatch.situation import Situation
from automation.project.model import Job, Schedule
from automation.text import instant

_TICK = timedelta(microseconds=1)


@dataclass(frozen=True)
class Obstacles:
    """The obstacles of one schedule at one moment."""

    job: Job
    schedule: Schedule
    now: datetime
    situation: Situation

    def before(self, fire: Fire, following: Fire | None) -> str | None:
        """Why this fire does not run; None when nothing is in its way.

        Parameters
        ----------
        following: the schedule's next fire, if that is due as well.
        """
        if fire.planned.deferred and following is not None and following.planned.time == fire.planned.time:
            return (
                f"merged: the fire of {instant(following.nominal)} is deferred to the same instant, and runs for both"
            )
        return (
            self._united(fire)
            or paused(concerning(self.job, self.schedule.id, self.situation.pauses), fire.planned.time)
            or self._blackout(fire)
        )

    def now_paused(self) -> str | None:
        """Why nothing is caught up just now."""
        return paused(concerning(self.job, self.schedule.id, self.situation.pauses), self.now)

    def _blackout(self, fire: Fire) -> str | None:
        return None if fire.planned.blackout is None else f"blackout: {fire.planned.blackout}"

    def _united(self, fire: Fire) -> str | None:
        """Another schedule of the job, listed earlier, that runs at this instant."""
        if not self.job.unite:
            return None
        for other in self.job.schedules:
            if other.id == self.schedule.id:
                break
            if self._runs(other, fire):
                return f"united: schedule '{other.id}' fires at the same instant, and runs for both"
        return None

    def _runs(self, other: Schedule, fire: Fire) -> bool:
        """Whether the other schedule has a fire of this nominal time that nothing but overlap can keep from running.

        What is late is judged by each schedule's own policy: they are only one where the policies are.
        """
        if other.trigger.from_end or not self._has(other, fire.nominal):
            return False
        planned = other.planned(fire.nominal)
        late = self.now - min(planned.time, fire.planned.time) > self.schedule.timing.misfire_grace
        if late and other.timing != self.schedule.timing:
            return False
        pauses = concerning(self.job, other.id, self.situation.pauses)
        return planned.blackout is None and paused(pauses, planned.time) is None

    def _has(self, other: Schedule, nominal: datetime) -> bool:
        """Whether this is one of the other schedule's nominal times: not before it was there, nor after `max_fires`."""
        if other.trigger.next_after(nominal - _TICK) != nominal:
            return False
        known = self.situation.others.get(other.id)
        if known is None:
            return True
        if nominal <= known.cursor:
            return nominal < known.since or nominal in known.decided
        return known.left is None or nominal in due_times(other.trigger, known.cursor, nominal, known.left)
