"""What `automation run` does: record, then publish or do it here, then follow.

Owns: the order, the notices, the exit code.
Never: is imported for `--help`.
"""

from __future__ import annotations

import logging
import math
import os
import threading
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import typer
from sqlalchemy.exc import SQLAlchemyError

from automation.cli.opening import open_services
from automation.cli.output import emit_json, notice
from automation.cli.pausing import tell_paused
from automation.cli.runpage import summary
from automation.errors import InvalidInput
from automation.ledger.circuit import breaker_of
from automation.ledger.rows import RunRow, Waiting
from automation.ledger.runs import Claimant
from automation.ledger.states import OPEN, State
from automation.project.order import RunSpec
from automation.queue.door import Door
from automation.queue.enqueue import Request, holders, record, wait
from automation.runner.attempt import attempt
from automation.runner.deliver import deliver_quietly
from automation.runner.entries import longest
from automation.runner.verdict import TimedOut, after
from automation.services import Services
from automation.sight import Sight
from automation.text import format_duration, printable

_log = logging.getLogger(__name__)
_POLL_SECONDS = 0.05
_MOST = 100_000
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


def run_job(context: typer.Context, wish: Wish) -> int:
    """Do what was asked; returns the exit code: 0, or 1 when the run did not end well."""
    services = open_services(context, quiet=not wish.here)
    if wish.here:
        services.upgraded_ledger()
    request = Request(
        wish.job,
        read_params(wish.params),
        idempotency_key=wish.idempotency_key,
        dry_run=wish.dry_run,
        overlap="allow" if wish.allow_overlap else "job",
        here=wish.here,
        only=wish.only,
    )
    run, new = record(services, request)
    if new:
        tell_paused(services, services.job(run.job))
        _tell_others(services, run)
    else:
        by_key = wish.idempotency_key and run.idempotency_key == wish.idempotency_key
        found = "was started with this idempotency key before" if by_key else f"with the same unique_key is {run.state}"
        notice(f"Run {run.id} {found}; nothing new is started")
    if wish.here and new:
        run = _do_here(services, run)
    elif new:
        publish(services, [Waiting(run.id, run.queue, run.priority, run.attempt)])
    if wish.wait and not wish.here:
        run = wait(services, run.id)
        while run.flow is not None and (following := _open_of(services, run.flow)):
            wait(services, following[0].id)
    if wish.as_json:
        emit_json(run.as_json())
    else:
        typer.echo(summary(services.ledger, run))
    return 0 if _ended_well(services, run) else 1


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
        elif not services.ledger.processes.alive("worker"):
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


def _do_here(services: Services, run: RunRow) -> RunRow:
    """Attempt after attempt until the run has ended, under its limits and its retry policy."""
    sight = Sight("here", {"job": run.job})
    sight.report(services.ledger.processes)
    guard = _Guard(services, sight)
    guard.start()
    try:
        found = _to_its_end(services, run, sight)
        while run.flow is not None and (following := _open_of(services, run.flow)):
            _to_its_end(services, following[0], sight)
    finally:
        guard.stop()
        services.ledger.processes.stopped(sight.name)
    return found


def _to_its_end(services: Services, run: RunRow, sight: Sight) -> RunRow:
    found = _attempts(services, run, sight)
    # An attempt sends the first of its mails; here nobody comes for the others.
    while deliver_quietly(services, run.id):
        pass
    return found


def _open_of(services: Services, flow: str) -> list[RunRow]:
    """The runs of a flow that have not ended, those that fall due first."""
    some = services.ledger.queries.runs(flow=flow, limit=_MOST)
    return sorted((one for one in some if one.state in OPEN), key=lambda one: (one.due_at, one.flow_index or 0))


def _ended_well(services: Services, run: RunRow) -> bool:
    """Whether the run, and with it what has run of its flow so far, ended well, or goes on."""
    died = run.flow is not None and services.ledger.queries.runs(flow=run.flow, state=State.DEAD, limit=1)
    return run.state in (*_GOOD, *OPEN) and not died


def _attempts(services: Services, run: RunRow, sight: Sight) -> RunRow:
    claimant, told = Claimant(sight.name, os.getpid()), None
    while True:
        attempt(services, run.id, claimant)
        found = services.ledger.queries.run(run.id)
        if found.state not in OPEN:
            return found
        pause = 1.0 if found.waits_on else (found.due_at - services.clock.now()).total_seconds()
        if (pause > 1 or found.waits_on) and found.reason != told:
            notice(f"{found.reason}. Ctrl-C leaves the rest to a worker")
            told = found.reason
        # A worker may have been quicker; then this follows what it does.
        services.clock.sleep(max(pause, _POLL_SECONDS))


class _Guard:
    """Renews the lease of a run that is done here, and ends the process at the run's hard limit."""

    def __init__(self, services: Services, sight: Sight) -> None:
        self._services, self._sight = services, sight
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True, name="guard")

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """The run has ended."""
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(min(self._services.settings.lease.total_seconds() / 4, 1.0)):
            try:
                self._look()
            except SQLAlchemyError as error:
                # Whoever stops watching loses the lease, and another process does the run a second time.
                _log.warning("The ledger does not answer, the lease is renewed later: %s", error)

    def _look(self) -> None:
        ledger = self._services.ledger
        ledger.runs.renew(self._sight.name, self._services.settings.lease)
        for run in ledger.leases.overdue(self._sight.name):
            spec = RunSpec.from_json(run.spec)
            verdict = after(TimedOut(), run, spec.retry, self._services.clock.now(), spec.timeout)
            if not ledger.runs.finish(run.id, run.attempt, verdict, breaker_of(run.spec)):
                continue
            ledger.processes.stopped(self._sight.name)
            notice(f"Run {run.id} was still running {format_duration(longest(run))} after its start; it was ended")
            os._exit(1)
