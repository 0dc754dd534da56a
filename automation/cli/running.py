"""What `automation run` does: record, then publish or do it here, then follow.

Owns: the order, the notices, the exit code.
Never: is imported for `--help`.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import typer

from automation.cli.here import do_here, open_of, tell_put_off
from automation.cli.opening import open_services
from automation.cli.output import emit_json, notice
from automation.cli.pausing import tell_paused
from automation.cli.runpage import summary
from automation.cli.trail import leave
from automation.errors import InvalidInput
from automation.ledger.rows import RunRow, Waiting
from automation.ledger.states import OPEN, State
from automation.queue.door import Door
from automation.queue.enqueue import Request, holders, record, wait
from automation.services import Services
from automation.sight import running
from automation.text import one_line, printable

#: Runs of a flow that are told of when they died.
_TOLD = 5
_GOOD = (State.SUCCEEDED, State.SKIPPED)


@dataclass(frozen=True)
class Wish:
    """What was typed after `automation run`."""

    job: str
    params: Sequence[str]
    wait: bool
    here: bool
    dry_run: bool
    idempotency_key: str | None
    as_json: bool
    allow_overlap: bool = False
    only: bool = False
    rerender: str | None = None


def run_job(context: typer.Context, wish: Wish) -> int:
    """Do what was asked; returns the exit code: 0, or 1 when the run did not end well."""
    services = open_services(context, quiet=not wish.here)
    if wish.here:
        services.upgraded_ledger()
    given = read_params(wish.params)
    if wish.rerender:
        given["data_of"] = _with_data(services, wish.rerender)
    request = Request(
        wish.job,
        given,
        idempotency_key=wish.idempotency_key,
        dry_run=wish.dry_run,
        overlap="allow" if wish.allow_overlap else "job",
        here=wish.here,
        only=wish.only,
    )
    run, new = record(services, request)
    if new:
        leave(services.ledger, "job.run", run.job, run=run.id, dry_run=wish.dry_run)
        tell_paused(services, services.job(run.job))
        _tell_others(services, run)
    else:
        by_key = wish.idempotency_key and run.idempotency_key == wish.idempotency_key
        found = "was started with this idempotency key before" if by_key else f"with the same unique_key is {run.state}"
        notice(f"Run {run.id} {found}; nothing new is started")
    if wish.here and new:
        run = do_here(services, run, patient=wish.wait)
    elif new:
        publish(services, [Waiting(run.id, run.queue, run.priority, run.attempt)])
    if wish.wait and not wish.here:
        run = wait(services, run.id)
        while run.flow is not None and (following := open_of(services, run.flow)):
            wait(services, following[0].id)
    if wish.as_json:
        emit_json(run.as_json())
    else:
        typer.echo(summary(services.ledger, run))
    _tell_dead_followers(services, run)
    if wish.here and run.state in OPEN:
        return tell_put_off(services, run)
    return 0 if _ended_well(services, run) else 1


def _with_data(services: Services, run_id: str) -> str:
    """The run, if it has stored data. Raises UnknownName, InvalidInput."""
    run = services.ledger.queries.run(run_id)
    if not any(one.name == "_data.jsonl.gz" for one in services.ledger.memory.artifacts(run.id)):
        raise InvalidInput(f"Run {run.id} has no stored data; it is no report, or they are no longer kept")
    return run.id


def read_params(given: Sequence[str]) -> dict[str, Any]:
    """`-p name=value`: the value as TOML reads it, else a string; `a.b=1` sets a key of a table.

    Raises InvalidInput.
    """
    values: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise InvalidInput(f"-p {printable(text, 60)}: write name=value, such as -p days=7")
        table = values
        *outer, last = name.strip().split(".")
        for part in outer:
            table = table.setdefault(part, {})
            if not isinstance(table, dict):
                raise InvalidInput(f"-p {printable(text, 60)}: '{part}' already has a value")
        table[last] = _toml_value(value)
    return values


def _toml_value(text: str) -> Any:
    """What TOML reads as one value; anything else, several lines and `nan` included, is the text as it is."""
    try:
        found = tomllib.loads(f"value = {text}")
    except (tomllib.TOMLDecodeError, ValueError, RecursionError):
        return text
    value = found["value"]
    if len(found) > 1 or (isinstance(value, float) and not math.isfinite(value)):
        return text
    return value if isinstance(value, (bool, int, float, str, list, dict)) else text


def publish(services: Services, waiting: Sequence[Waiting]) -> None:
    """Ring for recorded runs; a broker or worker that is away is a notice."""
    door = Door.of(services.settings)
    try:
        if not door.ring(services.ledger, waiting):
            notice("What is recorded goes out when the broker answers")
        elif not running(services.ledger.processes.alive("worker")):
            notice("No worker has reported in the last 20 seconds; the run waits for one: automation up")
    finally:
        door.close()


def _tell_others(services: Services, run: RunRow) -> None:
    """A notice when the run has to wait for others of its overlap key."""
    if run.max_running is None:
        return
    others = [one.id for one in holders(services, run.overlap_key or run.job) if one.id != run.id]
    if len(others) >= run.max_running:
        notice(f"Run {run.id} waits for its place; before it: {', '.join(others[:5])}. `--overlap allow` does not wait")


def _ended_well(services: Services, run: RunRow) -> bool:
    """Whether the run, and with it what has run of its flow so far, ended well, or goes on."""
    died = run.flow is not None and services.ledger.queries.runs(flow=run.flow, state=State.DEAD, limit=1)
    return run.state in (*_GOOD, *OPEN) and not died


def _tell_dead_followers(services: Services, run: RunRow) -> None:
    """The others of its flow that died: the run itself may have ended well."""
    dead = services.ledger.queries.runs(flow=run.flow, state=State.DEAD, limit=_TOLD + 1) if run.flow else []
    others = [one for one in dead if one.id != run.id]
    for one in others[:_TOLD]:
        notice(f"In its flow run {one.id} of job '{one.job}' is dead: {one_line(one.reason, 200)}")
    if len(others) > _TOLD:
        notice(f"More of its flow are dead; see: automation runs --flow {run.flow}")
