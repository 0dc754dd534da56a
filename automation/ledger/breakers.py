"""Breakers: how each stands, written with the claim that tries and with the verdict that answers.

Owns: the row of a breaker, which whoever claims or ends a run of it locks; closing one by hand.
Never: decides what follows an answer (`circuit` does); puts a run into the line (`gates` does).
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from automation.clock import Clock
from automation.database import insert_or_ignore, insert_or_lock, reading
from automation.ledger.circuit import Answer, Breaker, Circuit, Position
from automation.ledger.gate_tables import breakers
from automation.ledger.limit_counts import Wait
from automation.ledger.states import Outcome, State
from automation.ledger.tables import runs
from automation.text import instant, printable

_log = logging.getLogger(__name__)
_LONGEST = 500
_FIELDS = ("circuit", "streak", "since", "tries_at", "probe", "probe_attempt", "reason")
_KEY = sa.bindparam("key", type_=breakers.c.breaker_key.type)
_LOCK = sa.select(breakers).where(breakers.c.breaker_key == _KEY).with_for_update()
_PROBE = sa.select(runs.c.state, runs.c.attempt).where(runs.c.id == sa.bindparam("run", type_=runs.c.id.type))
_ANSWERS = {Outcome.SUCCEEDED: Answer.GOOD, Outcome.FAILED: Answer.BAD, Outcome.TIMED_OUT: Answer.BAD, Outcome.LOST: Answer.BAD}  # fmt: skip


@dataclass(frozen=True)
class BreakerRow:
    """A breaker that has seen a failure.

    Parameters
    ----------
    waiting: how many runs stand before it.
    """

    key: str
    position: Position
    waiting: int

    @property
    def closed(self) -> bool:
        """Whether it lets everything through."""
        return self.position.circuit is Circuit.CLOSED

    def as_json(self) -> dict[str, Any]:
        """The stable form, instants in ISO 8601 UTC."""
        one = self.position
        moments = {
            name: moment and instant(moment) for name, moment in (("since", one.since), ("tries_at", one.tries_at))
        }
        return {
            "breaker": self.key, "state": str(one.circuit), "failures": one.streak, **moments, "probe": one.probe,
            "waiting": self.waiting, "reason": one.reason,
        }  # fmt: skip


class Breakers:
    """What people see of breakers, and closing one."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine, self._clock = engine, clock

    def all(self) -> list[BreakerRow]:
        """Every breaker that has seen a failure since it last closed, by its key."""
        stands = sa.select(sa.func.count()).where(runs.c.waits_on == breakers.c.breaker_key).scalar_subquery()
        seen = (breakers.c.circuit != Circuit.CLOSED) | (breakers.c.streak > 0)
        query = sa.select(breakers, stands.label("waiting")).where(seen).order_by(breakers.c.breaker_key)
        with reading(self._engine) as connection:
            return [BreakerRow(row.breaker_key, _position(row), row.waiting) for row in connection.execute(query)]

    def close(self, key: str, author: str) -> bool:
        """Let everything through again; False where it was closed. What stands before it is rung with the next look."""
        with self._engine.begin() as connection:
            row = connection.execute(_LOCK, {"key": key}).one_or_none()
            before = Position() if row is None else _position(row)
            if before == Position():
                return False
            _write(connection, key, Position())
        if before.circuit is not Circuit.CLOSED:
            _log.warning("The %s is closed by %s", key, author)
        return before.circuit is not Circuit.CLOSED


def lock(connection: sa.Connection, breaker: Breaker) -> Position:
    """Wait until no other transaction holds this breaker, hold it until this one ends, and see how it stands."""
    row = connection.execute(_LOCK, {"key": breaker.key}).one_or_none()
    if row is None:
        dialect = connection.dialect.name
        # On SQLite a write transaction has the whole file.
        statement = (insert_or_ignore if dialect == "sqlite" else insert_or_lock)(breakers, dialect)
        connection.execute(statement, [{"breaker_key": breaker.key, "circuit": Circuit.CLOSED, "streak": 0}])
        row = connection.execute(_LOCK, {"key": breaker.key}).one()
    return _position(row)


def look(connection: sa.Connection, keys: Collection[str]) -> dict[str, Position]:
    """How these breakers stand, without a lock; absent are those that nobody has asked for yet."""
    rows = connection.execute(sa.select(breakers).where(breakers.c.breaker_key.in_(list(keys))))
    return {row.breaker_key: _position(row) for row in rows}


def refusal(connection: sa.Connection, key: str, position: Position, ahead: int, now: datetime) -> Wait | None:
    """Why one may not begin of whom so many stand before it; None where it may."""
    lets_in = _lets_in(connection, position, now)
    if lets_in is None or (lets_in and not ahead):
        return None
    told = f"waits: {key} is open {_after(position.streak)}"
    if position.circuit is Circuit.HALF_OPEN and not lets_in:
        return Wait(key, f"{told}; run {position.probe} tries")
    if position.tries_at is None or position.tries_at <= now:
        return Wait(key, f"{told}; another run tries first")
    return Wait(key, f"{told}; one run tries at {instant(position.tries_at)}", position.tries_at)


def free(connection: sa.Connection, keys: Collection[str], now: datetime, most: int) -> dict[str, int]:
    """How many may begin now before each of these breakers that has a row."""
    found = {key: _lets_in(connection, one, now) for key, one in look(connection, keys).items()}
    return {key: most if lets_in is None else int(lets_in) for key, lets_in in found.items()}


def enter(connection: sa.Connection, breaker: Breaker, position: Position, run_id: str, attempt: int) -> None:
    """A run that has just been claimed passes; where the breaker is not closed it is the one that tries."""
    if position.circuit is not Circuit.CLOSED:
        _write(connection, breaker.key, position.try_with(run_id, attempt))
        _log.warning("The %s is half open: run %s tries", breaker.key, run_id)


def answer(connection: sa.Connection, breaker: Breaker, run_id: str, attempt: int, ended: Any, now: datetime) -> str:
    """What the verdict on an attempt says to the breaker; returns the line for the log, "" where it stands as before.

    Parameters
    ----------
    ended: the verdict.
    """
    before = lock(connection, breaker)
    said = _ANSWERS.get(ended.outcome, Answer.NONE)
    if said is Answer.BAD and not breaker.counts(ended.failure_class or "unknown", ended.code):
        said = Answer.NONE
    why = printable(ended.message or ended.reason or str(ended.outcome), _LONGEST)
    after = before.after(said, run_id, attempt, breaker, now, why)
    if after == before:
        return ""
    _write(connection, breaker.key, after)
    return _line(breaker.key, before, after)


def tell(line: str) -> None:
    """Log what became of a breaker, once it is committed."""
    if line:
        _log.log(logging.WARNING if line.endswith("is closed again") else logging.ERROR, "%s", line)


def _line(key: str, before: Position, after: Position) -> str:
    if after.circuit is Circuit.OPEN and after.tries_at is not None:
        again = " again" if before.circuit is Circuit.HALF_OPEN else f" {_after(after.streak)}"
        return f"The {key} is open{again}: {after.reason}; one run tries at {instant(after.tries_at)}"
    return f"The {key} is closed again" if before.circuit is Circuit.HALF_OPEN else ""


def _after(streak: int) -> str:
    return f"after {streak} failures in a row" if streak > 1 else "after a failure"


def _lets_in(connection: sa.Connection, position: Position, now: datetime) -> bool | None:
    at_work = False
    if position.circuit is Circuit.HALF_OPEN:
        row = connection.execute(_PROBE, {"run": position.probe}).one_or_none()
        at_work = row is not None and (row.state, row.attempt) == (State.RUNNING, position.probe_attempt)
    return position.lets_in(now, probe_at_work=at_work)


def _position(row: Any) -> Position:
    values: Mapping[str, Any] = {name: getattr(row, name) for name in _FIELDS}
    return Position(**{**values, "circuit": Circuit(row.circuit)})


def _write(connection: sa.Connection, key: str, position: Position) -> None:
    changed = breakers.update().where(breakers.c.breaker_key == key)
    connection.execute(changed.values({name: getattr(position, name) for name in _FIELDS}))
