"""Protections of the product that can be taken out, so that it can be seen what the oracle says then.

Owns: what each protection is, as the part of the product that has to go for it to be gone.
Never: is used but by `tests.faults.rigged`, in a process that was asked for it.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

import automation.dispatch.decide
import automation.ledger.runs
import automation.runner.attempt
import automation.scheduler.firing
import automation.scheduler.housekeeping
import automation.worker.keeper
from automation.ledger import flows, occurrences
from automation.ledger.ids import new_id
from automation.ledger.leases import Leases
from automation.ledger.memory import Memory
from automation.ledger.occurrences import Occurrences
from automation.ledger.runs import Runs
from automation.ledger.states import State
from automation.ledger.tables import runs
from automation.queue.door import Door
from automation.retry import RetryPolicy
from automation.scheduler.entries import Entries
from automation.scheduler.housekeeping import Housekeeping
from automation.scheduler.leadership import Leadership
from automation.scheduler.scheduler import LedgerScheduler
from automation.sight import Sight
from automation.worker.keeper import Keeper
from automation.worker.task import Child


def rescue() -> None:
    """Nobody looks for runs whose process is gone."""
    automation.scheduler.housekeeping.rescue = automation.worker.keeper.rescue = _nothing
    Keeper._free_lost = _nothing


def neighbours() -> None:
    """Nobody sees that a process of this machine is gone: the lease decides, as it does for other machines."""
    Sight.is_alive = staticmethod(lambda _process: True)


def ringing() -> None:
    """A run's message goes out once, when it is decided, and never again."""
    Leases.unpublished = lambda *_, **__: []
    Door.ring_silent = _nothing


def identity() -> None:
    """Who decides an occurrence again gives it another id, so that nobody sees that it is the same."""
    automation.dispatch.decide.occurrence_id = lambda *_: new_id()


def cursors() -> None:
    """How far a schedule is decided is written after its messages, and not with its rows."""
    occurrences._MOVE = occurrences._MOVE.where(sa.false())
    advance = Entries.advance

    def late(self: Entries, cursors: Any) -> None:
        engine, table = occurrences_of(self)._engine, occurrences.schedules
        advance(self, cursors)
        with engine.begin() as connection:
            for (job, schedule), cursor in cursors.items():
                mine = (table.c.job == job) & (table.c.schedule == schedule) & (table.c.cursor < cursor)
                connection.execute(table.update().where(mine).values(cursor=cursor))

    Entries.advance = late
    _remember_the_ledger()


def past() -> None:
    """Who takes over begins at that moment, and does not ask how far all was decided."""
    lead_with = automation.scheduler.firing.Firing.lead_with

    def from_now(self: Any, project: Any, revision: int, cursors: Any) -> None:
        table, now = occurrences.schedules, self._services.clock.now()
        with self._services.ledger.occurrences._engine.begin() as connection:
            connection.execute(table.update().values(cursor=now))
        lead_with(self, project, revision, dict.fromkeys(cursors, now))

    automation.scheduler.firing.Firing.lead_with = from_now


def lock() -> None:
    """Every scheduler leads."""
    Leadership.lead = lambda self: setattr(self, "lock", self.lock or _Lock()) is None


def once() -> None:
    """`ctx.once` is true each time."""
    Memory.once = lambda *_: True


def transaction() -> None:
    """What a plugin leaves in `ctx.state` is written before its verdict, and not with it."""
    finish, keep = Runs.finish, automation.ledger.runs.keep_values

    def apart(self: Runs, run: str, attempt: int, verdict: Any, *more: Any) -> bool:
        if verdict.job_values is not None:
            with self._engine.begin() as connection:
                keep(connection, run, verdict.job_values)
        return finish(self, run, attempt, verdict, *more)

    Runs.finish = apart


def following() -> None:
    """What follows a run in its flow is written after its verdict, and not with it."""
    finish = Runs.finish

    @contextmanager
    def nothing(*_: Any) -> Iterator[None]:
        yield

    def apart(self: Runs, run: str, *more: Any) -> bool:
        if not finish(self, run, *more):
            return False
        with self._engine.begin() as connection:
            flows.settle(connection, [run], self._clock.now())
        return True

    flows.ending = nothing
    Runs.finish = apart


def claim() -> None:
    """A message is a reason to do its run, whatever the ledger says."""
    automation.ledger.runs.CLAIMABLE = tuple(State)
    known = automation.ledger.runs._KNOWN
    statement = automation.ledger.runs._CLAIM._clone()
    statement._where_criteria = (runs.c.id == automation.ledger.runs._RUN, runs.c.attempt == known)
    automation.ledger.runs._CLAIM = statement


def fence() -> None:
    """A verdict counts, whichever attempt it is of."""
    known = automation.ledger.runs._KNOWN
    whichever = sa.or_(runs.c.attempt == known, runs.c.attempt != known)
    statement = automation.ledger.runs._FINISH._clone()
    statement._where_criteria = (runs.c.id == automation.ledger.runs._RUN, whichever)
    automation.ledger.runs._FINISH = statement


def renewal() -> None:
    """Nobody renews a lease."""
    Runs.renew = _nothing


def main_process() -> None:
    """Leases are renewed by a thread of the process that does the work, and not by its parent."""
    renew, begin = Runs.renew, Child.__init__
    Runs.renew = _nothing

    def with_a_thread(self: Child, settings: Any, worker: str, *more: Any) -> None:
        begin(self, settings, worker, *more)

        def beat() -> None:
            while True:
                renew(self.services.ledger.runs, worker, settings.lease)
                time.sleep(0.5)

        threading.Thread(target=beat, daemon=True).start()

    Child.__init__ = with_a_thread


def poison() -> None:
    """A run may be lost as often as it likes."""
    after_loss = RetryPolicy.after_loss
    RetryPolicy.after_loss = lambda self, why, *, lost, **more: after_loss(self, why, lost=1, **more)


def catch() -> None:
    """What a job raises that is no failure goes on to whoever called it."""
    verdict_after = automation.runner.attempt._after

    def raised(services: Any, run: Any, spec: Any, error: BaseException, **more: Any) -> Any:
        if isinstance(error, SystemExit | MemoryError):
            raise error
        return verdict_after(services, run, spec, error, **more)

    automation.runner.attempt._after = raised


def limits() -> None:
    """Nobody ends what is past its hard limit."""
    Leases.overdue = lambda *_: []


def handing_back() -> None:
    """A worker that leaves says nothing of the runs that it has."""
    automation.worker.keeper.hand_back = lambda *_: []


def repair() -> None:
    """Nobody looks whether Redis still has the entries that were written to it."""
    Housekeeping._repair = _nothing


def patience() -> None:
    """A scheduler ends at the first round that fails, as Celery's beat does."""
    tick = LedgerScheduler.tick

    def once(self: LedgerScheduler) -> float:
        try:
            return tick(self)
        except Exception as error:
            sys.exit(f"ended by {error!r}")

    LedgerScheduler.tick = once


PROTECTIONS = {
    "repair": repair,
    "patience": patience,
    "rescue": rescue,
    "neighbours": neighbours,
    "ringing": ringing,
    "identity": identity,
    "cursors": cursors,
    "past": past,
    "lock": lock,
    "once": once,
    "transaction": transaction,
    "following": following,
    "claim": claim,
    "fence": fence,
    "renewal": renewal,
    "main process": main_process,
    "poison": poison,
    "catch": catch,
    "limits": limits,
    "handing back": handing_back,
}


class _Lock:
    """A lock that everybody has."""

    def extend(self, _seconds: float) -> None:
        """Hold it."""

    def release(self) -> None:
        """Let it go."""


_ledgers: list[Occurrences] = []


def _remember_the_ledger() -> None:
    begin = Occurrences.__init__

    def remembered(self: Occurrences, *arguments: Any) -> None:
        begin(self, *arguments)
        _ledgers.append(self)

    Occurrences.__init__ = remembered


def occurrences_of(_entries: Entries) -> Occurrences:
    """The ledger of this process, which entries do not know."""
    return _ledgers[-1]


def _nothing(*_: Any, **__: Any) -> int:
    return 0
