"""One who fires while no scheduler does: the same decisions, from the ledger alone.

Owns: which project it fires for, and when the entries of that are due.
Never: leads, reads or writes an entry of RedBeat, or makes a configuration the active one; a scheduler that comes back
finds all that was decided in the ledger, and beside one it changes nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime

from automation.clock import ClockLeapt, StepWatch
from automation.ledger.occurrences import RevisionStale
from automation.ledger.standing import Key
from automation.project.model import Project, Schedule
from automation.scheduler.activate import digest
from automation.scheduler.firing import Bell, Firing
from automation.services import Services

_log = logging.getLogger(__name__)
_READ_AGAIN_SECONDS = 10.0
#: Rounds in one call; whoever called has other work, and calls again.
_ROUNDS = 20


class Timetable:
    """When which schedule is due next, in memory."""

    def __init__(self) -> None:
        self._schedules: dict[Key, Schedule] = {}
        self._next: dict[Key, datetime] = {}

    def take(self, project: Project) -> None:
        """From now on the schedules are those of this project's active jobs."""
        self._next = {}
        self._schedules = {
            (job.name, schedule.id): schedule
            for job in project.jobs.values()
            if job.active
            for schedule in job.schedules
        }

    def install(self, cursors: Mapping[Key, datetime]) -> None:
        """Know of these what was decided."""
        self.advance(cursors)

    def advance(self, cursors: Mapping[Key, datetime]) -> None:
        """Move these on."""
        for key, cursor in cursors.items():
            schedule = self._schedules.get(key)
            if schedule is not None:
                nominal = schedule.trigger.next_after(cursor)
                self.postpone(key, None if nominal is None else schedule.planned(nominal).time)

    def postpone(self, key: Key, until: datetime | None) -> None:
        """Look at this schedule again then; None is never."""
        if until is None:
            self._next.pop(key, None)
        else:
            self._next[key] = until

    def due(self, now: datetime, limit: int) -> list[Key]:
        """Those that are due, earliest first."""
        return sorted((key for key, then in self._next.items() if then <= now), key=self._next.__getitem__)[:limit]

    def clear(self) -> None:
        """Forget when what is due."""
        self._next = {}


class StandIn:
    """Fires what is due of the active configuration, if the files here still are that configuration."""

    def __init__(self, services: Services, door: Bell) -> None:
        self._services = services
        self._watch = StepWatch(services.clock, services.settings.lease)
        self._firing = Firing(services, Timetable(), door, self._watch)
        self._read_at = float("-inf")

    def fire(self) -> None:
        """Decide, record and publish what is due."""
        try:
            self._watch.believed()
            if not self._knows_the_project():
                return
            for _ in range(_ROUNDS):
                if not self._firing.round():
                    break
            self._services.ledger.stalled.settle()
        except ClockLeapt as leapt:
            _log.info("%s; nothing is decided by it yet", leapt)
        except RevisionStale as error:
            _log.info("%s", error)
            self._firing.rest()

    def _knows_the_project(self) -> bool:
        """Whether it fires for the configuration that is the active one now; reading the files is not done too often."""
        revision, active = self._services.ledger.occurrences.active_revision()
        if self._firing.project is not None and self._firing.revision == revision:
            return True
        self._firing.rest()
        now = self._services.clock.monotonic()
        if not revision or now - self._read_at < _READ_AGAIN_SECONDS:
            return False
        self._read_at = now
        project = self._services.read_project()
        if digest(project) != active:
            _log.warning(
                "The files are not the active configuration; a scheduler has to take them over, nobody else fires"
            )
            return False
        states = self._services.ledger.occurrences.states()
        self._firing.lead_with(project, revision, {key: state.cursor for key, state in states.items()})
        return True
