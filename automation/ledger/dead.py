"""Dead letters: runs without a further attempt, which wait for somebody to bring them back or to lay them aside.

Owns: which runs they are, and those two moves. A run that is brought back stays the same run: its occurrence, its
effects and the numbers of its attempts go on, so that nothing that was done once is done again and no late worker counts.
Never: decides that a run is dead.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count, islice
from typing import Any

import sqlalchemy as sa

from automation.clock import Clock
from automation.database import reading
from automation.ledger.rows import RunRow
from automation.ledger.states import State
from automation.ledger.tables import attempts, logs, runs
from automation.retry import DISCARDED
from automation.text import printable

_AT_ONCE = 500
_LETTER = (runs.c.state == State.DEAD) & (runs.c.reason.is_(None) | ~runs.c.reason.startswith(DISCARDED))
_LAST = (attempts.c.run_id == runs.c.id) & (attempts.c.attempt == runs.c.attempt)
_RUN = sa.bindparam("run", type_=runs.c.id.type)
_TO = {name: sa.bindparam(f"to_{name}", type_=runs.c[name].type) for name in ("due_at", "max_attempts", "reason")}
_REPLAY = (
    runs.update()
    .where(runs.c.id == _RUN, runs.c.state == State.DEAD)
    .values(
        **_TO,
        state=State.QUEUED,
        queued_at=_TO["due_at"],
        spent=0,
        losses=0,
        # It has begun before, and takes its place anew.
        started_at=None,
        finished_at=None,
        expires_at=None,
        cancel_requested_at=None,
        published_at=None,
        rings=0,
    )
)
_DISCARD = runs.update().where(runs.c.id == _RUN, _LETTER).values(reason=_TO["reason"])


@dataclass(frozen=True)
class Wanted:
    """Which dead letters are meant; what is None does not matter.

    Parameters
    ----------
    failure_class: of the last attempt.
    since: those that died then or later.
    """

    job: str | None = None
    tag: str | None = None
    failure_class: str | None = None
    since: datetime | None = None


@dataclass(frozen=True)
class Letter:
    """A dead letter: the run, and how its last attempt failed."""

    run: RunRow
    failure_class: str | None
    code: str | None
    message: str | None

    def as_json(self) -> dict[str, Any]:
        """The run's stable form with the last failure."""
        return {
            **self.run.as_json(),
            "failure_class": self.failure_class,
            "code": self.code,
            "message": self.message,
        }


class Dead:
    """The dead letters of a ledger."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine, self._clock = engine, clock

    def letters(self, wanted: Wanted, limit: int) -> list[Letter]:
        """Dead letters, the last to die first."""
        query = sa.select(runs, attempts.c.failure_class, attempts.c.code, attempts.c.message)
        query = _among(query, wanted).order_by(runs.c.finished_at.desc(), runs.c.id)
        with reading(self._engine) as connection:
            found = _tagged(connection, query, wanted.tag, limit)
            return [Letter(RunRow.of(row), row["failure_class"], row["code"], row["message"]) for row in found]

    def ids(self, wanted: Wanted, limit: int | None = None) -> list[str]:
        """The runs of dead letters, those that stand for the earliest times first."""
        query = sa.select(runs.c.id, *([runs.c.spec] if wanted.tag else []))
        query = _among(query, wanted).order_by(runs.c.nominal_time, runs.c.id)
        with reading(self._engine) as connection:
            return [row["id"] for row in _tagged(connection, query, wanted.tag, limit)]

    def replay(self, run_ids: Sequence[str], author: str, every: timedelta = timedelta()) -> list[str]:
        """Put dead runs back into the queue, with all attempts of their policy before them; returns those that were dead.

        Those that were discarded come back, too. None of them expires any more.

        Parameters
        ----------
        every: the wait between one run and the next.
        """
        now, who = self._clock.now(), printable(author, 120)
        back: list[str] = []
        for some in _chunks(run_ids):
            with self._engine.begin() as connection:
                found = _dead(connection, some)
                if found:
                    moments = (now + every * number for number in count(len(back)))
                    connection.execute(_REPLAY, [_again(row, who, at) for row, at in zip(found, moments, strict=False)])
                    said = f"brought back from the dead letters by {who}; it was dead: "
                    self._note(connection, [(row, said + _reason(row)) for row in found])
            back += [row["id"] for row in found]
        return back

    def discard(self, run_ids: Sequence[str], reason: str, author: str) -> list[str]:
        """Lay dead letters aside: they stay dead, and are no dead letters any more; returns those that were."""
        said = f"{DISCARDED}by {printable(author, 120)}: {printable(reason)}"
        gone: list[str] = []
        for some in _chunks(run_ids):
            with self._engine.begin() as connection:
                found = _dead(connection, some, letters=True)
                if found:
                    values = [{"run": row["id"], "to_reason": f"{said}; it was dead: {_reason(row)}"} for row in found]
                    connection.execute(_DISCARD, values)
                    self._note(connection, [(row, said) for row in found])
            gone += [row["id"] for row in found]
        return gone

    def _note(self, connection: sa.Connection, lines: Iterable[tuple[sa.RowMapping, str]]) -> None:
        """Who did it stands in the log of the run."""
        now = self._clock.now()
        rows = [
            {"run_id": row["id"], "attempt": row["attempt"], "at": now, "level": "info", "message": text}
            for row, text in lines
        ]
        connection.execute(logs.insert(), rows)


def _among(query: sa.Select[Any], wanted: Wanted) -> sa.Select[Any]:
    query = query.select_from(runs.outerjoin(attempts, _LAST)).where(_LETTER)
    if wanted.job:
        query = query.where(runs.c.job == wanted.job)
    if wanted.failure_class:
        query = query.where(attempts.c.failure_class == wanted.failure_class)
    if wanted.since:
        query = query.where(runs.c.finished_at >= wanted.since)
    return query


def _tagged(
    connection: sa.Connection, query: sa.Select[Any], tag: str | None, limit: int | None
) -> Iterator[sa.RowMapping]:
    """The rows whose run has the tag, at most so many; each database would look into the JSON in its own way."""
    if tag is None:
        return iter(connection.execute(query.limit(limit)).mappings())
    rows = connection.execute(query).mappings()
    return islice((row for row in rows if tag in row["spec"].get("tags", ())), limit)


def _dead(connection: sa.Connection, run_ids: Sequence[str], *, letters: bool = False) -> list[sa.RowMapping]:
    """The dead ones of these runs in the same order, locked until the transaction ends, so that nobody else moves them."""
    columns = (runs.c.id, runs.c.attempt, runs.c.max_attempts, runs.c.reason, runs.c.spec)
    which = _LETTER if letters else runs.c.state == State.DEAD
    query = sa.select(*columns).where(runs.c.id.in_(run_ids), which).order_by(runs.c.id).with_for_update()
    found = {row["id"]: row for row in connection.execute(query).mappings()}
    return [found[run_id] for run_id in run_ids if run_id in found]


def _again(row: sa.RowMapping, author: str, moment: datetime) -> dict[str, Any]:
    allowed = row["spec"].get("retry", {}).get("max_attempts", 1)
    return {
        "run": row["id"],
        "to_due_at": moment,
        "to_max_attempts": row["attempt"] + allowed,
        "to_reason": f"brought back by {author}",
    }


def _reason(row: sa.RowMapping) -> str:
    return row["reason"] or "unknown"


def _chunks(run_ids: Sequence[str]) -> Iterator[list[str]]:
    known = list(dict.fromkeys(run_ids))
    for start in range(0, len(known), _AT_ONCE):
        yield known[start : start + _AT_ONCE]
