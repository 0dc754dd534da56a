"""Occurrences: which due moments were decided, and with what.

Owns: the active configuration's revision, and recording decisions in one transaction.
Never: decides; publishes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from automation.database import execute_many, insert_many, reading
from automation.errors import AutomationError
from automation.ledger import alerts, flows, limit_counts, places, stopping, unique_holders
from automation.ledger.activation import sync_jobs, sync_schedules
from automation.ledger.endings import REPLACED
from automation.ledger.limit import Limit
from automation.ledger.rows import NewRun, run_values
from automation.ledger.set_back import set_back
from automation.ledger.standing import Key, Standing
from automation.ledger.states import State
from automation.ledger.tables import occurrences, revisions, runs, schedules

#: As the column has it; the run keeps the whole of its reason.
_LONGEST_REASON = 500
_TO = sa.bindparam("to", type_=schedules.c.cursor.type)
_MOVE = (
    schedules.update()
    .where(
        schedules.c.job == sa.bindparam("of_job"),
        schedules.c.schedule == sa.bindparam("of_schedule"),
        schedules.c.cursor < _TO,
    )
    .values(cursor=_TO)
)
__all__ = ["Decided", "Key", "Occurrences", "RevisionStale"]


class RevisionStale(AutomationError):
    """Another scheduler activated a newer configuration; what was decided under the old one is not recorded."""


@dataclass(frozen=True)
class Decided:
    """All that was decided for one schedule: runs (also those skipped or missed) and the new cursor.

    Parameters
    ----------
    cancel: ids of running runs that are asked to stop.
    supersede: ids of runs that wait to begin and, with a newer one there, do not. Neither happens where every run is
        there already: another scheduler decided the same.
    """

    job: str
    schedule: str
    runs: Sequence[NewRun]
    cursor: datetime
    cancel: Sequence[str] = ()
    supersede: Sequence[str] = ()


class Occurrences(Standing):
    """The ledger's part for the scheduler: how things stand, and what it decides."""

    def active_revision(self) -> tuple[int, str]:
        """The newest configuration's revision and digest; (0, "") before the first."""
        with reading(self._engine) as connection:
            return _active(connection)

    def activated_at(self, revision: int) -> datetime:
        """When this revision became the active one."""
        query = sa.select(revisions.c.activated_at).where(revisions.c.revision == revision)
        with reading(self._engine) as connection:
            moment: datetime = connection.execute(query).scalar_one()
        return moment

    def nominals(self, keys: Sequence[Key], after: datetime, limit: int) -> dict[Key, set[datetime]]:
        """The nominal times after this moment that were decided, by schedule: the newest, so many in all."""
        columns = (occurrences.c.job, occurrences.c.schedule, occurrences.c.nominal_time)
        wanted = sa.tuple_(*columns[:2]).in_(list(keys)) & (occurrences.c.nominal_time > after)
        query = sa.select(*columns).where(wanted).order_by(occurrences.c.nominal_time.desc()).limit(limit)
        found: dict[Key, set[datetime]] = {}
        with reading(self._engine) as connection:
            for job, schedule, nominal in connection.execute(query):
                found.setdefault((job, schedule), set()).add(nominal)
        return found

    def activate(
        self,
        digest: str,
        specs: Mapping[Key, Mapping[str, Any]],
        by: str,
        *,
        keep_missing: bool = False,
        renamed: Mapping[Key, Key] | None = None,
        definitions: Mapping[str, Mapping[str, Any]] | None = None,
        contents: str = "",
        limits: Mapping[str, Limit] | None = None,
    ) -> int:
        """Make this configuration the active one and return its revision.

        A schedule that is new, changed or back counts from now; one that is the same keeps its cursor. One of instants
        (`at`) counts from before its first, so that what passed a moment ago is not forgotten.

        Parameters
        ----------
        keep_missing: schedules that are not in `specs` keep their cursors too: a file that cannot be read just now says
            nothing about its jobs, and what falls due meanwhile is decided when it can be read again.
        renamed: new key → the key that it had before. When only the name changed, the cursor goes on, and so do pauses;
            with a job's name go the places of its open runs and its state too.
        definitions: the jobs as they are declared, by name; None leaves what is recorded as it is. Each is asked for
            when it is needed, and let go.
        contents: a digest of `specs` and `definitions` with every word. Where the one of the active configuration is the
            same, none of them is looked at; "" is always another.
        limits: what the jobs name, by owner; None is what `definitions` say of them. Their rows are always brought in step:
            a run that was asked for under an earlier configuration may have made one since.
        """
        now = self._clock.now()
        with self._engine.begin() as connection:
            revision, known = _active(connection, lock=True)
            if limits is None and definitions is not None:
                limits = limit_counts.declared(definitions)
            if limits is not None:
                limit_counts.sync(connection, limits, keep_missing=keep_missing)
            if contents and known == digest and _holds(connection, revision) == contents:
                return revision
            kept = None if keep_missing else contents or None
            if known != digest:
                values = {"digest": digest, "activated_at": now, "activated_by": by, "contents": kept}
                done = connection.execute(revisions.insert().values(values))
                key = done.inserted_primary_key
                revision = int(key[0]) if key else revision + 1
            else:
                connection.execute(revisions.update().where(revisions.c.revision == revision).values(contents=kept))
            sync_schedules(connection, specs, renamed or {}, revision, now, keep_missing=keep_missing)
            if definitions is not None:
                sync_jobs(connection, definitions, revision, keep_missing=keep_missing)
        return revision

    def record(self, decided: Sequence[Decided], revision: int) -> list[str]:
        """Record decisions in one transaction; returns the ids of runs that this call added and that wait to be published.

        Raises RevisionStale when `revision` is not the active one.
        """
        new = [run for one in decided for run in one.runs]
        now = self._clock.now()
        with self._engine.begin() as connection:
            self._require(connection, revision)
            _lock_flows(connection, decided)
            added, replaced = _insert(connection, new, now, revision) if new else (set(), {})
            alerts.tell_missed(connection, [run for run in new if run.state is State.MISSED and run.id in added], now)
            flows.settle(connection, [run.id for run in new if run.flow is not None], now)
            for one in decided:
                if (one.cancel or one.supersede) and any(run.id in added for run in one.runs):
                    stopping.cancel(connection, one.cancel, now, REPLACED)
                    stopping.supersede(connection, one.supersede, now)
            stopping.make_way(connection, replaced, now)
            moves = [{"of_job": one.job, "of_schedule": one.schedule, "to": one.cursor} for one in decided]
            execute_many(connection, _MOVE, moves)
        return [run.id for run in new if run.id in added]

    def clock_set_back(self, from_end: Collection[Key], revision: int) -> dict[Key, datetime]:
        """Let schedules go on whose cursors lie ahead, since the clock was set back; returns the cursors that moved.

        What was missed by the clock that was ahead is forgotten, and decided again when it comes; what ran stays done.

        Parameters
        ----------
        from_end: schedules that count from the end of a run.

        Raises RevisionStale when `revision` is not the active one.
        """
        now = self._clock.now()
        with self._engine.begin() as connection:
            self._require(connection, revision)
            since = sa.select(revisions.c.activated_at).where(revisions.c.revision == revision)
            return set_back(connection, from_end, now, connection.execute(since).scalar_one())

    @staticmethod
    def _require(connection: sa.Connection, revision: int) -> None:
        active, _digest = _active(connection, lock=True)
        if active != revision:
            raise RevisionStale(
                f"Revision {revision} is no longer active; {active} is. The configuration is read again"
            )


def _active(connection: sa.Connection, *, lock: bool = False) -> tuple[int, str]:
    """The active revision; locked, no other scheduler records or activates until this transaction ends."""
    query = sa.select(revisions.c.revision, revisions.c.digest).order_by(revisions.c.revision.desc()).limit(1)
    if lock:
        # Whoever held the lock may have added a revision, which the row that was waited for does not tell.
        connection.execute(query.with_for_update())
    row = connection.execute(query).one_or_none()
    return (row.revision, row.digest) if row else (0, "")


def _holds(connection: sa.Connection, revision: int) -> str | None:
    query = sa.select(revisions.c.contents).where(revisions.c.revision == revision)
    found: str | None = connection.execute(query).scalar_one()
    return found


def _lock_flows(connection: sa.Connection, decided: Sequence[Decided]) -> None:
    """All at once, as some runs are at an end as they are recorded, and others are ended for them."""
    others = [run_id for one in decided for run_id in (*one.cancel, *one.supersede)]
    known = flows.of(connection, others).values() if others else ()
    flows.lock(connection, [*(run.flow for one in decided for run in one.runs), *known])


def _insert(
    connection: sa.Connection, new: Sequence[NewRun], now: datetime, revision: int
) -> tuple[set[str], unique_holders.Replaced]:
    """Insert what is not there yet; the ids are the same for the same occurrence, so both inserts agree.

    Returns the ids of what is new and was not skipped for its unique key, and the waiting runs that are to make way.
    """
    known = set(connection.scalars(sa.select(runs.c.id).where(runs.c.id.in_([run.id for run in new]))))
    fresh = [run for run in new if run.id not in known]
    if not fresh:
        return set(), {}
    settled, replaced = unique_holders.settle(connection, fresh, now)
    decisions = [
        {
            "job": run.job,
            "schedule": run.schedule,
            "nominal_time": run.nominal_time,
            "decision": run.state,
            "reason": run.reason and run.reason[:_LONGEST_REASON],
            "decided_at": now,
            "revision": revision,
            "run_id": run.id,
        }
        for run in settled
    ]
    places.reserve(connection, places.keys_of(settled))
    insert_many(connection, occurrences, decisions)
    insert_many(connection, runs, [run_values(run) for run in settled])
    return {after.id for before, after in zip(fresh, settled, strict=True) if after.state is before.state}, replaced
