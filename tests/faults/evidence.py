"""What happened, as the oracle is told it: the ledger's rows and the effect log, read without the product's code.

Owns: plain values for rows and lines, and reading them.
Never: imports `automation`; judges.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa


@dataclass(frozen=True)
class Plan:
    """One schedule as the torment declared it, or a job whose runs are asked for by hand.

    Parameters
    ----------
    schedule: None for what runs by hand alone.
    seconds: it fires at each whole multiple of these since 1970; 0 is never.
    alone: runs of the job hold the one place there is, and never overlap.
    counts: each run that succeeds adds one to `ctx.state["count"]` and sends one mail.
    max_lost: so many attempts lost with their process end a run.
    max_queued: a fire that finds so many runs of the job waiting is skipped; 0: none is for that.
    """

    job: str
    schedule: str | None
    seconds: int
    alone: bool = False
    counts: bool = False
    max_lost: int = 50
    max_queued: int = 0


@dataclass(frozen=True)
class Occurrence:
    """A decision on one nominal time."""

    job: str
    schedule: str
    nominal_time: datetime
    decision: str
    decided_at: datetime
    run_id: str


@dataclass(frozen=True)
class Run:
    """A run as the ledger has it at the end."""

    id: str
    job: str
    schedule: str | None
    nominal_time: datetime
    state: str
    reason: str | None
    attempt: int
    spent: int
    losses: int
    max_attempts: int
    queued_at: datetime
    due_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    lease_until: datetime | None
    published_at: datetime | None


@dataclass(frozen=True)
class Attempt:
    """One claim of a run, and how it ended."""

    run_id: str
    attempt: int
    worker: str
    pid: int
    started_at: datetime
    finished_at: datetime | None
    outcome: str | None


@dataclass(frozen=True)
class Line:
    """A line of the effect log: an attempt began, had its effect, found it done already, or ended."""

    what: str
    run: str
    attempt: int
    pid: int
    at: datetime


@dataclass(frozen=True)
class Evidence:
    """All that is known about one torment.

    Parameters
    ----------
    since, until: each nominal time after the first, up to the second, has to be recorded.
    mails: the run ids of all rows of the outbox.
    counted: job → what its runs counted up in `ctx.state`.
    left_over: what was still there after everything had stopped, in words.
    asked: the ids of all runs that were asked for by hand.
    """

    plans: tuple[Plan, ...]
    since: datetime
    until: datetime
    occurrences: tuple[Occurrence, ...] = ()
    runs: tuple[Run, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    lines: tuple[Line, ...] = ()
    mails: tuple[str, ...] = ()
    counted: dict[str, int] = field(default_factory=dict)
    left_over: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()


def read(
    url: str,
    log: Path,
    plans: tuple[Plan, ...],
    until: datetime,
    left_over: tuple[str, ...] = (),
    asked: tuple[str, ...] = (),
) -> Evidence:
    """The evidence in this ledger and this effect log."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        first = connection.execute(sa.text("SELECT MIN(activated_at) FROM automation_revisions")).scalar_one()
        values = connection.execute(sa.text("SELECT job, value FROM automation_job_state WHERE name = 'count'"))
        return Evidence(
            plans,
            until if first is None else moment(first),
            until,
            tuple(_rows(connection, Occurrence, "automation_occurrences")),
            tuple(_rows(connection, Run, "automation_runs")),
            tuple(_rows(connection, Attempt, "automation_attempts")),
            tuple(lines_of(log)),
            tuple(connection.scalars(sa.text("SELECT run_id FROM automation_outbox"))),
            {job: int(json.loads(value) if isinstance(value, str) else value) for job, value in values},
            left_over,
            asked,
        )


def within(found: Evidence, since: datetime, until: datetime) -> Evidence:
    """The part of the evidence that is of times after the one moment, up to the other; work of unknown runs stays."""
    inside = {run.id for run in found.runs if since < run.nominal_time <= until}
    outside = {run.id for run in found.runs} - inside
    return replace(
        found,
        since=since,
        until=until,
        occurrences=tuple(one for one in found.occurrences if since < one.nominal_time <= until),
        runs=tuple(run for run in found.runs if run.id in inside),
        attempts=tuple(one for one in found.attempts if one.run_id in inside),
        lines=tuple(line for line in found.lines if line.run not in outside),
        mails=tuple(run_id for run_id in found.mails if run_id not in outside),
    )


def lines_of(log: Path) -> list[Line]:
    """The lines of an effect log; a last one without an end was never finished, and is none."""
    text = log.read_text("utf-8") if log.exists() else ""
    rows = [json.loads(line) for line in text.split("\n")[:-1]]
    return [Line(row["what"], row["run"], row["attempt"], row["pid"], moment(row["at"])) for row in rows]


def _rows(connection: sa.Connection, form: type[Any], table: str) -> list[Any]:
    names = list(form.__dataclass_fields__)
    found = connection.execute(sa.text(f"SELECT {', '.join(names)} FROM {table}"))
    return [form(**{name: _value(name, value) for name, value in zip(names, row, strict=True)}) for row in found]


def _value(name: str, value: Any) -> Any:
    return moment(value) if value is not None and name.endswith(("_at", "_time", "_until")) else value


def moment(value: Any) -> datetime:
    """An aware instant, however the database or the log spells it; what names no zone is UTC."""
    found = datetime.fromisoformat(value) if isinstance(value, str) else value
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
