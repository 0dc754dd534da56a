"""Rows of the ledger as frozen values, and the JSON form that is a contract.

Owns: NewRun, and the rows of runs, attempts, logs, pauses and processes.
Never: queries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from functools import lru_cache
from typing import Any, Self

from automation.ledger.ids import scope_of
from automation.ledger.states import OPEN, Kind, Outcome, State
from automation.ledger.unique_key import Unique
from automation.text import instant


@lru_cache
def _names(kind: type[Any]) -> tuple[str, ...]:
    return tuple(item.name for item in fields(kind))


class Row:
    """Built from a row of a query by name; columns that the class does not have are left out."""

    @classmethod
    def of(cls, row: Mapping[Any, Any]) -> Self:
        made = object.__new__(cls)
        # The `__init__` of a frozen dataclass makes a call for each of its fields, which a run has forty of.
        made.__dict__.update({name: row[name] for name in _names(cls)})  # type: ignore[arg-type]
        return made

    def as_json(self) -> dict[str, Any]:
        """All fields, instants in ISO 8601 UTC."""
        return {item.name: plain(getattr(self, item.name)) for item in fields(self)}  # type: ignore[arg-type]


@dataclass(frozen=True)
class NewRun:
    """A run to be recorded; `decision` is queued, skipped or missed.

    Parameters
    ----------
    spec: the resolved job: params with secret references unresolved, timeout and retry policy.
    due_at: not before.
    planned_time: when an occurrence was to start, after jitter and calendars.
    overlap_key: what the run takes a place of while it is open.
    max_running: it starts only while fewer runs of its overlap key are at work; None takes a place and waits for none.
    expires_at: when it has not begun by then it does not run.
    batch: the backfill that it belongs to.
    unique: what no second run of the job is asked for with; it is no column.
    flow: what it shares with the runs before and after it; None for one that nothing follows and that follows nothing.
    flow_step: its place in the flow; that of a job in a file has the job's name.
    flow_index: which element of a list it is for, from 0.
    """

    id: str
    job: str
    plugin: str
    kind: Kind
    nominal_time: datetime
    window_start: datetime
    queued_at: datetime
    due_at: datetime
    max_attempts: int
    queue: str
    priority: int
    spec: Mapping[str, Any]
    schedule: str | None = None
    state: State = State.QUEUED
    reason: str | None = None
    revision: int = 0
    idempotency_key: str | None = None
    body_digest: str | None = None
    planned_time: datetime | None = None
    overlap_key: str | None = None
    max_running: int | None = None
    expires_at: datetime | None = None
    batch: str | None = None
    unique: Unique | None = None
    flow: str | None = None
    flow_step: str | None = None
    flow_index: int | None = None


def run_values(run: NewRun) -> dict[str, Any]:
    """The columns of a new run; one that is never to start is finished at once."""
    values = dict(vars(run))
    del values["unique"]
    values["spec"] = dict(run.spec)
    values["finished_at"] = None if run.state in OPEN else run.queued_at
    values.update(attempt=0, spent=0, losses=0, rings=0)
    return values


@dataclass(frozen=True)
class RunRow(Row):
    """A run as the ledger has it."""

    id: str
    job: str
    plugin: str
    schedule: str | None
    kind: Kind
    nominal_time: datetime
    window_start: datetime
    queued_at: datetime
    due_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    state: State
    attempt: int
    spent: int
    losses: int
    max_attempts: int
    reason: str | None
    queue: str
    priority: int
    spec: Mapping[str, Any] = field(repr=False)
    result: Any = field(repr=False)
    revision: int = 0
    worker: str | None = None
    pid: int | None = None
    deadline: datetime | None = None
    lease_until: datetime | None = None
    idempotency_key: str | None = None
    body_digest: str | None = None
    cancel_requested_at: datetime | None = None
    published_at: datetime | None = None
    done: int | None = None
    total: int | None = None
    planned_time: datetime | None = None
    overlap_key: str | None = None
    max_running: int | None = None
    expires_at: datetime | None = None
    batch: str | None = None
    waits_on: str | None = None
    flow: str | None = None
    flow_step: str | None = None
    flow_index: int | None = None

    @property
    def scope(self) -> str:
        """What effects are single for: the occurrence, or the run where there is none."""
        return scope_of(self.job, self.schedule, self.nominal_time, self.id)

    def as_json(self) -> dict[str, Any]:
        """The stable form of `--json` and the API: instants in ISO 8601 UTC."""
        names = (
            "id", "job", "plugin", "schedule", "kind", "nominal_time", "queued_at", "due_at", "started_at", "finished_at",
            "state", "attempt", "max_attempts", "reason", "worker", "queue", "priority", "done", "total", "result",
            "planned_time", "batch", "flow", "flow_step", "flow_index",
        )  # fmt: skip
        return {name: plain(getattr(self, name)) for name in names}


@dataclass(frozen=True)
class Waiting:
    """A run whose message is to be published.

    Parameters
    ----------
    attempt: how many attempts it had; a run that was claimed since then is not marked as published.
    rings: how many messages went out for it.
    """

    id: str
    queue: str
    priority: int
    attempt: int = 0
    rings: int = 0


@dataclass(frozen=True)
class AttemptRow(Row):
    """One try of a run."""

    run_id: str
    attempt: int
    worker: str
    pid: int
    started_at: datetime
    finished_at: datetime | None
    outcome: Outcome | None
    failure_class: str | None
    code: str | None
    message: str | None
    traceback: str | None = field(repr=False)


def since_queued(run: RunRow, attempts: Sequence[AttemptRow]) -> Sequence[AttemptRow]:
    """Those of a run's attempts, first to last, that it made since it was queued, or since it last came back from death."""
    first = next((at for at, one in enumerate(attempts) if one.started_at == run.started_at), len(attempts))
    return attempts[first:]


def skipped_itself(run: RunRow, one: AttemptRow) -> bool:
    """Whether this attempt found that there is nothing to do: it succeeded, and its run is skipped."""
    return run.state == State.SKIPPED and one.attempt == run.attempt and one.outcome == Outcome.SUCCEEDED


@dataclass(frozen=True)
class LogRow(Row):
    """One line of a run's log."""

    id: int
    run_id: str
    attempt: int
    at: datetime
    level: str
    message: str


@dataclass(frozen=True)
class OpenRun(Row):
    """A run that takes a place of its overlap key: at work, waiting for its next attempt, or waiting to begin."""

    id: str
    job: str
    state: State
    attempt: int
    queued_at: datetime
    kind: Kind = Kind.SCHEDULED

    @property
    def waits(self) -> bool:
        """Whether it has not begun."""
        return self.state is State.QUEUED and self.attempt == 0


@dataclass(frozen=True)
class PauseRow(Row):
    """A span in which something does not fire.

    Parameters
    ----------
    level: `all`, `tag`, `job` or `schedule`.
    target: the tag, the job, or `job/schedule`; "" for all.
    until: when it ends by itself; None when somebody has to end it.
    ended_at: when somebody ended it.
    """

    id: int
    level: str
    target: str
    reason: str
    author: str
    since: datetime
    until: datetime | None
    ended_at: datetime | None
    ended_by: str | None

    def covers(self, moment: datetime) -> bool:
        """Whether it holds at this instant; half-open."""
        ends = [end for end in (self.until, self.ended_at) if end is not None]
        return self.since <= moment and all(moment < end for end in ends)


@dataclass(frozen=True)
class ProcessRow(Row):
    """A scheduler, worker or web process that has reported."""

    id: str
    kind: str
    host: str
    pid: int
    started_at: datetime
    heartbeat_at: datetime
    stopped_at: datetime | None
    info: Mapping[str, Any]


def plain(value: Any) -> Any:
    """A value as JSON has it: instants as text, enums as their word."""
    return instant(value) if isinstance(value, datetime) else value
