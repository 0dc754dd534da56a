"""Making a configuration the active one: schedules and jobs as the ledger keeps them, brought in step with it.

Owns: which cursor a schedule starts from, and what a new name takes over from the old one.
Never: opens a transaction; it works within the caller's.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import sqlalchemy as sa

from automation.database import execute_many
from automation.ledger import pauses
from automation.ledger.places import reserve
from automation.ledger.standing import Key, ScheduleState, state_of
from automation.ledger.states import OPEN
from automation.ledger.tables import job_state, occurrences, runs, schedules
from automation.ledger.tables import jobs as job_table
from automation.triggers.parse import parse_trigger

#: How many jobs are in hand at once, each with all that it declares.
_AT_ONCE = 1000
_BEGINNING = datetime(1, 1, 2, tzinfo=UTC)
_JUST_BEFORE = timedelta(microseconds=1)


def sync_schedules(
    connection: sa.Connection,
    specs: Mapping[Key, Mapping[str, Any]],
    renamed: Mapping[Key, Key],
    revision: int,
    now: datetime,
    *,
    keep_missing: bool,
) -> None:
    """Bring the schedules in step.

    A schedule that is new, changed or back counts from now; one that is the same keeps its cursor, and so does one
    that only has another name.

    Parameters
    ----------
    renamed: new key → the key that it had before.
    keep_missing: what `specs` does not have stays as it is.
    """
    known = {
        (row["job"], row["schedule"]): state_of(row) for row in connection.execute(sa.select(schedules)).mappings()
    }
    taken = {new: old for new, old in renamed.items() if _takes_over(known, specs, new, old)}
    gone = taken.values() if keep_missing else known.keys() - specs.keys()
    _write(connection, (_row(key, known[key], revision, active=False) for key in gone if known[key].active), new=False)
    fresh: list[dict[str, Any]] = []
    changed: list[dict[str, Any]] = []
    for key, spec in specs.items():
        before = known.get(key)
        if before is not None and before.active and dict(before.spec) == dict(spec):
            continue
        state = ScheduleState(*key, dict(spec), _cursor(known, spec, taken.get(key), now), active=True)
        (fresh if before is None else changed).append(_row(key, state, revision, active=True))
    _write(connection, fresh, new=True)
    _write(connection, changed, new=False)
    _move_names(connection, taken, {job for job, _ in specs})


def sync_jobs(
    connection: sa.Connection, definitions: Mapping[str, Mapping[str, Any]], revision: int, *, keep_missing: bool
) -> None:
    """Bring the declared jobs in step; those that are not declared any more stay, and are not active."""
    columns = (job_table.c.job, sa.cast(job_table.c.definition, sa.Text), job_table.c.active)
    known, same = set(), set()
    gone: list[dict[str, Any]] = []
    for job, text, active in connection.execute(sa.select(*columns)):
        known.add(job)
        if job not in definitions:
            if active and not keep_missing:
                gone.append({"of_job": job, "revision": revision, "active": False})
        elif active and _says(text, definitions[job]):
            same.add(job)
    fresh = (job for job in definitions if job not in known)
    changed = (job for job in definitions if job in known and job not in same)
    of_job = job_table.c.job == sa.bindparam("of_job")
    for name, statement, jobs in (
        ("job", job_table.insert(), fresh),
        ("of_job", job_table.update().where(of_job), changed),
    ):
        while some := list(islice(jobs, _AT_ONCE)):
            rows = [
                {name: job, "definition": _plain(definitions[job]), "revision": revision, "active": True}
                for job in some
            ]
            execute_many(connection, statement, rows)
    execute_many(connection, job_table.update().where(of_job), gone)


def _says(text: str, definition: Mapping[str, Any]) -> bool:
    """Whether a stored text is this definition. Most are, letter by letter; a database may have put the keys in order."""
    declared = json.dumps(definition, default=str)
    return text == declared or bool(json.loads(text) == json.loads(declared))


def _plain(definition: Mapping[str, Any]) -> Any:
    return json.loads(json.dumps(definition, default=str))


def _takes_over(known: Mapping[Key, ScheduleState], specs: Mapping[Key, Any], new: Key, old: Key) -> bool:
    """Whether the new key is one that the ledger has not, or no longer, in use, and the old one has just gone."""
    unknown = new not in known or not known[new].active
    return unknown and new in specs and old not in specs and old in known and known[old].active


def _cursor(known: Mapping[Key, ScheduleState], spec: Mapping[str, Any], old: Key | None, now: datetime) -> datetime:
    """Where a schedule that is new, changed, back or renamed is decided from."""
    if old is not None:
        return known[old].cursor if dict(known[old].spec) == dict(spec) else now
    if "at" in spec:
        # An instant that passed a moment ago is late, and not unheard of; one that ran before is found by its id.
        earliest = parse_trigger(spec).next_after(_BEGINNING)
        return now if earliest is None else min(now, earliest - _JUST_BEFORE)
    return now


def _row(key: Key, state: ScheduleState, revision: int, *, active: bool) -> dict[str, Any]:
    values = {"spec": dict(state.spec), "cursor": state.cursor, "revision": revision, "active": active}
    return {"of_job": key[0], "of_schedule": key[1], **values}


def _write(connection: sa.Connection, rows: Iterable[dict[str, Any]], *, new: bool) -> None:
    values = list(rows)
    if not values:
        return
    if new:
        names = [
            {**_without(row, "of_job", "of_schedule"), "job": row["of_job"], "schedule": row["of_schedule"]}
            for row in values
        ]
        execute_many(connection, schedules.insert(), names)
        return
    mine = (schedules.c.job == sa.bindparam("of_job")) & (schedules.c.schedule == sa.bindparam("of_schedule"))
    execute_many(connection, schedules.update().where(mine), values)


def _without(row: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


def _move_names(connection: sa.Connection, taken: Mapping[Key, Key], declared: set[str]) -> None:
    """What hangs on a name goes with it: pauses; of a whole job also the places of its open runs, and its state."""
    for new, old in taken.items():
        pauses.rename(connection, "schedule", "/".join(old), "/".join(new))
        _move_decisions(connection, old, new)
    for job, before in sorted({(new[0], old[0]) for new, old in taken.items() if new[0] != old[0]}):
        if before not in declared:
            _move_job(connection, before, job)


def _move_decisions(connection: sa.Connection, old: Key, new: Key) -> None:
    """What was decided is known under the new name, also to `max_fires`; but for what that name decided before itself."""

    def of(key: Key) -> sa.ColumnElement[bool]:
        return (occurrences.c.job == key[0]) & (occurrences.c.schedule == key[1])

    newest = connection.execute(sa.select(sa.func.max(occurrences.c.nominal_time)).where(of(new))).scalar_one()
    moved = of(old) if newest is None else of(old) & (occurrences.c.nominal_time > newest)
    connection.execute(occurrences.update().where(moved).values(job=new[0], schedule=new[1]))
    _move_forgotten(connection, old, new)


def _move_forgotten(connection: sa.Connection, old: Key, new: Key) -> None:
    """What is no longer recorded counts under the new name, too, and under the old one no more."""

    def of(key: Key) -> sa.ColumnElement[bool]:
        return (schedules.c.job == key[0]) & (schedules.c.schedule == key[1])

    columns = sa.select(schedules.c.forgotten, schedules.c.forgotten_until)
    number, until = connection.execute(columns.where(of(old))).one()
    _, own = connection.execute(columns.where(of(new))).one()
    latest = max((moment for moment in (until, own) if moment is not None), default=None)
    added = {"forgotten": schedules.c.forgotten + number, "forgotten_until": latest}
    connection.execute(schedules.update().where(of(new)).values(**added))
    connection.execute(schedules.update().where(of(old)).values(forgotten=0))


def _move_job(connection: sa.Connection, old: str, new: str) -> None:
    pauses.rename(connection, "job", old, new)
    counted = (runs.c.overlap_key == old) & (runs.c.job == old) & runs.c.state.in_(OPEN)
    connection.execute(runs.update().where(counted).values(overlap_key=new))
    reserve(connection, [new])
    remembers = sa.select(sa.func.count()).select_from(job_state).where(job_state.c.job == new)
    if not connection.execute(remembers).scalar_one():
        connection.execute(job_state.update().where(job_state.c.job == old).values(job=new))
