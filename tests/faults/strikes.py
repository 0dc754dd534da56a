"""What a torment does to its processes: one function for each kind of fault.

Owns: the kinds, how often each is drawn, and when what was struck comes back.
Never: judges.
"""

from __future__ import annotations

import heapq
import os
import random
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

import sqlalchemy as sa
from redis.exceptions import RedisError

from tests.faults.stack import LEASE, Member, Stack

#: Kind → how often it is drawn, compared with the others.
WEIGHTS = {
    "leader kill": 3,
    "leader term": 2,
    "leader freeze": 2,
    "stand-by kill": 1,
    "schedulers kill": 1,
    "worker kill": 3,
    "worker term": 3,
    "worker freeze": 2,
    "workers kill": 1,
    "child kill": 6,
    "child freeze": 2,
    "broker kill": 3,
    "broker freeze": 1,
    "flush": 2,
    "ledger": 2,
}


@dataclass
class Strike:
    """A fault that happened.

    Parameters
    ----------
    pids: the processes that it hit.
    back: when what was hit was there again, as far as we brought it back.
    """

    kind: str
    at: datetime
    pids: tuple[int, ...] = ()
    back: datetime | None = None


@dataclass
class Strikes:
    """Draws faults by a seed, and brings back what it struck, each at its time.

    Parameters
    ----------
    leader: the role of the scheduler that leads, as its log says; None while nobody does.
    """

    stack: Stack
    lots: random.Random
    leader: str | None = None
    done: list[Strike] = field(default_factory=list)
    _agenda: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)

    def strike(self) -> Strike | None:
        """One fault of a kind that is drawn; None when there is nothing just now that it could hit."""
        kind = self.lots.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        what, _, how = kind.partition(" ")
        if what == "flush":
            return self._flush()
        if what == "ledger":
            return self._ledger()
        if what == "child":
            return self._child(kind, how)
        if what == "broker":
            return self._broker(kind, how)
        return self._members(kind, self._targets(what), how)

    def catch_up(self, *, all_of_it: bool = False) -> None:
        """Bring back what is due to come back; or everything, at once."""
        while self._agenda and (all_of_it or self._agenda[0][0] <= time.monotonic()):
            heapq.heappop(self._agenda)[2]()

    def later(self, seconds: float, act: Callable[[], None]) -> None:
        """Do this in so many seconds."""
        heapq.heappush(self._agenda, (time.monotonic() + seconds, self.lots.getrandbits(30), act))

    def _targets(self, what: str) -> list[Member]:
        schedulers, workers = self.stack.of("scheduler"), self.stack.of("worker")
        if what == "schedulers":
            return schedulers
        if what == "workers":
            return workers
        if what == "leader":
            return [one for one in schedulers if one.role == self.leader]
        if what == "stand-by":
            return [one for one in schedulers if one.role != self.leader]
        return self.lots.sample(workers, min(1, len(workers)))

    def _members(self, kind: str, targets: list[Member], how: str) -> Strike | None:
        if not targets:
            return None
        strike = self._note(kind, tuple(one.pid for one in targets))
        for member in targets:
            if how == "freeze":
                self._freeze(strike, member)
            else:
                number = signal.SIGKILL if how == "kill" else signal.SIGTERM
                member.told = (number, time.monotonic())
                member.process.send_signal(number)
                self.later(self.lots.uniform(0, 6), lambda role=member.role: self._again(strike, role))
        return strike

    def _again(self, strike: Strike, role: str) -> None:
        if self.stack.members[role].process.poll() is None:  # it takes its time to leave
            self.later(0.5, lambda: self._again(strike, role))
            return
        self.stack.start(role)
        strike.back = datetime.now(UTC)

    def _freeze(self, strike: Strike, member: Member) -> None:
        member.frozen = True
        member.process.send_signal(signal.SIGSTOP)

        def wake() -> None:
            member.frozen = False
            member.process.send_signal(signal.SIGCONT)
            strike.back = datetime.now(UTC)

        self.later(self.lots.uniform(1, 2.5 * LEASE), wake)

    def _child(self, kind: str, how: str) -> Strike | None:
        children = [pid for worker in self.stack.of("worker") for pid in self.stack.children(worker)]
        if not children:
            return None
        pid = self.lots.choice(children)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL if how == "kill" else signal.SIGSTOP)
        if how == "freeze":
            self.later(self.lots.uniform(1, 2.5 * LEASE), lambda: _wake(pid))
        return self._note(kind, (pid,))

    def _broker(self, kind: str, how: str) -> Strike | None:
        role = self.lots.choice(self.stack.broker_roles)
        member = self.stack.members[role]
        return self._members(kind, [member], how) if member.is_up else None

    def _flush(self) -> Strike | None:
        if not self.stack.members[self.stack.broker_roles[0]].is_up:
            return None
        try:
            self.stack.redis().flushall()
        except (RedisError, OSError):
            return None
        strike = self._note("flush")
        strike.back = strike.at
        return strike

    def _ledger(self) -> Strike | None:
        """A foreign writer holds SQLite's file; of a server the connections are cut."""
        if self.stack.ledger_kind != "sqlite":
            strike = self._note("ledger")
            self.stack.cut_ledger()
            strike.back = datetime.now(UTC)
            return strike
        engine = sa.create_engine(self.stack.url, poolclass=sa.NullPool, connect_args={"timeout": 0.5})
        connection = engine.connect()
        connection.connection.dbapi_connection.isolation_level = None  # type: ignore[union-attr]
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        except sa.exc.OperationalError:  # one that is frozen holds it already
            connection.close()
            return None
        strike = self._note("ledger")

        def let_go() -> None:
            connection.exec_driver_sql("ROLLBACK")
            connection.close()
            strike.back = datetime.now(UTC)

        self.later(self.lots.uniform(0.5, 5), let_go)
        return strike

    def _note(self, kind: str, pids: tuple[int, ...] = ()) -> Strike:
        self.done.append(Strike(kind, datetime.now(UTC), pids))
        return self.done[-1]


def _wake(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)
