"""Admission: whether one more run may be asked for.

Owns: recording a run under its unique key, and how many runs wait in a queue.
Never: words a refusal.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from automation.clock import Clock
from automation.database import insert_or_ignore, reading
from automation.ledger import flows, places, stopping, unique_holders
from automation.ledger.rows import NewRun, run_values
from automation.ledger.states import CLAIMABLE
from automation.ledger.tables import runs
from automation.ledger.unique_key import REPLACE_WAITING, Holder

_AT_ONCE = 500
# The index has only these rows; SQLite takes it where the words are the same, so they are not bound.
_WAITING = runs.c.state.in_(sa.bindparam("waiting", list(CLAIMABLE), expanding=True, literal_execute=True))


@dataclass(frozen=True)
class Admitted:
    """What became of a run that was asked for.

    Parameters
    ----------
    added: it is recorded; False when its id or idempotency key is taken, or another one holds its unique key.
    holder: the run that held its unique key.
    replaced: the holder waited, and the new run has its place.
    """

    added: bool
    holder: Holder | None = None
    replaced: bool = False


class Admission:
    """The ledger's part for those who ask for runs by hand."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine, self._clock = engine, clock

    def holder(self, job: str, key: str) -> Holder | None:
        """The run of this job that holds this unique key now."""
        with reading(self._engine) as connection:
            return unique_holders.find(connection, job, key, self._clock.now())

    def holders(self, keys: Iterable[tuple[str, str]]) -> dict[str, Holder]:
        """Of jobs and their unique keys, one of each job: who holds them now, by the job's name."""
        with reading(self._engine) as connection:
            return unique_holders.find_all(connection, keys, self._clock.now())

    def admit(self, run: NewRun) -> Admitted:
        """Record a run, unless another one holds its unique key; of any number that are asked for at once one is first."""
        now, unique = self._clock.now(), run.unique
        with self._engine.begin() as connection:
            holder = None
            if unique is not None:
                # Flows before keys, as all do: whoever waits is to make way, and may belong to one.
                if (before := unique_holders.find(connection, run.job, unique.key, now)) is not None:
                    flows.lock(connection, flows.of(connection, [before.run_id]).values())
                unique_holders.lock(connection, [(run.job, unique.key)])
                holder = unique_holders.find(connection, run.job, unique.key, now)
                if holder is not None and unique.on_conflict != REPLACE_WAITING:
                    return Admitted(added=False, holder=holder)
            places.reserve(connection, places.keys_of([run]))
            values = [run_values(run)]
            if not connection.execute(insert_or_ignore(runs, connection.dialect.name), values).rowcount:
                return Admitted(added=False)
            if unique is not None:
                unique_holders.hold(connection, run.job, run.id, unique)
            gone = stopping.make_way(connection, {holder.run_id: run.id}, now) if holder is not None else []
        return Admitted(added=True, holder=holder, replaced=bool(gone))

    def admit_together(self, new: Sequence[NewRun]) -> bool:
        """Record all of these runs, or none where the first one's idempotency key is taken."""
        with self._engine.begin() as connection:
            places.reserve(connection, places.keys_of(new))
            statement = insert_or_ignore(runs, connection.dialect.name)
            if not connection.execute(statement, [run_values(new[0])]).rowcount:
                return False
            if new[1:]:
                connection.execute(statement, [run_values(run) for run in new[1:]])
        return True

    def admit_batch(self, new: Sequence[NewRun]) -> Holder | None:
        """Record all runs of a backfill, which have one unique key if any; or none, where another run holds it: that one.

        The last of them holds it from then on: each of them is wanted, and so are no others meanwhile.
        """
        last = new[-1]
        with self._engine.begin() as connection:
            if last.unique is not None:
                unique_holders.lock(connection, [(last.job, last.unique.key)])
                holder = unique_holders.find(connection, last.job, last.unique.key, self._clock.now())
                if holder is not None:
                    return holder
            places.reserve(connection, places.keys_of(new))
            statement = insert_or_ignore(runs, connection.dialect.name)
            for start in range(0, len(new), _AT_ONCE):
                connection.execute(statement, [run_values(run) for run in new[start : start + _AT_ONCE]])
            if last.unique is not None:
                unique_holders.hold(connection, last.job, last.id, last.unique)
        return None

    def waiting(self, queue: str) -> int:
        """How many runs of a queue wait: queued, or for their next attempt."""
        query = sa.select(sa.func.count()).select_from(runs).where(runs.c.queue == queue, _WAITING)
        with reading(self._engine) as connection:
            return connection.execute(query).scalar_one()
