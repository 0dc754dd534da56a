"""Runs: every move of a run is one conditional update, and one that changes no row did not happen.

Owns: add, claim, finish, cancel, expire, progress. Each move names the state it starts from, and the attempt
(the fencing token) where a worker makes it, so that a late worker changes nothing.
Never: decides what follows a failure; it is told.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from automation.clock import Clock
from automation.commits import light, synced
from automation.database import insert_or_ignore, reading
from automation.ledger import alerts, breakers, flows, gates, places, ringing, stopping
from automation.ledger.alarm import Alerts
from automation.ledger.circuit import Breaker, breaker_of
from automation.ledger.limit import limits_of
from automation.ledger.mail_tables import outbox
from automation.ledger.memory import keep_values
from automation.ledger.quick import brief, read_one
from automation.ledger.rows import NewRun, RunRow, Waiting, run_values
from automation.ledger.states import CLAIMABLE, State
from automation.ledger.streaks import pause_if_failing
from automation.ledger.tables import attempts, runs
from automation.ledger.verdict import Verdict

__all__ = ["Claimant", "Runs", "Verdict"]

_log = logging.getLogger(__name__)
_AT_ONCE = 500


@dataclass(frozen=True)
class Claimant:
    """The process that claims: the worker's name, as in `automation_processes`, and the pid that does the work."""

    worker: str
    pid: int


def _set(*names: str) -> dict[str, sa.BindParameter[Any]]:
    return {name: sa.bindparam(name, type_=(runs.c if name in runs.c else attempts.c)[name].type) for name in names}


# Built once: between the first and the last statement of a transaction other writers wait.
_RUN, _KNOWN = sa.bindparam("run", type_=runs.c.id.type), sa.bindparam("known", type_=sa.Integer)
_READ = sa.select(runs).where(runs.c.id == _RUN)
_CLAIM = (
    runs.update()
    .where(runs.c.id == _RUN, runs.c.attempt == _KNOWN, sa.or_(*(runs.c.state == state for state in CLAIMABLE)))
    .values(_set("state", "attempt", "started_at", "worker", "pid", "lease_until", "deadline", "done", "total"))
)
_OPEN = attempts.insert().values(_set("run_id", "attempt", "worker", "pid", "started_at"))
_END = (
    runs.update()
    .where(runs.c.id == _RUN, runs.c.attempt == _KNOWN, runs.c.state == State.RUNNING)
    .values(
        **_set("state", "reason", "result", "finished_at"),
        due_at=sa.func.coalesce(sa.bindparam("again_at", type_=runs.c.due_at.type), runs.c.due_at),
        spent=runs.c.spent + sa.bindparam("spends", type_=sa.Integer),
        losses=runs.c.losses + sa.bindparam("loses", type_=sa.Integer),
        lease_until=None,
        deadline=None,
        published_at=None,
        rings=0,
    )
)
_FINISH = _END.where(runs.c.flow.is_(None))
_CLOSE = (
    attempts.update()
    .where(attempts.c.run_id == _RUN, attempts.c.attempt == _KNOWN)
    .values(_set("finished_at", "outcome", "failure_class", "code", "message", "traceback"))
)


class Runs:
    """The moves of a run."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine, self._clock = engine, clock

    def add(self, run: NewRun) -> bool:
        """Record a run; False when its id or idempotency key is taken."""
        return self.add_all([run]) == 1

    def add_all(self, new: Sequence[NewRun]) -> int:
        """Record runs in one transaction; returns how many of them are new: whose id and idempotency key were free."""
        added = 0
        with self._engine.begin() as connection:
            places.reserve(connection, places.keys_of(new))
            statement = insert_or_ignore(runs, connection.dialect.name)
            for start in range(0, len(new), _AT_ONCE):
                values = [run_values(run) for run in new[start : start + _AT_ONCE]]
                added += connection.execute(statement, values).rowcount
        return added

    def claim(
        self, run_id: str, claimant: Claimant, lease: timedelta, longest: Callable[[RunRow], timedelta]
    ) -> RunRow | None:
        """Take a due run: queued or retrying → running, with the next attempt number; None when there is nothing to take.

        A run that is to begin and is too late expires. One that finds no place of its overlap key is skipped if its
        spec says so; else it stays as it is, without a message, until its place is free. So does one that a limit keeps
        from beginning, with the limit as its reason.

        Parameters
        ----------
        lease: how long the claim holds without a heartbeat.
        longest: after how long the attempt is ended by force, read from the run's own spec.

        On SQLite a machine that loses its power may forget a claim of the last seconds, and does what it would do with
        one that it knows of: the run begins again. All who could have held it are gone with the machine.
        """
        now = self._clock.now()
        run = self._waiting(run_id, now)
        if run is None or self._expire([run], now):
            return None
        changes: dict[str, Any] = {
            "state": State.RUNNING,
            "attempt": run.attempt + 1,
            "started_at": run.started_at or now,
            "worker": claimant.worker,
            "pid": claimant.pid,
            "lease_until": now + lease,
            "deadline": now + longest(run),
            "done": None,
            "total": None,
        }
        opened = {
            "run_id": run_id,
            "attempt": run.attempt + 1,
            "worker": claimant.worker,
            "pid": claimant.pid,
            "started_at": now,
        }
        if _is_alone(run):
            return replace(run, **changes) if self._claim_alone(run, changes, opened) else None
        with light(self._engine) as connection:
            known = {"run": run_id, "known": run.attempt}
            # One that may be skipped here ends; else only who ends a run waits for the others of its flow.
            with flows.ending(connection, [run_id] if run.flow and run.spec.get("skips") else [], now):
                taken = places.take(connection, run, now)
            if not taken:
                gates.found_no_place(connection, run, now)
                return None
            passed = gates.ask(connection, run, now)
            if passed is None or connection.execute(_CLAIM, {**known, **changes}).rowcount != 1:
                return None
            connection.execute(_OPEN, opened)
            gates.enter(connection, run, passed, now)
        return replace(run, **changes)

    def _claim_alone(self, run: RunRow, changes: dict[str, Any], opened: dict[str, Any]) -> bool:
        """The claim of a run that nothing keeps from beginning, as most are; whether it was there to be claimed."""
        with brief(self._engine) as connection:
            if connection.execute(_CLAIM, {"run": run.id, "known": run.attempt, **changes}).rowcount != 1:
                return False
            connection.execute(_OPEN, opened)
        return True

    def _waiting(self, run_id: str, now: datetime) -> RunRow | None:
        """The run, if it could be claimed; read first, so that the write is short."""
        row = read_one(self._engine, _READ, {"run": run_id})
        run = RunRow.of(row) if row else None
        return run if run and run.state in CLAIMABLE and run.due_at <= now else None

    def report_progress(self, run_id: str, attempt: int, done: int, total: int | None) -> bool:
        """How far the attempt is; False when it is no longer the newest."""
        mine = runs.update().where(runs.c.id == run_id, runs.c.attempt == attempt, runs.c.state == State.RUNNING)
        with light(self._engine) as connection:
            return connection.execute(mine.values(done=done, total=total)).rowcount == 1

    def finish(
        self, run_id: str, attempt: int, verdict: Verdict, breaker: Breaker | None = None, to_tell: Alerts | None = None
    ) -> bool:
        """End an attempt in one transaction with all that follows from it.

        Parameters
        ----------
        breaker, to_tell: those of the run, if its spec has them; the verdict is the breaker's answer.

        Returns False, with nothing written, when the attempt is not the newest or its run is not running: a fenced-out
        worker's result is nobody's.
        """
        now = self._clock.now()
        ends, closes = verdict.of_run(now), verdict.of_attempt(now)
        mine = {"run": run_id, "known": attempt}
        if _is_brief(verdict, breaker, to_tell) and self._finish_alone({**mine, **ends}, {**mine, **closes}):
            return True
        with synced(self._engine) as connection:
            if not _end(connection, {**mine, **ends}, now):
                return False
            connection.execute(_CLOSE, {**mine, **closes})
            if verdict.mails:
                connection.execute(insert_or_ignore(outbox, connection.dialect.name), list(verdict.mails))
            if verdict.job_values is not None:
                keep_values(connection, run_id, verdict.job_values)
            if to_tell is not None:
                alerts.tell_end(connection, to_tell, run_id, now)
            pause = pause_if_failing(connection, run_id, now) if verdict.state is State.DEAD else None
            told = breakers.answer(connection, breaker, run_id, attempt, verdict, now) if breaker is not None else ""
        breakers.tell(told)
        if pause is not None:
            _log.error("Job %s is paused: %s", pause.target, pause.reason)
        return True

    def _finish_alone(self, ends: dict[str, Any], closes: dict[str, Any]) -> bool:
        """A verdict from which nothing follows, on a run in no flow; False, with nothing written, where that is not all."""
        with brief(self._engine, sync=True) as connection:
            if connection.execute(_FINISH, ends).rowcount != 1:
                return False
            connection.execute(_CLOSE, closes)
        return True

    def renew(self, worker: str, lease: timedelta) -> int:
        """Extend the lease of every run of this worker; returns how many it has."""
        mine = runs.update().where(runs.c.worker == worker, runs.c.state == State.RUNNING)
        with self._engine.begin() as connection:
            return connection.execute(mine.values(lease_until=self._clock.now() + lease)).rowcount

    def mark_published(self, waiting: Sequence[Waiting]) -> None:
        """These runs' messages went out now; one whose message reached a worker in the meantime stays as it is."""
        ringing.mark(self._engine, waiting, self._clock.now())

    def unpublish(self, run_ids: Sequence[str]) -> None:
        """These runs' messages are gone with a stopping worker; they are to be rung again at once."""
        if run_ids:
            mark = runs.update().where(runs.c.id.in_(list(run_ids)), runs.c.state.in_(CLAIMABLE))
            with self._engine.begin() as connection:
                connection.execute(mark.values(published_at=None))

    def unpublish_all(self) -> int:
        """No run that nobody has claimed has a message any more; returns how many had one."""
        out = runs.update().where(runs.c.state.in_(CLAIMABLE), runs.c.published_at.is_not(None))
        with self._engine.begin() as connection:
            return connection.execute(out.values(published_at=None)).rowcount

    def request_cancel(self, run_id: str) -> bool:
        """Ask a running run to stop, or cancel a waiting one; False when it has ended.

        One that does not stop within its `kill_after`, or has less time left, is ended by force.
        """
        return self.request_cancels([run_id]) == 1

    def request_cancels(self, run_ids: Sequence[str]) -> int:
        """The same for many; returns how many of them had not ended."""
        found, now = 0, self._clock.now()
        for start in range(0, len(run_ids), _AT_ONCE):
            with self._engine.begin() as connection:
                some = run_ids[start : start + _AT_ONCE]
                found += stopping.cancel(connection, some, now, "cancelled before it started")
        return found

    def expire(self, limit: int = _AT_ONCE) -> list[RunRow]:
        """End the runs that are too late to begin; returns them as they were."""
        now = self._clock.now()
        with reading(self._engine) as connection:
            late = stopping.too_late(connection, now, limit)
        return self._expire(late, now)

    def _expire(self, found: Sequence[RunRow], now: datetime) -> list[RunRow]:
        late = [run for run in found if stopping.expires(run, now)]
        if not late:
            return []
        with self._engine.begin() as connection:
            return stopping.expire(connection, late, now)


def _is_alone(run: RunRow) -> bool:
    """Whether a run asks no other before it begins, and is in no line."""
    asks = run.max_running is not None or run.flow is not None or run.waits_on is not None
    return not asks and not limits_of(run.spec) and breaker_of(run.spec) is None


def _is_brief(verdict: Verdict, breaker: Breaker | None, to_tell: Alerts | None) -> bool:
    """Whether there is nothing to write but the verdict, if the run is in no flow."""
    silent = to_tell is None or verdict.state in CLAIMABLE
    return (
        silent
        and breaker is None
        and verdict.state is not State.DEAD
        and not verdict.mails
        and verdict.job_values is None
    )


def _end(connection: sa.Connection, changes: dict[str, Any], now: datetime) -> bool:
    """End or put off a run; what it is in a flow costs one that is in none nothing."""
    if connection.execute(_FINISH, changes).rowcount == 1:
        return True
    with flows.ending(connection, [changes["run"]], now):
        return connection.execute(_END, changes).rowcount == 1
