"""Kill everything at random for some minutes, then ask the oracle.

    python -m tests.faults.torment --minutes 3 --seed 1 --broker embedded --ledger sqlite

Owns: the course of a torment: start, strike, let settle, stop, judge, tell.
Never: decides what is right; the oracle does.
"""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from tests.faults import evidence, figures, oracle, project
from tests.faults.oracle import Violation
from tests.faults.stack import GRACE, Member, Stack
from tests.faults.strikes import Strikes

LEAVES_WITHIN = GRACE + 28
STANDS_STILL = 90.0
STARTS_WITHIN = 30.0
LOCK_RUNS_OUT = 15.0
#: How a process ends that meets a ledger without an answer before it has begun; who supervises it starts it again.
UNAVAILABLE = 4
LEADS = b"This scheduler leads"


class Torment:
    """One torment of a stack.

    Parameters
    ----------
    lots: where every choice comes from.
    """

    def __init__(self, stack: Stack, lots: random.Random, schedulers: int, workers: int) -> None:
        self.stack, self._lots = stack, lots
        self.strikes = Strikes(stack, lots)
        self.takeovers: list[float] = []
        self.violations: list[Violation] = []
        self._roles = [f"scheduler-{n + 1}" for n in range(schedulers)] + [f"worker-{n + 1}" for n in range(workers)]
        self._read: dict[str, int] = {}
        self._leaderless_since: float | None = None
        self._diary = (stack.root / "strikes.log").open("a", buffering=1)

    def run(self, seconds: float) -> datetime:
        """Start everything, strike for so long, let it settle, stop; returns up to when every time has to be recorded."""
        self.stack.start_broker()
        for role in self._roles:
            self.stack.start(role)
        ends, strikes_at = time.monotonic() + seconds, time.monotonic() + 8
        while time.monotonic() < ends:
            if time.monotonic() >= strikes_at:
                struck = self._strike()
                strikes_at = time.monotonic() + (self._lots.uniform(0.3, 3.0) if struck else 0.1)
            self._look()
            time.sleep(0.05)
        return self._settle()

    def _strike(self) -> bool:
        strike = self.strikes.strike()
        if strike is None:
            return False
        print(f"{strike.at:%H:%M:%S.%f} {strike.kind} {strike.pids} (leads: {self.strikes.leader})", file=self._diary)
        leader = self.stack.members.get(self.strikes.leader or "")
        if leader is not None and leader.pid in strike.pids and not strike.kind.endswith("term"):
            self._leaderless_since, self.strikes.leader = time.monotonic(), None
        return True

    def _look(self) -> None:
        """Bring back what is due, see who leads, and who left without having been told to."""
        self.strikes.catch_up()
        self._see_who_leads()
        for member in list(self.stack.members.values()):
            if member.process.poll() is None:
                self._hold_to_its_word(member)
            elif member.told is None:
                code = member.process.returncode
                if code != UNAVAILABLE or time.monotonic() - member.since > STARTS_WITHIN:
                    self._broken("exit", f"{member.role} ended by itself with code {code}; see {member.log}")
                self.stack.start(member.role)

    def _hold_to_its_word(self, member: Member) -> None:
        if member.told and not member.frozen and time.monotonic() - member.told[1] > LEAVES_WITHIN:
            self._broken("exit", f"{member.role} ({member.pid}) did not leave within {LEAVES_WITHIN:g} s of SIGTERM")
            member.process.kill()
            member.process.wait()

    def _see_who_leads(self) -> None:
        for role, member in self.stack.members.items():
            if not role.startswith("scheduler"):
                continue
            with member.log.open("rb") as log:
                log.seek(self._read.get(role, 0))
                said = log.read()
            self._read[role] = self._read.get(role, 0) + len(said)
            if LEADS in said:
                self.strikes.leader = role
                if self._leaderless_since is not None:
                    self.takeovers.append(time.monotonic() - self._leaderless_since)
                    self._leaderless_since = None

    def _settle(self) -> datetime:
        """Everything comes back; all that is due is recorded; schedulers leave; workers do the rest, and leave."""
        self.strikes.catch_up(all_of_it=True)
        until = datetime.now(UTC)
        self._wait(lambda: self._all_decided(until), "the schedules to be decided")
        print(f"{until:%H:%M:%S.%f} settling", file=self._diary)
        self._leave("scheduler")
        self._wait(lambda: not self._open_runs(), "the runs to end")
        self._leave("worker")
        self._diary.close()
        return until

    def left_over(self) -> list[str]:
        """What is still there when the lock of a leader that was killed last of all has had its time to run out."""
        until = time.monotonic() + LOCK_RUNS_OUT
        while (found := self.stack.left_over()) and time.monotonic() < until:
            time.sleep(0.2)
        return found

    def _wait(self, condition: Callable[[], bool], what: str) -> None:
        """Wait as long as runs go on to end: a backlog takes its time, and a run that nobody comes for shows."""
        until, ended = time.monotonic() + STANDS_STILL, self._ended_runs()
        while not condition():
            if ended != (ended := self._ended_runs()):
                until = time.monotonic() + STANDS_STILL
            if time.monotonic() > until:
                self._broken("unsettled", f"nothing happened for {STANDS_STILL:g} s while it waited for {what}")
                return
            self._look()
            time.sleep(0.2)

    def _leave(self, kind: str) -> None:
        members = [one for one in self.stack.members.values() if one.role.startswith(kind)]
        for member in members:
            if member.process.poll() is None and member.told is None:
                member.told = (signal.SIGTERM, time.monotonic())
                member.process.terminate()
        until = time.monotonic() + LEAVES_WITHIN
        while any(one.process.poll() is None for one in members) and time.monotonic() < until:
            time.sleep(0.1)
        for member in members:
            code = member.process.returncode
            if member.told and member.told[0] == signal.SIGTERM and code != 0 and not _was_starting(member):
                self._broken("exit", f"{member.role} left with code {code}; see {member.log}")

    def _all_decided(self, until: datetime) -> bool:
        """Whether the last time of every schedule up to this moment is decided."""
        engine = sa.create_engine(self.stack.url, poolclass=sa.NullPool)
        query = "SELECT job, schedule, MAX(nominal_time) FROM automation_occurrences GROUP BY job, schedule"
        with engine.connect() as connection:
            rows = connection.execute(sa.text(query)).all()
        newest = {(job, schedule): evidence.moment(nominal).timestamp() for job, schedule, nominal in rows}
        return all(
            newest.get((plan.job, plan.schedule), 0.0) >= until.timestamp() // plan.seconds * plan.seconds
            for plan in project.PLANS
        )

    def _ended_runs(self) -> object:
        return self._ask("SELECT COUNT(*) FROM automation_runs WHERE finished_at IS NOT NULL")

    def _open_runs(self) -> int:
        return int(self._ask("SELECT COUNT(*) FROM automation_runs WHERE state IN ('queued', 'running', 'retrying')"))

    def _ask(self, query: str) -> object:
        engine = sa.create_engine(self.stack.url, poolclass=sa.NullPool)
        with engine.connect() as connection:
            return connection.execute(sa.text(query)).scalar_one()

    def _broken(self, kind: str, what: str) -> None:
        self.violations.append(Violation(kind, f"{what} (at {datetime.now(UTC):%H:%M:%S})"))
        print(f"{datetime.now(UTC):%H:%M:%S.%f} {kind}: {what}", file=self._diary)


def _was_starting(member: Member) -> bool:
    """Whether SIGTERM met a process that had not come to take it up, and that has done nothing yet."""
    assert member.told is not None
    return member.process.returncode == -signal.SIGTERM and member.told[1] - member.since < STARTS_WITHIN


def main() -> int:
    """The command; 0 when every promise held."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.torment", description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--seed", type=int, default=None, help="default: drawn, and printed")
    parser.add_argument("--broker", choices=("embedded", "redis", "rabbitmq"), default="embedded")
    parser.add_argument("--ledger", choices=("sqlite", "postgresql", "mariadb"), default="sqlite")
    parser.add_argument("--schedulers", type=int, default=2)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--keep", action="store_true", help="keep the folder also when every promise held")
    parser.add_argument("--without", choices=("rescue", "ringing"), help="take a protection out; this has to fail")
    asked = parser.parse_args()
    seed = random.SystemRandom().randrange(10**6) if asked.seed is None else asked.seed
    root = Path(tempfile.mkdtemp(prefix="torment-"))
    said = f"seed {seed} · {asked.minutes:g} min · {asked.broker} + {asked.ledger}"
    print(f"{said} · {asked.schedulers} schedulers, {asked.workers} workers · {root}", flush=True)
    # Workers that fire while nobody leads would go on to decide while the torment waits for the end of what is decided.
    stack = Stack(root, asked.broker, asked.ledger, asked.without, AUTOMATION_STAND_IN="0s")
    found: list[Violation] | None = None
    try:
        torment = Torment(stack, random.Random(seed), asked.schedulers, asked.workers)
        until = torment.run(asked.minutes * 60)
        left = tuple(torment.left_over())
        seen = evidence.read(stack.url, root / "effects.log", project.PLANS, until, left)
        found = [*oracle.judge(seen), *torment.violations]
        print(f"{said} · {figures.line(seen, torment.strikes.done, torment.takeovers, found)}", flush=True)
    finally:
        stack.close(drop=found == [] and not asked.keep)
    for violation in found:
        print(f"  {violation}")
    if found:
        print(f"{len(found)} promises were broken; everything is in {root}, the ledger at {stack.url}")
    elif not asked.keep:
        shutil.rmtree(root)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
