"""A project whose processes one fault is done to, and what the oracle says then.

Owns: starting rigged processes, asking for runs, waiting, letting all leave, judging.
Never: decides what is right; the oracle does.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import psutil
import sqlalchemy as sa

from automation.ledger.rows import Waiting
from automation.queue import enqueue
from automation.queue.door import Door
from automation.services import Services, build_services
from tests.faults import deed, evidence, oracle
from tests.faults.evidence import Attempt, Evidence, Line, Plan, Run
from tests.faults.oracle import Violation
from tests.faults.stack import LEASE, Member, Stack

WITHIN = 90.0
#: So that no test waits for a span that is longer in production for no other reason than to save work.
HASTE = {"lock": 2.0}
BY_HAND = (
    Plan("deed", None, 0, max_lost=3),
    Plan("count", None, 0, counts=True, max_lost=3),
    Plan("short", None, 0, max_lost=3),
)


class Scene(Stack):
    """One project, with a broker that keeps nothing, and a ledger in a file.

    Parameters
    ----------
    jobs: the names of jobs that fire each second.
    seconds: how long each run of these takes.
    """

    def __init__(self, root: Path, *jobs: str, seconds: float = 0.0, ledger: str = "sqlite", **settings: str) -> None:
        super().__init__(root, "redis", ledger, files=deed.files(deed.every_second(*jobs, seconds=seconds)), **settings)
        self.plans = (*BY_HAND, *(Plan(job, "main", 1) for job in jobs))
        self.asked: list[str] = []
        self.until: datetime | None = None
        self._said_before: dict[str, int] = {}
        self.start_broker()

    # --- starting and asking -------------------------------------------------------------------------------------

    def begin(self, role: str, *options: str, **rig: Any) -> Member:
        """Start a process, rigged so; returns when it works: it is in the ledger, and a worker has children."""
        member = self.launch(role, *options, **rig)
        eventually(lambda: member.process.poll() is not None or self._is_ready(member), self.tails)
        return member

    def launch(self, role: str, *options: str, **rig: Any) -> Member:
        """Start a process, rigged so, and do not wait for it."""
        log = self.root / "logs" / f"{role}.log"
        self._said_before[role] = log.stat().st_size if log.exists() else 0
        return self.start(role, *options, rig={**HASTE, **rig})

    def _is_ready(self, member: Member) -> bool:
        return "is ready" in self.said(member)

    def said(self, member: Member) -> str:
        """What a process has logged, without those that had its role before it."""
        with member.log.open("rb") as log:
            log.seek(self._said_before[member.role])
            return log.read().decode()

    def ask_for(self, job: str = "deed", **params: Any) -> str:
        """A run by hand; its id."""
        run, _new = enqueue.record(self._services, enqueue.Request(job, params))
        self.asked.append(run.id)
        enqueue.ring(self._services, self.door, run)
        return run.id

    @cached_property
    def _services(self) -> Services:
        return build_services(self.root, environ=self.environ)

    @cached_property
    def door(self) -> Door:
        """To the queue, for whoever asks for runs."""
        return Door.of(self._services.settings)

    # --- looking -------------------------------------------------------------------------------------------------

    def seen(self) -> Evidence:
        """What is known by now."""
        until = self.until or datetime.now(UTC)
        return evidence.read(self.url, self.root / "effects.log", self.plans, until, (), tuple(self.asked))

    def run(self, run_id: str) -> Run:
        """A run as it stands."""
        return next(run for run in self.seen().runs if run.id == run_id)

    def runs(self, job: str, *states: str) -> list[Run]:
        """The runs of a job, in these states, or in any, in the order of their times."""
        found = [run for run in self.seen().runs if run.job == job and (not states or run.state in states)]
        return sorted(found, key=lambda run: run.nominal_time)

    def attempts(self, run_id: str) -> list[Attempt]:
        """The attempts of a run, in order."""
        found = [one for one in self.seen().attempts if one.run_id == run_id]
        return sorted(found, key=lambda one: one.attempt)

    def outcomes(self, run_id: str) -> list[str | None]:
        """How the attempts of a run ended."""
        return [one.outcome for one in self.attempts(run_id)]

    def lines(self, run_id: str, what: str) -> list[Line]:
        """The lines of this kind that a run's attempts left."""
        found = evidence.lines_of(self.root / "effects.log")
        return [line for line in found if (line.run, line.what) == (run_id, what)]

    def began(self, run_id: str, attempt: int = 1) -> None:
        """Wait until an attempt of the run has begun."""
        eventually(lambda: any(line.attempt == attempt for line in self.lines(run_id, "began")), self.tails)

    def ended(self, *run_ids: str) -> None:
        """Wait until these runs have ended."""
        wanted = set(run_ids)
        eventually(lambda: wanted <= {run.id for run in self.seen().runs if run.state in oracle.FINAL}, self.tails)

    def more(self, job: str, number: int = 2) -> None:
        """Wait until so many more occurrences of the job have succeeded."""
        wanted = len(self.runs(job, "succeeded")) + number
        eventually(lambda: len(self.runs(job, "succeeded")) >= wanted, self.tails)

    def struck(self, mark: Path, member: Member | None = None) -> datetime:
        """Wait until a process struck itself, and the member, where one is named, is gone; when that was."""
        eventually(mark.exists, self.tails)
        if member is not None:
            member.process.wait(WITHIN)
        return datetime.fromtimestamp(mark.stat().st_mtime, UTC)

    @property
    def sign(self) -> Path:
        """The file that a failpoint leaves."""
        return self.root / "struck"

    def permit(self, name: str) -> None:
        """Let go on whoever waits for this file."""
        (self.root / name).touch()

    def tails(self) -> str:
        """The last lines of every log, for whoever asks why nothing happens."""
        return "\n".join(f"{log.name}: {log.read_text()[-1500:]}" for log in sorted((self.root / "logs").iterdir()))

    def ask(self, query: str) -> Any:
        """One value from the ledger."""
        with sa.create_engine(self.url, poolclass=sa.NullPool).connect() as connection:
            return connection.execute(sa.text(query)).scalar()

    def has_come_to(self, member: Member, step: int) -> bool:
        """Whether a process that starts is there (0), has loaded its database driver (1), has said something (2)."""
        if member.process.poll() is not None or step == 0:
            return True
        if step == 1:
            return "_sqlite3" in Path(f"/proc/{member.pid}/maps").read_text()
        return bool(self.said(member))

    @staticmethod
    def now() -> datetime:
        """This moment."""
        return datetime.now(UTC)

    # --- striking -------------------------------------------------------------------------------------------------

    def kill(self, member: Member, number: int = signal.SIGKILL) -> datetime:
        """Send a process, and nothing that it started, a signal; one that kills is waited for. Returns when."""
        at = self.now()
        os.kill(member.pid, number)
        if number == signal.SIGKILL:
            member.process.wait(WITHIN)
        return at

    def freeze(self, member: Member) -> datetime:
        """Stop a process and its children; returns when. None of them has the ledger's write lock, which would stop all."""
        with self._services.ledger.engine.begin():
            at = self.now()
            os.killpg(member.pid, signal.SIGSTOP)
        return at

    def wake(self, member: Member) -> None:
        """Let a process and its children go on."""
        os.killpg(member.pid, signal.SIGCONT)

    @staticmethod
    def pass_time(seconds: float) -> None:
        """Let a fault last so long."""
        time.sleep(seconds)

    def deliver_again(self, run_id: str) -> None:
        """Put the run's message into the queue once more, as a broker does with one that nobody acknowledged."""
        self.door.publish([Waiting(run_id, "default", 5)])

    # --- ending --------------------------------------------------------------------------------------------------

    def verdict(self) -> list[Violation]:
        """Let all that is due be decided and done, have everybody leave, and ask the oracle.

        1. All that fell due up to now is decided; then the schedulers leave.
        2. All runs have ended; then the workers leave.
        3. Whoever did not leave with 0, and what is left over, counts as broken too.
        """
        self.until = datetime.now(UTC)
        if self._members("scheduler"):
            self._wait_out(lambda: sum(1 for _ in oracle.unrecorded(self.seen())))
        left = self._leave("scheduler")
        self._wait_out(self._open_runs)
        left += self._leave("worker")
        return [*oracle.judge(self.seen()), *(Violation("left over", what) for what in [*left, *self.left_over()])]

    def _wait_out(self, left: Callable[[], int]) -> None:
        """Wait until nothing is left, as long as anything goes in between: a backlog takes its time."""
        while still := left():
            eventually(lambda so_many=still: left() < so_many, self.tails)

    def _open_runs(self) -> int:
        return int(self.ask("SELECT COUNT(*) FROM automation_runs WHERE state IN ('queued', 'running', 'retrying')"))

    def broken(self, about: str = "") -> set[str]:
        """The kinds of promises that are broken as things stand, of what fell due up to `until`, or now.

        Parameters
        ----------
        about: the id of the run that is meant; without, all count, also those that are still at work.
        """
        return {violation.kind for violation in oracle.judge(self.seen()) if about in violation.what}

    def left_behind(self) -> list[str]:
        """Wait until runs are at work, as the ledger has it, whose lease ran out a whole lease ago; their ids."""

        def found() -> list[str]:
            past = self.now() - timedelta(seconds=LEASE)
            return [run.id for run in self.seen().runs if run.state == "running" and run.lease_until < past]

        return eventually(found, self.tails)

    def left_over(self) -> list[str]:
        """As of every stack; and whoever works in the project's folder and is none of its members."""
        mine = {one.pid for one in self.members.values() if one.role in self.broker_roles}
        return super().left_over() + [f"process {pid} still works there" for pid in self._inhabitants() - mine]

    def _inhabitants(self) -> set[int]:
        found = set()
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.cwd() == str(self.root) and process.status() != psutil.STATUS_ZOMBIE:
                    found.add(process.pid)
        return found

    def _members(self, kind: str) -> list[Member]:
        return [one for one in self.members.values() if one.role.startswith(kind) and one.process.poll() is None]

    def _leave(self, kind: str) -> list[str]:
        leaving = self._members(kind)
        for member in leaving:
            member.process.terminate()
        codes = [(one, one.process.wait(WITHIN)) for one in leaving]
        return [f"{one.role} left with {code}" for one, code in codes if code and not self._had_no_time(one)]

    def _had_no_time(self, member: Member) -> bool:
        """Whether SIGTERM met a process that had not come to take it up, and that has done nothing yet."""
        return member.process.returncode == -signal.SIGTERM and "is ready" not in self.said(member)

    def close(self, *, drop: bool = True) -> None:
        """End by force what is still there."""
        if "door" in self.__dict__:
            self.door.close()
        if "_services" in self.__dict__:
            self._services.close()
        super().close(drop=drop)


def eventually(condition: Callable[[], Any], says: Callable[[], str] = str, within: float = WITHIN) -> Any:
    """The condition's first true answer; an error with what `says` says when the time is up."""
    deadline = time.monotonic() + within
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"not within {within:g} s\n{says()}"
        time.sleep(0.1)
    return answer


def kinds(found: list[Violation]) -> set[str]:
    """The kinds of promises that were broken."""
    return {violation.kind for violation in found}
