"""RedBeat's scheduler, over the ledger: lead, follow the files, fire, keep house, wait.

Owns: one tick, and the pause after it.
Never: leads without the lock, or by a clock that has just leapt ahead.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

from redbeat.schedulers import RedBeatScheduler, get_redis
from redis.exceptions import ResponseError

from automation.clock import ClockLeapt, StepWatch
from automation.ledger.occurrences import RevisionStale
from automation.queue.app import LOCK_SECONDS, LOOP_SECONDS
from automation.scheduler.entries import Entries
from automation.scheduler.entry import ScheduleEntry
from automation.scheduler.firing import Bell, Firing
from automation.scheduler.housekeeping import Housekeeping
from automation.scheduler.leadership import Leadership
from automation.scheduler.reload import Reload
from automation.scheduler.succession import Succession
from automation.services import Services
from automation.sight import Sight

_log = logging.getLogger(__name__)


class LedgerScheduler(RedBeatScheduler):  # type: ignore[misc]
    """What runs in `automation scheduler`."""

    Entry = ScheduleEntry

    def __init__(self, app: Any, services: Services, door: Bell, sight: Sight) -> None:
        super().__init__(app, lazy=True, max_interval=LOOP_SECONDS, lock_timeout=LOCK_SECONDS)
        self._services = services
        self._entries = Entries(app)
        self._leadership = Leadership(get_redis(app), self.lock_key, LOCK_SECONDS)
        self._watch = StepWatch(services.clock, services.settings.lease)
        self.reload = Reload(services)
        self.firing = Firing(services, self._entries, door, self._watch)
        self._succession = Succession(services, self.firing, door, self.reload, sight.name, self._watch)
        self._house = Housekeeping(services, self._entries, door, sight, self._watch)

    def tick(self, *_: Any, **__: Any) -> float:
        """One round; returns the seconds until the next.

        1. Say that this process is there. Lead, or wait; wait too while the clock has just leapt ahead.
        2. A new leader makes its configuration the active one and writes the entries; later, it takes changed files over.
        3. For the due entries: decide, record in one transaction, publish, move the entries on.
        4. Keep house, now and then: rescue runs, ring for what waits, restore entries that Redis lost.
        """
        self._report()
        held = self._leadership.lock
        if not self._leadership.lead():
            self.firing.rest()
            return LOOP_SECONDS / 2
        if self._leadership.lock is not held:
            # A lock that was lost is the first sign of a Redis that came back without what it had.
            self._house.doubt_entries()
            self._house.doubt_messages()
        try:
            self._watch.believed()
            if self.firing.project is None:
                self._succession.take_over()
            return self._fire()
        except ClockLeapt as leapt:
            _log.info("%s; nothing is decided by it yet", leapt)
            return LOOP_SECONDS

    def _fire(self) -> float:
        """Take changed files over, fire what is due, keep house; returns the seconds until the next round."""
        try:
            if self._watch.went_back():
                self._succession.clock_set_back()
            self._succession.take_changes()
            more = self.firing.round()
        except (RevisionStale, ResponseError) as error:
            _log.warning("Taking over again: %s", error)
            self.firing.rest()
            return 0.0
        self._house.keep()
        return 0.0 if more else self.reload.hurry(self._pause())

    @property
    def leads(self) -> bool:
        """Whether it fires now."""
        return self.firing.project is not None

    def forget(self) -> None:
        """Take every entry out of Redis; for a schedule that nobody is to go on with."""
        self._entries.remove()

    def close(self) -> None:
        """Give leadership back."""
        self.reload.close()
        self._leadership.resign()

    def look_now(self) -> None:
        """Take over what the files say at this moment, if this scheduler leads; it must have ticked just before."""
        if self.firing.project is not None:
            self.reload.at_once()
            while not self._succession.take_changes():
                continue

    def next_wake(self) -> datetime | None:
        """When an entry or a waiting run falls due next, or a flow is looked at; None is never, as far as is known."""
        try:
            self._watch.believed()
        except ClockLeapt:
            return self._services.clock.now() + timedelta(seconds=LOOP_SECONDS)
        if self._watch.has_news:
            return self._services.clock.now() + timedelta(seconds=LOOP_SECONDS)
        moments = (*self._next_due(), self._house.next_look())
        return min((moment for moment in moments if moment is not None), default=None)

    def _report(self) -> None:
        leads = self._leadership.lock is not None
        self._house.report({"leader": leads, "revision": self.firing.revision, **self.reload.info})

    def _next_due(self) -> tuple[datetime | None, datetime | None]:
        """When the next entry, and the next waiting run."""
        entry = self._entries.next_due()
        waiting = self._services.ledger.leases.next_due()
        return None if entry is None else datetime.fromtimestamp(entry, UTC), waiting

    def _pause(self) -> float:
        """Until there is something to do, in seconds, at most one."""
        now, (entry, waiting) = self._services.clock.now(), self._next_due()
        if waiting is not None:
            self._house.look_next_time()
        moments = [moment for moment in (entry, waiting) if moment is not None]
        return max(min([LOOP_SECONDS, *((moment - now).total_seconds() for moment in moments)]), 0.005)
