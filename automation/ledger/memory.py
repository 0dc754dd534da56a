"""What a run leaves behind and a job remembers: log lines, artifacts, once-keys, state between runs.

Owns: those rows.
Never: touches a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from automation.artifacts import Artifact
from automation.clock import Clock
from automation.commits import light, synced
from automation.database import insert_or_ignore, reading
from automation.errors import Refused
from automation.ledger.again import again
from automation.ledger.states import OPEN, State
from automation.ledger.tables import artifacts, job_state, logs, onces, runs

_FACTS = ("state", "reason", "nominal_time", "result")


class Memory:
    """What is written while an attempt works."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine, self._clock = engine, clock

    def log(self, run_id: str, attempt: int, lines: Sequence[tuple[datetime, str, str]]) -> None:
        """Keep log lines: (when, level, message), already masked; they are on disk with the verdict at the latest."""
        rows = [
            {"run_id": run_id, "attempt": attempt, "at": at, "level": level, "message": message}
            for at, level, message in lines
        ]
        if rows:
            with light(self._engine) as connection:
                connection.execute(logs.insert(), rows)

    def once(self, scope: str, name: str) -> bool:
        """True for the first caller of this name in this scope, after its row is on disk."""
        row = {"scope": scope, "name": name, "at": self._clock.now()}

        def remember() -> bool:
            with synced(self._engine) as connection:
                statement = insert_or_ignore(onces, connection.dialect.name).values(row)
                return connection.execute(statement).rowcount == 1

        def is_ours() -> bool | None:
            query = sa.select(onces.c.at).where(onces.c.scope == scope, onces.c.name == name)
            with reading(self._engine) as connection:
                at = connection.execute(query).scalar_one_or_none()
            return None if at is None else bool(at == row["at"])

        return again(self._clock, f"Once '{name}'", remember, is_ours)

    def job_values(self, job: str) -> dict[str, Any]:
        """What the job kept in `ctx.state`."""
        query = sa.select(job_state.c.name, job_state.c.value).where(job_state.c.job == job)
        with reading(self._engine) as connection:
            return {row.name: row.value for row in connection.execute(query)}

    def keep_artifact(self, artifact: Artifact, attempt: int) -> None:
        """Record a file of a running attempt; one of the same name of an earlier attempt is replaced.

        Raises Refused when the attempt is no longer the newest.
        """
        newest = sa.select(runs.c.id).where(
            runs.c.id == artifact.run_id, runs.c.attempt == attempt, runs.c.state == State.RUNNING
        )
        values = {
            "run_id": artifact.run_id,
            "job": artifact.job,
            "attempt": attempt,
            "name": artifact.name,
            "path": str(artifact.path),
            "media_type": artifact.media_type,
            "size": artifact.size,
            "sha256": artifact.sha256,
            "created_at": artifact.created_at,
        }
        same = (artifacts.c.run_id == artifact.run_id) & (artifacts.c.name == artifact.name)
        with self._engine.begin() as connection:
            if connection.execute(newest).one_or_none() is None:
                raise Refused(
                    f"Attempt {attempt} of run {artifact.run_id} is no longer the newest; its file is not kept"
                )
            connection.execute(artifacts.delete().where(same))
            connection.execute(artifacts.insert().values(**values))

    def artifacts(self, run_id: str) -> list[Artifact]:
        """The files of a run, by name."""
        query = sa.select(artifacts).where(artifacts.c.run_id == run_id).order_by(artifacts.c.name)
        with reading(self._engine) as connection:
            return [artifact_of(row) for row in connection.execute(query)]

    def newest_artifacts(self, job: str, before: datetime | None = None) -> list[Artifact]:
        """The files of the job's newest succeeded run that left any, of those for a moment before this one."""
        with reading(self._engine) as connection:
            run_id = newest_with_artifacts(connection, job, before)
        return self.artifacts(run_id) if run_id else []

    def newest(self, job: str, until: datetime) -> dict[str, Any]:
        """How the job's newest ended run until this nominal time ended; the moment and result of its newest success."""
        mine = (runs.c.job == job) & (runs.c.nominal_time <= until)
        ended = sa.select(runs.c.state, runs.c.reason, runs.c.nominal_time, runs.c.result)
        ended = ended.where(mine, runs.c.state.not_in(OPEN))
        newest = ended.order_by(runs.c.nominal_time.desc(), runs.c.finished_at.desc()).limit(1)
        good = sa.select(runs.c.nominal_time, runs.c.result).where(mine, runs.c.state == State.SUCCEEDED)
        good = good.order_by(runs.c.nominal_time.desc(), runs.c.finished_at.desc()).limit(1)
        with reading(self._engine) as connection:
            row = connection.execute(newest).one_or_none()
            succeeded = connection.execute(good).one_or_none()
        facts = dict(zip(_FACTS, row, strict=True)) if row else dict.fromkeys(_FACTS)
        moment, result = succeeded or (None, None)
        return {**facts, "succeeded": moment, "good_result": result}

    def flow_artifacts(self, flow: str, job: str) -> list[Artifact] | None:
        """The files of the succeeded runs of a job in a flow; None where the flow has no run of it."""
        query = sa.select(runs.c.id, runs.c.state).where(runs.c.flow == flow, runs.c.job == job)
        with reading(self._engine) as connection:
            found = connection.execute(query.order_by(runs.c.flow_index, runs.c.id)).all()
        if not found:
            return None
        return [one for row in found if row.state == State.SUCCEEDED for one in self.artifacts(row.id)]


def newest_with_artifacts(connection: sa.Connection, job: str, before: datetime | None = None) -> str | None:
    """The job's newest succeeded run that left files, of those for a moment before this one: looked for from the files, which are fewer than the runs."""
    left = sa.select(artifacts.c.run_id).where(artifacts.c.job == job)
    # As an expression, so that no database begins with all runs that ever succeeded.
    succeeded = sa.func.coalesce(runs.c.state, "") == State.SUCCEEDED
    query = sa.select(runs.c.id).where(runs.c.id.in_(left), succeeded)
    if before is not None:
        query = query.where(runs.c.nominal_time < before)
    newest = query.order_by(runs.c.nominal_time.desc(), runs.c.finished_at.desc()).limit(1)
    found: str | None = connection.execute(newest).scalar_one_or_none()
    return found


def artifact_of(row: Any) -> Artifact:
    """A row of the artifacts' table as a value."""
    return Artifact(
        name=row.name,
        path=Path(row.path),
        media_type=row.media_type,
        size=row.size,
        sha256=row.sha256,
        run_id=row.run_id,
        job=row.job,
        created_at=row.created_at,
    )


def keep_values(connection: sa.Connection, run_id: str, values: dict[str, Any]) -> None:
    """In place of what the job of this run has kept so far."""
    job = connection.execute(sa.select(runs.c.job).where(runs.c.id == run_id)).scalar_one()
    connection.execute(job_state.delete().where(job_state.c.job == job))
    if values:
        rows = [{"job": job, "name": name, "value": value} for name, value in values.items()]
        connection.execute(job_state.insert(), rows)
