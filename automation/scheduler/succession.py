"""Which version of the project a scheduler leads with, from the moment at which it begins to lead.

Owns: taking over, and the switch from one version to the next.
Never: switches before all is decided that fell due under the rules of before.
"""

from __future__ import annotations

import logging
from datetime import datetime

from automation.project.model import Project
from automation.scheduler.activate import activate
from automation.scheduler.firing import Bell, Firing
from automation.scheduler.handover import as_recorded, put_off
from automation.scheduler.reload import Reload
from automation.services import Services
from automation.text import count

_log = logging.getLogger(__name__)


class Succession:
    """What a leader follows in every round.

    Parameters
    ----------
    reload: where new versions come from.
    by: who activates them.
    """

    def __init__(self, services: Services, firing: Firing, door: Bell, reload: Reload, by: str) -> None:
        self._services, self._firing, self._door = services, firing, door
        self._reload, self._by = reload, by
        self._change_at: datetime | None = None
        #: What follows as soon as all is decided that fell due under the rules of before, while nobody led.
        self._successor: Project | None = None

    def take_over(self) -> None:
        """Lead with the project's files, or with the rules that the ledger has while those still have a say."""
        occurrences = self._services.ledger.occurrences
        revision, active_digest = occurrences.active_revision()
        project, states = self._reload.begin(active_digest), occurrences.states()
        before = as_recorded(project, states)
        self._successor, self._change_at = None if before is None else project, None
        if before is None:
            self._begin(project)
        else:
            self._firing.lead_with(before, revision, {key: state.cursor for key, state in states.items()})

    def take_changes(self) -> bool:
        """Switch to a new version of the files, after what was due by then, which may take rounds; False: not yet."""
        project = self._successor or self._reload.changed()
        if project is None:
            self._change_at = None
            return True
        ledger, now = self._services.ledger, self._services.clock.now()
        self._change_at = self._change_at or now
        if self._firing.fire(self._change_at):
            return False
        assert self._firing.project is not None, "whoever takes changes has taken over"
        ledger.occurrences.record(put_off(ledger, self._firing.project, project, now), self._firing.revision)
        self._firing.rest()  # what fails from here on is made good by taking over again
        self._begin(project)
        if self._successor is None:
            self._reload.taken()
        self._change_at = self._successor = None
        return True

    def _begin(self, project: Project) -> None:
        ledger = self._services.ledger
        revision, started = activate(self._services, project, self._by)
        states = ledger.occurrences.states()
        self._firing.lead_with(project, revision, {key: state.cursor for key, state in states.items()})
        self._door.ring(ledger, started)
        active = sum(job.active and bool(job.schedules) for job in project.jobs.values())
        _log.info("%s on schedule, configuration revision %d", count(active, "job"), revision)
