"""The time machine: a project's real scheduler on a virtual clock, from event to event.

Owns: what happens when, and the jump to the next moment at which something does.
Never: sleeps; touches the project's own ledger, broker or clock.
"""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from automation.broker.endpoints import Endpoints
from automation.errors import ProjectInvalid
from automation.ledger.ledger import Ledger
from automation.queue.app import LOCK_SECONDS, LOOP_SECONDS, App, make_app
from automation.scheduler.scheduler import LedgerScheduler
from automation.services import Services, build_services
from automation.sight import Sight
from automation.testing.bell import Bell, SchedulerDied
from automation.testing.blank import ledger_of
from automation.testing.clock import VirtualClock
from automation.testing.history import History, read_history
from automation.testing.server import throwaway_redis
from automation.testing.workers import Fails, Gives, Takes, Workers

Span = tuple[datetime, datetime]
_TAKEN_ALONG = ("schedules", "jobs", "calendars", "templates", "automation.toml", "*.ics")
_SHORTEST = timedelta(milliseconds=5)
_ROUND = timedelta(seconds=LOOP_SECONDS)


def simulate(
    project: Path | str,
    start: datetime,
    end: datetime,
    *,
    takes: Takes | None = None,
    fails: Fails | None = None,
    gives: Gives | None = None,
    down: Sequence[Span] = (),
    workers_down: Sequence[Span] = (),
    killed: Sequence[datetime] = (),
    steps: Sequence[tuple[datetime, datetime]] = (),
    edits: Sequence[tuple[datetime, Callable[[Path], Any]]] = (),
    acts: Sequence[tuple[datetime, Callable[[Ledger], Any]]] = (),
    environ: Mapping[str, str] | None = None,
    redis_url: str | None = None,
) -> History:
    """Let a project's scheduler decide and its runs take their time from `start` up to and without `end`.

    Scheduler, RedBeat's entries and ledger are the real ones, in a temporary folder; runs are not done, they take their
    time. Every schedule counts from `start`, as on the day of a first deploy: a fire at that very instant is not one.
    Instants are aware, and are those of a clock that nobody sets.

    Parameters
    ----------
    project: a folder with `schedules/`, or the text of one schedule file.
    takes: how long an attempt takes, by job: a span, or a function of the run; a second where nothing is said.
    fails: by job: True for always, a number for so many first attempts of each run, or a function of the run.
    gives: what a run that succeeds returns, by job, or a function of the run; nothing where nothing is said.
    down: spans in which no scheduler runs.
    workers_down: spans in which no worker runs; what one was doing as the span began is lost.
    killed: from these moments on the scheduler dies as soon as it has recorded something, before it publishes it; its
        successor leads when the lock has run out.
    steps: when the machine's clock is set, and what it shows from then on.
    edits: when files change: a function that is given a copy of the project's folder.
    acts: when somebody does something, such as a pause: a function that is given the ledger.
    environ: what `${env:…}` names.
    redis_url: where RedBeat's entries are kept; default: a server of the simulation's own.

    Raises ProjectInvalid, with every error of every file, for a project that does not pass `automation check`.
    """
    server: Any = throwaway_redis() if redis_url is None else nullcontext(redis_url)
    with server as url, _services(project, start, dict(environ or {})) as (services, clock):
        problems = services.read_project().errors
        if problems:
            raise ProjectInvalid(problems)
        machine = _Machine(services, clock, url, takes or {}, fails or {}, gives or {})
        for first, last in down:
            machine.at(first, machine.stop)
            machine.at(last, machine.start)
        for first, last in workers_down:
            machine.at(first, machine.workers.leave)
            machine.at(last, machine.workers.come_back)
        for moment in killed:
            machine.at(moment, machine.kill)
        for moment, shown in steps:
            machine.at(moment, partial(machine.set_clock, shown))
        for moment, edit in edits:
            machine.at(moment, partial(machine.edit, edit))
        for moment, act in acts:
            machine.at(moment, partial(act, services.ledger))
        return machine.run(end)


@contextmanager
def _services(project: Path | str, start: datetime, environ: dict[str, str]) -> Iterator[tuple[Services, VirtualClock]]:
    """The project copied into a folder of its own, with an empty ledger."""
    with tempfile.TemporaryDirectory(prefix="automation-") as folder:
        root, clock = Path(folder), VirtualClock(start)
        if isinstance(project, str):
            (root / "schedules").mkdir()
            (root / "schedules" / "simulated.toml").write_text(project, "utf-8")
        else:
            _copy(project, root)
        own = {"AUTOMATION_KEY_PREFIX": f"simulated-{secrets.token_hex(4)}"}
        services = build_services(root, clock=clock, environ={**environ, **own})
        try:
            # What a simulation leaves need not outlive a power cut.
            sa.event.listen(services.ledger_unchecked.engine, "connect", _without_sync)
            ledger_of(services)
            yield services, clock
        finally:
            services.close()


def _without_sync(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA synchronous = OFF")


def _copy(project: Path, root: Path) -> None:
    for pattern in _TAKEN_ALONG:
        for path in project.glob(pattern):
            target = root / path.name
            shutil.copytree(path, target) if path.is_dir() else shutil.copyfile(path, target)


class _Machine:
    """One simulation."""

    def __init__(
        self, services: Services, clock: VirtualClock, redis_url: str, takes: Takes, fails: Fails, gives: Gives
    ) -> None:
        self._services, self._clock, self._ledger = services, clock, services.ledger
        self._app: App = make_app(services.settings, Endpoints(redis_url, redis_url))
        self._bell = Bell()
        self.workers = Workers(self._ledger, self._bell, clock, takes, fails, services.settings.lease, gives)
        self._scheduler: LedgerScheduler | None = None
        self._events: list[tuple[datetime, int, Callable[[], Any]]] = []
        self._down = 0

    def at(self, moment: datetime, what: Callable[[], Any]) -> None:
        """Let this happen then; what was said first comes first."""
        self._events.append((moment, len(self._events), what))
        self._events.sort(key=lambda event: event[:2], reverse=True)

    def run(self, end: datetime) -> History:
        """All of it."""
        self._begin()
        try:
            while True:
                self._happen()
                following = self._round()
                if following is None or following >= end:
                    return read_history(self._ledger)
                self._clock.move_to(following)
        finally:
            self._end(forget=True)
            self._app.close()

    def start(self) -> None:
        """A scheduler comes up."""
        self._down -= 1
        if not self._down:
            self._begin()

    def stop(self) -> None:
        """The scheduler goes away, until as many have come up."""
        self._down += 1
        self._end()

    def kill(self) -> None:
        """The scheduler dies as it publishes next."""
        self._bell.dying = True

    def set_clock(self, shown: datetime) -> None:
        """The machine's clock is set."""
        self._clock.set(shown)
        self.workers.clock_was_set()

    def edit(self, change: Callable[[Path], Any]) -> None:
        """Files change, and the scheduler takes them over as it does, but without waiting for them to come to rest."""
        self._tick()
        change(self._services.settings.project)
        if self._scheduler is not None:
            self._scheduler.look_now()

    def _begin(self) -> None:
        self._scheduler = LedgerScheduler(self._app, self._services, self._bell, Sight("scheduler"))

    def _end(self, *, forget: bool = False) -> None:
        scheduler, self._scheduler = self._scheduler, None
        if scheduler is not None:
            if forget:
                scheduler.forget()
            scheduler.close()

    def _happen(self) -> None:
        while self._events and self._events[-1][0] <= self._clock.true:
            self._events.pop()[2]()

    def _round(self) -> datetime | None:
        """Everybody does what there is to do now; returns when, in true time, there is something again."""
        ended = self.workers.work()
        self._tick()
        ended = self.workers.work() or ended
        moments = [self.workers.next_event(), self._events[-1][0] if self._events else None, self._wake()]
        if ended and self._scheduler is not None and self._ledger.leases.unpublished(1):
            # A scheduler comes round each second: it finds places that are free again, and runs that lost theirs.
            moments.append(self._clock.true + _ROUND)
        return min((moment for moment in moments if moment is not None), default=None)

    def _tick(self) -> None:
        if self._scheduler is None:
            return
        try:
            while self._scheduler.tick() == 0.0:
                continue
        except SchedulerDied:
            self._bell.dying = False
            self.stop()
            self.at(self._clock.true + timedelta(seconds=LOCK_SECONDS), self.start)

    def _wake(self) -> datetime | None:
        """When the scheduler has something to do."""
        wake = self._scheduler.next_wake() if self._scheduler is not None else None
        return None if wake is None else max(self._clock.when(wake), self._clock.true + _SHORTEST)
