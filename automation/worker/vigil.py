"""Whether a scheduler is there: while none is, the children of this worker fire what is due.

Owns: how long nobody may have led before they do, how often they are asked, and what is said of it.
Never: decides a fire; the main process has no time for that.
"""

from __future__ import annotations

import logging

from automation.errors import BrokerUnavailable
from automation.queue.door import Door
from automation.services import Services
from automation.sight import Sight
from automation.text import format_duration

_log = logging.getLogger("automation.worker")
_LOOK_SECONDS = 5.0
_ASK_SECONDS = 1.0


class Vigil:
    """Looks for a scheduler that leads, now and then.

    Parameters
    ----------
    sight: says of this worker whether it stands in, for the doctor.
    """

    def __init__(self, services: Services, door: Door, sight: Sight) -> None:
        self._services, self._door, self._sight = services, door, sight
        self._patience = services.settings.stand_in
        self._looked_at = self._begun_at = services.clock.monotonic()
        self._stands_in = False

    def keep(self) -> None:
        """Look for a scheduler; where there is none, ask a child to fire. Called by each beat."""
        now = self._services.clock.monotonic()
        pause = _ASK_SECONDS if self._stands_in else _LOOK_SECONDS
        # Who has just started has not seen yet who else has.
        if not self._patience or now - self._begun_at < self._patience.total_seconds() or now - self._looked_at < pause:
            return
        self._looked_at = now
        self._tell(led=scheduler_leads(self._services))
        if self._stands_in:
            try:
                self._door.stand_in(self._sight.info["queues"][0])
            except BrokerUnavailable as error:
                _log.warning("%s", error)

    def _tell(self, *, led: bool) -> None:
        if self._stands_in is not led:
            return
        self._stands_in = not led
        self._sight.info["stands_in"] = self._stands_in
        if led:
            _log.info("A scheduler leads again; this worker fires nothing any more")
        else:
            span = format_duration(self._patience)
            _log.warning("No scheduler has led for %s; this worker fires what is due until one does", span)


def scheduler_leads(services: Services) -> bool:
    """Whether a scheduler has led lately, if only until it left, or there is nothing that one would fire."""
    ledger = services.ledger
    schedulers = ledger.processes.heard_of("scheduler", within=services.settings.stand_in)
    return any(one.info.get("leader") for one in schedulers) or not ledger.occurrences.active_revision()[0]
