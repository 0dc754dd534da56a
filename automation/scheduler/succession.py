"""Which version of the project a scheduler leads with, from the moment at which it begins to lead.

Owns: taking over, and the switch from one version to the next.
Never: switches before all is decided that fell due under the rules of before.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta

from automation.clock import StepWatch
from automation.ledger.standing import Key, ScheduleState
from automation.project.model import Project
from automation.scheduler.activate import activate
from automation.scheduler.firing import Bell, Firing
from automation.scheduler.handover import as_recorded, put_off
from automation.scheduler.reload import Reload
from automation.services import Services
from automation.text import count

_log = logging.getLogger(__name__)
#: A cursor that lies further ahead as somebody begins to lead is of a clock that was set back; others' clocks may differ.
_AHEAD = timedelta(minutes=1)


class Succession:
    """What a leader follows in every round.

    Parameters
    ----------
    reload: where new versions come from.
    by: who activates them.
    watch: who tells the instant by which a change is made.
    """

    def __init__(
        self, services: Services, firing: Firing, door: Bell, reload: Reload, by: str, watch: StepWatch
    ) -> None:
        self._services, self._firing, self._door = services, firing, door
        self._reload, self._by, self._watch = reload, by, watch
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
            self._begin(project, (revision, states))
        elif before.renamed:
            self._begin(before.project)
        else:
            self._firing.lead_with(before.project, revision, {key: state.cursor for key, state in states.items()})

    def take_changes(self) -> bool:
        """Switch to a new version of the files, after what was due by then, which may take rounds; False: not yet.

        Raises
        ------
        ClockLeapt: there is no telling what was due.
        """
        project = self._successor or self._reload.changed()
        if project is None:
            self._change_at = None
            return True
        ledger, now = self._services.ledger, self._watch.believed()
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

    def clock_set_back(self) -> None:
        """Go on after the clock was set back: what was missed in the time that comes again is decided as it comes."""
        assert self._firing.project is not None, "whoever asks leads"
        moved = self._services.ledger.occurrences.clock_set_back(_from_end(self._firing.project), self._firing.revision)
        if moved:
            self._firing.go_on_from(moved)
            _log.warning(
                "%s on from now, since the clock was set back", count(len(moved), "schedule goes", "schedules go")
            )

    def _begin(self, project: Project, known: tuple[int, Mapping[Key, ScheduleState]] | None = None) -> None:
        """Make this the active configuration, and lead with it.

        Parameters
        ----------
        known: the revision and the states that were read just now; where nothing has changed they are not read again.
        """
        ledger = self._services.ledger
        revision, started = activate(self._services, project, self._by)
        states = known[1] if known is not None and known[0] == revision else ledger.occurrences.states()
        self._firing.lead_with(project, revision, {key: state.cursor for key, state in states.items()})
        now = self._services.clock.now()
        if any(state.cursor > now + _AHEAD for state in states.values()):
            self.clock_set_back()
        self._door.ring(ledger, started)
        active = sum(job.active and bool(job.schedules) for job in project.jobs.values())
        _log.info("%s on schedule, configuration revision %d", count(active, "job"), revision)


def _from_end(project: Project) -> set[Key]:
    """The schedules that count from the end of a run."""
    return {
        (job.name, schedule.id)
        for job in project.jobs.values()
        for schedule in job.schedules
        if schedule.trigger.from_end
    }
