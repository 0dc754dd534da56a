"""A project at work whose broker or ledger a test strikes, and what the oracle says of it up to a moment.

Owns: a light project, the way to its services, waiting until all up to a moment has ended.
Never: decides what is right; the oracle does.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from kombu import Connection

from tests.faults import evidence, oracle
from tests.faults.detour import Detour
from tests.faults.evidence import Evidence, Plan
from tests.faults.project import FILES
from tests.faults.stack import ROOT, Member, Stack, _outside

PATIENCE = 90.0
SCHEDULES = """
[defaults]
timeout = "20s"
kill_after = "2s"
retry = {{ max_attempts = 4, first = "200ms", max_delay = "2s", max_lost = 50 }}

[jobs.tick]
plugin = "act"
every = "{tick}s"
overlap = "queue_all"
max_queued = 500

[jobs.slow]
plugin = "act"
every = "{slow}s"
overlap = "allow"
params = {{ seconds = 0.6 }}

[jobs.mark]
plugin = "act"
overlap = "allow"
"""


class Course(Stack):
    """A scheduler, a worker, and a way to their services that can be made a bad one.

    Parameters
    ----------
    broker: `redis` (a server of its own that keeps nothing) or `rabbitmq`.
    relayed: what is reached by the relay: `redis`, `rabbitmq`, the ledger's server; None: nothing.
    without: protections of the product that are taken out.
    pace: so many seconds lie between two fires of one job; of the other, twice as many.
    """

    def __init__(
        self, root: Path, broker: str = "redis", ledger: str = "sqlite", *,
        relayed: str | None = None, without: Sequence[str] = (), pace: int = 1, **settings: str,
    ) -> None:  # fmt: skip
        self._relayed = relayed
        self._rig: dict[str, Any] = {"repeat": 3, "without": list(without)}
        self._rig["clock"] = str(root / "clock")
        self.set_clock(0)
        self.relay: Detour | None = None
        self.since: datetime | None = None
        self.plans = (Plan("tick", "main", pace, alone=True, max_queued=500), Plan("slow", "main", 2 * pace))
        schedules = SCHEDULES.format(tick=pace, slow=2 * pace)
        super().__init__(root, broker, ledger, files={**FILES, "schedules/torment.toml": schedules}, **settings)

    # --- starting ------------------------------------------------------------------------------------------------

    def begin(self) -> Course:
        """Start broker, scheduler and worker, and wait until something was done."""
        self.start_broker()
        self.start("scheduler-1")
        self.start("worker-1")
        eventually(lambda: self.lines("ended"))
        self.since = evidence.moment(self.ask("SELECT MIN(activated_at) FROM automation_revisions"))
        return self

    def start(self, role: str, *options: str, rig: Mapping[str, Any] | None = None) -> Member:
        """Start a process of this role; what is not Redis repeats lost messages sooner, and goes without what it must."""
        return super().start(role, *options, rig=rig or self._rig)

    @property
    def broker_roles(self) -> tuple[str, ...]:
        """The processes that stand for the broker; the relay is none of them."""
        return ("redis",)

    def _broker_settings(self) -> dict[str, str]:
        found = super()._broker_settings()
        ports = {"redis": self._redis_port, "rabbitmq": 5672, "postgresql": 5432, "mariadb": 3306}
        if self._relayed is None:
            return found
        self.relay = Detour(self._relay_port, ("127.0.0.1", ports[self._relayed]))
        if self._relayed == "redis":
            return {
                name: value.replace(f":{self._redis_port}/", f":{self._relay_port}/") for name, value in found.items()
            }
        if self._relayed == self.ledger_kind:
            found["AUTOMATION_DATABASE_URL"] = self.url.replace(f":{ports[self._relayed]}/", f":{self._relay_port}/")
        return found

    # --- striking ------------------------------------------------------------------------------------------------

    def kill(self, *roles: str) -> None:
        """End these processes by SIGKILL, and wait until they have gone."""
        for role in roles:
            member = self.members[role]
            member.told = (signal.SIGKILL, time.monotonic())
            member.process.kill()
            member.process.wait()

    def set_clock(self, seconds: float) -> None:
        """Set the clock that the product's processes look at, by so much from the right time."""
        new = Path(f"{self._rig['clock']}.new")
        new.write_text(str(seconds))
        new.rename(self._rig["clock"])

    def tell(self, order: str) -> str:
        """Give the relay an order."""
        assert self.relay is not None, "nothing goes through a relay here"
        return self.relay.tell(order)

    def delete_queue(self) -> None:
        """Delete the queue of RabbitMQ, and all that is in it."""
        with Connection("amqp://guest:guest@127.0.0.1:5672//") as connection:
            connection.default_channel.queue_delete(f"{self.mark}.default")

    # --- asking --------------------------------------------------------------------------------------------------

    def ask(self, query: str, **values: Any) -> Any:
        """One value from the ledger, by no code of the product; None while it cannot be asked."""
        engine = sa.create_engine(self.url, poolclass=sa.NullPool)
        values = {name: self._bound(value) for name, value in values.items()}
        with suppress(sa.exc.DBAPIError), engine.connect() as connection:
            return connection.execute(sa.text(query), values).scalar()
        return None

    def _bound(self, value: Any) -> Any:
        """A moment as this database compares it."""
        if not isinstance(value, datetime) or self.ledger_kind == "postgresql":
            return value
        return str(value.replace(tzinfo=None)) if self.ledger_kind == "sqlite" else value.replace(tzinfo=None)

    def lines(self, *what: str) -> list[evidence.Line]:
        """The effect log: all lines, or those of these kinds."""
        found = evidence.lines_of(self.root / "effects.log")
        return [line for line in found if not what or line.what in what]

    def said(self, role: str) -> str:
        """All that a process has logged."""
        return self.members[role].log.read_text("utf-8", "replace")

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A command as a user types it in this project."""
        return subprocess.run(
            [sys.executable, "-m", "automation", *words],
            cwd=self.root,
            env={**_outside(), "PYTHONPATH": str(ROOT), **self.environ},
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )

    def recovered(self, since: datetime) -> float:
        """Wait for a run that was decided after that moment to begin; from the moment to its begin, in seconds."""
        query = "SELECT MIN(started_at) FROM automation_runs WHERE started_at IS NOT NULL AND queued_at > :since"
        found = eventually(lambda: self.ask(query, since=since))
        return (evidence.moment(found) - since).total_seconds()

    def pass_time(self, seconds: float) -> None:
        """Let a fault last so long."""
        time.sleep(seconds)

    # --- judging -------------------------------------------------------------------------------------------------

    def judged(self) -> list[str]:
        """Every promise that was broken since it was asked last, as soon as all up to now has ended."""
        until = datetime.now(UTC)
        self.settled(until)
        seen = self.evidence(until)
        self.since = until
        return [str(violation) for violation in oracle.judge(seen)]

    def settled(self, until: datetime) -> None:
        """Wait until every time up to this moment is decided, and every run of it has ended."""
        missing = [f"{plan.job}/{plan.schedule}" for plan in self.plans]

        def is_settled() -> bool:
            nonlocal missing
            missing = [*oracle.unrecorded(seen := self.evidence(until))]
            missing += [what for what in oracle.lost(seen) if "is still" in what]
            return not missing

        eventually(is_settled, says=lambda: "; ".join(missing[:5]))

    def evidence(self, until: datetime) -> Evidence:
        """What is known of the times after the last judgement, up to this moment."""
        assert self.since is not None, "a course begins before it is judged"
        found = evidence.read(self.url, self.root / "effects.log", self.plans, until, ())
        scheduled = replace(found, runs=tuple(run for run in found.runs if run.schedule))
        by_hand = {run.id for run in found.runs if not run.schedule}
        lines = tuple(line for line in found.lines if line.run not in by_hand)
        attempts = tuple(one for one in found.attempts if one.run_id not in by_hand)
        return evidence.within(replace(scheduled, lines=lines, attempts=attempts), self.since, until)

    def undecided(self) -> list[str]:
        """Times of some seconds ago that have no decision; what protects is out when there are any."""
        until = now()
        self.pass_time(3)
        return list(oracle.unrecorded(self.evidence(until)))

    def alive(self) -> list[str]:
        """The schedulers and workers that did not end by themselves."""
        return [role for role, one in self.members.items() if role not in self.broker_roles and one.is_up]

    def wrong_after(self, fault: str, measured: Callable[..., None]) -> list[str]:
        """Once something new was done: what was broken of the promises, and whether a process ended by itself.

        Parameters
        ----------
        measured: takes the seconds until then.
        """
        measured(fault, self.recovered(now()))
        there = self.alive()
        return self.judged() + ([] if there == ["scheduler-1", "worker-1"] else [f"of the processes there are {there}"])

    # --- ending --------------------------------------------------------------------------------------------------

    def leave(self) -> list[str]:
        """Ask schedulers and workers to leave; what did not go as it should, in words."""
        mine = [one for role, one in self.members.items() if role not in self.broker_roles and one.is_up]
        for member in sorted(mine, key=lambda one: one.role):
            member.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                member.process.wait(PATIENCE)
        wrong = [f"{one.role} left with {one.process.poll()}" for one in mine if one.process.poll() != 0]
        return wrong + self.left_over()

    def close(self, *, drop: bool = True) -> None:
        """End by force what is still there."""
        super().close(drop=drop)
        if self.relay is not None:
            self.relay.close()


def eventually(
    condition: Callable[[], Any], within: float = PATIENCE, says: Callable[[], object] = lambda: "nothing"
) -> Any:
    """The condition's first true answer; an error with what `says` says when the time is up."""
    deadline = time.monotonic() + within
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"not within {within:g} s: {says()}"
        time.sleep(0.1)
    return answer


def lengths(short: float, *full: float) -> list[Any]:
    """A fault's length for `.ci/run`, and its full ones for `-m soak`."""
    return [
        pytest.param(short, marks=pytest.mark.slow),
        *(pytest.param(length, marks=pytest.mark.soak) for length in full),
    ]


def now() -> datetime:
    """This moment, as the oracle counts."""
    return datetime.now(UTC)


def span(seconds: float) -> timedelta:
    """So many seconds."""
    return timedelta(seconds=seconds)


__all__ = ["Course", "Member", "eventually", "lengths", "now", "span"]
