"""What is due, fired: decide, record, publish, move on.

Owns: these four steps for the entries that are due, and whose trouble it is when one of them cannot be taken.
Never: looks at files; forgets an occurrence: what Redis loses, the ledger gives back.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from redis.exceptions import ResponseError
from sqlalchemy.exc import DataError, IntegrityError

from automation.clock import StepWatch
from automation.dispatch.decide import CHUNK, decide, next_look
from automation.ledger.ledger import Ledger
from automation.ledger.occurrences import Decided
from automation.ledger.rows import Waiting
from automation.ledger.standing import Key
from automation.project.model import Job, Project, Schedule
from automation.scheduler.situations import Situations
from automation.services import Services

_log = logging.getLogger(__name__)
_AT_ONCE, _MANY_AT_ONCE = 200, 1000
#: Fires decided in one round, after an outage of many schedules: the lock of the leader has to outlast it.
_FIRES = 2000
#: What a database says of a value that it does not take, whoever asks and how often.
_REFUSED = (DataError, IntegrityError)


class Bell(Protocol):
    """Who is rung: the door to the queue, or what stands for it."""

    def ring(self, ledger: Ledger, waiting: Sequence[Waiting]) -> int:
        """Publish these runs' messages and note it; returns how many went out."""
        ...

    def ring_silent(self, ledger: Ledger) -> None:
        """Publish again what must have been lost."""
        ...


class Timetable(Protocol):
    """When which schedule is due: RedBeat's entries, or what stands for them."""

    def take(self, project: Project) -> None:
        """From now on the schedules are those of this project's active jobs."""
        ...

    def install(self, cursors: Mapping[Key, datetime]) -> None:
        """Write all as the ledger has them."""
        ...

    def advance(self, cursors: Mapping[Key, datetime]) -> None:
        """Move these on."""
        ...

    def postpone(self, key: Key, until: datetime | None) -> None:
        """Look at this schedule again then; None is never."""
        ...

    def due(self, now: datetime, limit: int) -> list[Key]:
        """Those that are due, earliest first."""
        ...

    def clear(self) -> None:
        """Drop all, damaged as it may be."""
        ...


class Firing:
    """Fires what is due of the version of the project that it leads with.

    `project` is that version, None before the first and after `rest`; `revision` is the configuration's in the ledger.
    """

    def __init__(self, services: Services, entries: Timetable, door: Bell, watch: StepWatch) -> None:
        self._services, self._entries, self._door, self._watch = services, entries, door, watch
        self.project: Project | None = None
        self.revision = 0
        self._at_once = _AT_ONCE

    def lead_with(self, project: Project, revision: int, cursors: Mapping[Key, datetime]) -> None:
        """Fire what this version has, each schedule from its cursor on."""
        self._entries.take(project)
        try:
            self._entries.install(cursors)
        except ResponseError as error:
            # Something that is no sorted set stands in its place; the ledger knows what belongs there.
            _log.warning("RedBeat's schedule in Redis is damaged (%s); it is written anew", error)
            self._entries.clear()
            self._entries.install(cursors)
        self.project, self.revision = project, revision

    def go_on_from(self, cursors: Mapping[Key, datetime]) -> None:
        """Fire what these schedules have after these moments."""
        self._entries.install(cursors)

    def rest(self) -> None:
        """Lead with no version any more; whoever goes on takes over first."""
        self.project = None

    def round(self) -> bool:
        """Fire what is due now; whether so much was that the next round should follow at once.

        The first round is short, so that its messages go out at once; those that follow cost less the longer they are.

        Raises
        ------
        ClockLeapt: there is no telling what is due.
        """
        full = self.fire(self._watch.believed()) == self._at_once
        self._at_once = _MANY_AT_ONCE if full else _AT_ONCE
        return full

    def fire(self, now: datetime) -> int:
        """Decide, record, publish, move on what is due by then; returns how many entries were due."""
        due = self._entries.due(now, self._at_once)
        if not due:
            return 0
        situations = Situations(self._services.ledger, list(self._known(due)))
        most = min(CHUNK, max(_FIRES // len(due), 1))
        decided = [one for key in due if (one := self._decided(key, situations, now, most))]
        new = self._record(decided, situations, now)
        self._door.ring(self._services.ledger, situations.to_ring(decided, new, now))
        self._entries.advance(situations.cursors)
        return len(due)

    def _known(self, due: Sequence[Key]) -> Iterator[tuple[Job, Schedule]]:
        assert self.project is not None, "whoever fires leads with a version"
        for job_name, schedule_id in due:
            job = self.project.job(job_name)
            schedule = job.schedule(schedule_id)
            if schedule is not None:
                yield job, schedule

    def _decided(self, key: Key, situations: Situations, now: datetime, most: int) -> Decided | None:
        """One schedule that cannot be decided must not stop the others; it is looked at again a minute later."""
        try:
            return self._decide(key, situations, now, most)
        except Exception:
            self._put_aside(key, situations, now)
            return None

    def _decide(self, key: Key, situations: Situations, now: datetime, most: int) -> Decided | None:
        for job, schedule in self._known([key]):
            situation = situations.of(job, schedule)
            if situation is None:
                return None
            decided = decide(job, schedule, now, situation, most)
            if decided is not None:
                situations.took(decided)
            elif schedule.trigger.from_end:
                # The cursor alone does not tell when it is due; it stays where it is, and so must the entry.
                situations.cursors.pop(key)
                self._entries.postpone(key, next_look(schedule, now, situation))
            return decided
        return None

    def _put_aside(self, key: Key, situations: Situations, now: datetime) -> None:
        _log.exception("Schedule %s of job %s cannot be decided; it waits a minute", key[1], key[0])
        situations.cursors.pop(key, None)
        self._entries.postpone(key, now + timedelta(minutes=1))

    def _record(self, decided: Sequence[Decided], situations: Situations, now: datetime) -> set[str]:
        """The ids of the runs that are new; what the database does not take of one schedule is that one's trouble."""
        ledger = self._services.ledger.occurrences
        try:
            return set(ledger.record(decided, self.revision))
        except _REFUSED:
            new: set[str] = set()
            for one in decided:
                try:
                    new.update(ledger.record([one], self.revision))
                except _REFUSED:
                    self._put_aside((one.job, one.schedule), situations, now)
            return new
