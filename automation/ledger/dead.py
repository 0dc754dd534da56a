"""Dead letters: runs without a further attempt, which wait for somebody to bring them back or to lay them aside.

Owns: which runs they are, and those two moves. A run that is brought back stays the same run: its occurrence, its
effects and the numbers of its attempts go on, so that nothing that was done once is done again and no late worker counts.
Never: decides that a run is dead.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count, islice
from typing import Any

import sqlalchemy as sa

from automation.clock import Clock
from automation.database import reading
from automation.ledger import unique_holders
from automation.ledger.rows import RunRow
from automation.ledger.states import State
from automation.ledger.tables import attempts, logs, runs
from automation.ledger.unique_key import Unique
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


@dataclass(frozen=True)
class Cause:
    """Dead letters of one job that failed alike; `last` is when the newest of them died."""

    job: str
    failure_class: str | None
    code: str | None
    runs: int
    last: datetime | None


class Dead:
    """The dead letters of a ledger."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine, self._clock = engine, clock

    def letters(self, wanted: Wanted, limit: int) -> list[Letter]:
        """Dead letters, the last to die first."""
        last = (runs.c.finished_at.desc(), runs.c.id)
        shown = sa.select(runs, attempts.c.failure_class, attempts.c.code, attempts.c.message)
        if wanted.tag is None:
            # Only these are read as a whole, and the others' moments put in order.
            ids = _among(sa.select(runs.c.id), wanted).order_by(*last).limit(limit).subquery("newest")
            query = shown.select_from(ids.join(runs, runs.c.id == ids.c.id).outerjoin(attempts, _LAST)).order_by(*last)
        else:
            query = _among(shown, wanted).order_by(*last)
        with reading(self._engine) as connection:
            found = _tagged(connection, query, wanted.tag, limit)
            return [Letter(RunRow.of(row), row["failure_class"], row["code"], row["message"]) for row in found]

    def causes(self, wanted: Wanted) -> list[Cause]:
        """How many dead letters each job has by the failure of their last attempt, the most frequent first.

        A tag is not looked for: whoever asks by tag asks for the letters.
        """
        by = (runs.c.job, attempts.c.failure_class, attempts.c.code)
        query = _among(sa.select(*by, sa.func.count().label("n"), sa.func.max(runs.c.finished_at)), wanted)
        with reading(self._engine) as connection:
            return [Cause(*row) for row in connection.execute(query.group_by(*by).order_by(sa.text("n DESC")))]

    def ids(self, wanted: Wanted, limit: int | None = None) -> list[str]:
        """The runs of dead letters, those that stand for the earliest times first."""
        query = sa.select(runs.c.id, *([runs.c.spec] if wanted.tag else []))
        query = _among(query, wanted).order_by(runs.c.nominal_time, runs.c.id)
        with reading(self._engine) as connection:
            return [row["id"] for row in _tagged(connection, query, wanted.tag, limit)]

    def replay(
        self,
        run_ids: Sequence[str],
        author: str,
        every: timedelta = timedelta(),
        unique: Mapping[str, tuple[str, Unique]] | None = None,
    ) -> list[str]:
        """Put dead runs back into the queue, with all attempts of their policy before them; returns those that were dead.

        Those that were discarded come back, too. None of them expires any more. One whose unique key another run holds
        stays dead.

        Parameters
        ----------
        every: the wait between one run and the next.
        unique: the jobs and unique keys of those that have one.
        """
        now, who = self._clock.now(), printable(author, 120)
        back: list[str] = []
        for some in _chunks(run_ids):
            with self._engine.begin() as connection:
                keys = {run_id: unique[run_id] for run_id in some if run_id in unique} if unique else {}
                # Before the runs, as all do.
                unique_holders.lock(connection, {(job, one.key) for job, one in keys.values()})
                held = _held_by_others(connection, keys, now)
                found = [row for row in _dead(connection, some) if row["id"] not in held]
                for run_id in (row["id"] for row in found if row["id"] in keys):
                    unique_holders.hold(connection, keys[run_id][0], run_id, keys[run_id][1])
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
    shows = wanted.failure_class or attempts in query.columns_clause_froms
    query = query.select_from(runs.outerjoin(attempts, _LAST) if shows else runs).where(_LETTER)
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


def _held_by_others(connection: sa.Connection, keys: Mapping[str, tuple[str, Unique]], now: datetime) -> set[str]:
    """Those of the runs that may not come back by their unique keys: another run holds it, be it one that comes back, too."""
    first: dict[tuple[str, str], str] = {}
    held = set()
    for run_id, (job, unique) in keys.items():
        holder = unique_holders.find(connection, job, unique.key, now)
        if (holder is not None and holder.run_id != run_id) or first.setdefault((job, unique.key), run_id) != run_id:
            held.add(run_id)
    return held


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
