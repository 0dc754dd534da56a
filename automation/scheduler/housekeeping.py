"""What a scheduler does beside firing, each thing now and then: rescue, ring for what waits, repair, report.

Owns: how often.
Never: decides a fire.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from automation.clock import StepWatch
from automation.dispatch.rescue import rescue
from automation.scheduler.entries import Entries
from automation.scheduler.firing import Bell
from automation.services import Services
from automation.sight import Sight
from automation.text import count

_log = logging.getLogger(__name__)
_RESCUE_SECONDS = 1.0
#: While no run is open, so often are processes looked for that left without a word.
_PROCESSES_SECONDS = 5.0
_REPORT_SECONDS = 5.0
_REPAIR_SECONDS = 10.0
_STALLED_SECONDS = 2.0


class Housekeeping:
    """Keeps house for one scheduler.

    Parameters
    ----------
    watch: whether the clock may be trusted to judge leases by.
    """

    def __init__(self, services: Services, entries: Entries, door: Bell, sight: Sight, watch: StepWatch) -> None:
        self._services, self._entries, self._door = services, entries, door
        self._sight, self._watch = sight, watch
        self._last: dict[str, float] = {}

    def report(self, told: Mapping[str, Any]) -> None:
        """Say that this process is there, and this of it: now and then, and at once when it is something else."""
        if any(self._sight.info.get(key) != value for key, value in told.items()):
            self._last.pop("report", None)
        if self._is_time("report", _REPORT_SECONDS):
            self._sight.info.update(told)
            self._sight.report(self._services.ledger.processes)

    def keep(self) -> None:
        """What a leader does for the runs and the entries."""
        if self._is_time("rescue", _RESCUE_SECONDS):
            self._rescue()
        if self._is_time("repair", _REPAIR_SECONDS):
            self._repair()
        if self._is_time("stalled", _STALLED_SECONDS):
            self._services.ledger.stalled.settle()

    def next_look(self) -> datetime | None:
        """When flows that wait for a step without a run are looked at next; None is never."""
        moment = self._services.ledger.stalled.next_look()
        return None if moment is None else moment + timedelta(seconds=_STALLED_SECONDS)

    def doubt_entries(self) -> None:
        """Look at the entries in the next round, however long ago that was: Redis may have lost them."""
        self._last.pop("repair", None)

    def doubt_messages(self) -> None:
        """Look at once whether the broker still has what went out; later a first run's message would look like a loss."""
        self._door.ring_silent(self._services.ledger)

    def look_next_time(self) -> None:
        """Look in the next round for runs that wait, however long ago that was."""
        self._last.pop("rescue", None)

    def _rescue(self) -> None:
        ledger, sight = self._services.ledger, self._sight
        if not ledger.leases.any_open() and not self._is_time("processes", _PROCESSES_SECONDS):
            return
        now, steady = self._services.clock.now(), self._watch.steady()
        rescue(ledger, sight.host, sight.is_alive, now, judge_leases=steady)
        self._door.ring(ledger, ledger.leases.unpublished())
        self._door.ring_silent(ledger)

    def _repair(self) -> None:
        lost = self._entries.some_missing()
        if lost:
            _log.warning(
                "%s missing or changed in Redis; restored from the ledger", count(len(lost), "entry", "entries")
            )
            self._entries.install(self._services.ledger.occurrences.cursors(lost))

    def _is_time(self, what: str, seconds: float) -> bool:
        now = self._services.clock.monotonic()
        if now - self._last.get(what, float("-inf")) < seconds:
            return False
        self._last[what] = now
        return True
