"""Asking for a run by hand, from a program or from the command line.

Owns: checking what is asked, recording it, ringing for it; the handle to follow it.
Never: runs it.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, overload

from automation.errors import InvalidInput, Refused
from automation.ledger.rows import NewRun, OpenRun, RunRow
from automation.ledger.states import OPEN, Kind
from automation.ledger.unique_key import REPLACE_WAITING
from automation.project.files import find_root
from automation.project.frozen import with_flow
from automation.project.model import Job
from automation.project.order import overlap_key_of, previous_fire, run_of
from automation.queue import admission
from automation.queue.asking import LONGEST_KEY, check_params, to_ring
from automation.queue.composed import Chain, Group, Step, record_flow
from automation.queue.counter import COUNTER
from automation.queue.door import Door
from automation.queue.flow_handle import FlowHandle
from automation.services import Services

_log = logging.getLogger(__name__)
_POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Request:
    """What is asked for.

    Parameters
    ----------
    params: over the job's own, name by name.
    nominal_time: the moment that the run stands for; default: now.
    idempotency_key: asking again with the same key and the same job and params starts nothing.
    overlap: `allow` takes a place and waits for none; `job` does as the job's policy says.
    here: whoever asks does the run, so that it waits in no queue.
    only: the jobs that follow this one do not run.
    """

    job: str
    params: Mapping[str, Any]
    kind: Kind = Kind.MANUAL
    nominal_time: datetime | None = None
    idempotency_key: str | None = None
    dry_run: bool = False
    overlap: str = "allow"
    here: bool = False
    only: bool = False


def record(services: Services, request: Request) -> tuple[RunRow, bool]:
    """Record the run; returns it, and whether it is new (an idempotency key or a unique key finds the first one).

    Raises UnknownName, InvalidInput for params that do not fit, Refused for a job with a problem, one that skips while
    a run of it is open, a unique key that is held, or a queue that is full.
    """
    job = services.job(request.job)
    if len(request.idempotency_key or "") > LONGEST_KEY:
        raise InvalidInput(f"The idempotency key is longer than {LONGEST_KEY} characters; use a shorter one")
    if job.problem:
        raise Refused(f"Job '{job.name}' has a problem and does not run: {job.problem}")
    if job.after.for_each:
        begins = job.lineage.first_of(job.name)[0] if job.lineage else job.after.jobs[0]
        raise InvalidInput(
            f"Job '{job.name}' runs {job.after.words}, and not by itself; start the job that its flow begins with: {begins}"
        )
    params = {**job.params, **request.params}
    check_params(services, job, params)
    run = _new_run(services, job, params, request)
    first = _asked_before(services, request, run.body_digest)
    if first is not None:
        return first, False
    holder = admission.holder_of(services, run)
    if holder is not None and not admission.lets_in(run, holder):
        return services.ledger.queries.run(holder.run_id), False
    if not request.here and not (holder and holder.waits):
        admission.check_depth(services, job.queue)
    if request.overlap == "job" and job.overlap.mode != "allow":
        _make_way(services, job, overlap_key_of(job, params), patient=holder is not None)
    return _admit(services, request, run)


def holders(services: Services, overlap_key: str) -> list[OpenRun]:
    """The open runs of this overlap key, oldest first."""
    return services.ledger.occurrences.open_runs([overlap_key]).get(overlap_key, [])


def ring(services: Services, door: Door, run: RunRow) -> bool:
    """Publish the run's message; False when the broker is away, and the run goes out when it is back."""
    return bool(door.ring(services.ledger, [to_ring(run)]))


def wait(services: Services, run_id: str, *, timeout: float | None = None) -> RunRow:
    """Follow the run to its end. Raises TimeoutError after `timeout` seconds."""
    deadline = None if timeout is None else services.clock.monotonic() + timeout
    while (run := services.ledger.queries.run(run_id)).state in OPEN:
        if deadline is not None and services.clock.monotonic() >= deadline:
            raise TimeoutError(f"Run {run_id} is {run.state} after {timeout} seconds")
        services.clock.sleep(_POLL_SECONDS)
    return run


class Handle:
    """A run that was asked for.

    Parameters
    ----------
    id: the run's id.
    new: False when an idempotency key or the job's unique key found an earlier run.
    """

    def __init__(self, services: Services, run: RunRow, *, new: bool) -> None:
        self._services = services
        self.id, self.new = run.id, new

    @property
    def status(self) -> str:
        """The run's state now."""
        return str(self._services.ledger.queries.run(self.id).state)

    @property
    def result(self) -> Any:
        """What the plugin returned; None before the end."""
        return self._services.ledger.queries.run(self.id).result

    def wait(self, timeout: float | None = None) -> str:
        """The run's state at its end. Raises TimeoutError after `timeout` seconds."""
        return str(wait(self._services, self.id, timeout=timeout).state)


@overload
def enqueue(
    job: str,
    params: Mapping[str, Any] | None = None,
    *,
    project: str | Path | None = None,
    idempotency_key: str | None = None,
    nominal_time: datetime | None = None,
    only: bool = False,
) -> Handle: ...
@overload
def enqueue(
    job: Step | Chain | Group, *, project: str | Path | None = None, idempotency_key: str | None = None
) -> FlowHandle: ...
def enqueue(
    job: str | Step | Chain | Group,
    params: Mapping[str, Any] | None = None,
    *,
    project: str | Path | None = None,
    idempotency_key: str | None = None,
    nominal_time: datetime | None = None,
    only: bool = False,
) -> Handle | FlowHandle:
    """Put a run of a job, or a flow of several, into the ledger and the queue, from any Python program.

    Parameters
    ----------
    job: its name, or what `chain`, `group`, `chord` and `step` put together.
    params: over the job's own.
    project: the project's folder; default: the nearest folder upward with `schedules/`.
    idempotency_key: the same key with the same job and params finds the first run.
    nominal_time: the moment that the run stands for; default: now.
    only: the jobs that follow this one do not run.

    Where the job has a `unique_key`, its `on_conflict` says what becomes of a run that is like an earlier one.
    Raises UnknownName, InvalidInput, Refused, LedgerUnavailable. A broker that is away is a log line: the run is
    recorded, and goes out when the broker is back.
    """
    services = COUNTER.services(find_root(Path.cwd() if project is None else Path(project)))
    if not isinstance(job, str):
        first, new = record_flow(services, job, idempotency_key)
        COUNTER.ring(services, [to_ring(one) for one in first] if new else [])
        return FlowHandle(services, first[0].flow or first[0].id, new=new)
    request = Request(job, params or {}, Kind.API, nominal_time, idempotency_key, only=only)
    run, new = record(services, request)
    COUNTER.ring(services, [to_ring(run)] if new else [])
    return Handle(services, run, new=new)


def _new_run(services: Services, job: Job, params: Mapping[str, Any], request: Request) -> NewRun:
    now = services.clock.now()
    nominal = request.nominal_time or now
    # Whoever lets a newer run take the place of one that waits wants it to wait for one that has begun.
    patient = job.unique.unique_key is not None and job.unique.on_conflict == REPLACE_WAITING
    asked = request.overlap == "job" or (patient and request.kind is Kind.API)
    obeys = asked and job.overlap.mode != "allow"
    run = run_of(
        job,
        kind=request.kind,
        nominal_time=nominal,
        now=now,
        window_start=previous_fire(job, nominal) if job.schedules else None,
        params=params,
        dry_run=request.dry_run,
        idempotency_key=request.idempotency_key,
        body_digest=_digest(job, params, request),
        max_running=job.overlap.max_running if obeys else None,
        skips=obeys and job.overlap.mode == "skip" and not patient,
    )
    return run if request.only else with_flow(run, job)


def _admit(services: Services, request: Request, run: NewRun) -> tuple[RunRow, bool]:
    """Record the run, unless another one was quicker."""
    admitted = services.ledger.admission.admit(run)
    if admitted.added:
        return services.ledger.queries.run(run.id), True
    first = _asked_before(services, request, run.body_digest)
    if first is not None:
        return first, False
    if admitted.holder is None:
        raise Refused("The run could not be recorded: its id is taken; try again")
    admission.lets_in(run, admitted.holder)
    return services.ledger.queries.run(admitted.holder.run_id), False


def _make_way(services: Services, job: Job, key: str, *, patient: bool) -> None:
    """What the job's policy says to a run by hand that finds others: refuse it, ask them to stop, or let it wait.

    Parameters
    ----------
    patient: it waits where it would be refused: it is the newest with its unique key.
    """
    mode, found = job.overlap.mode, holders(services, key)
    if len(found) < job.overlap.max_running or mode not in ("skip", "cancel_running") or (mode == "skip" and patient):
        return
    if mode == "skip":
        raise Refused(
            f"Run {found[0].id} of job '{found[0].job}' is {found[0].state}, and '{job.name}' does not overlap; "
            f"wait for it, cancel it with `automation cancel {found[0].id}`, or add --overlap allow"
        )
    held = [run for run in found if not run.waits]
    for run in held[: max(len(held) - job.overlap.max_running + 1, 0)]:
        services.ledger.runs.request_cancel(run.id)


def _digest(job: Job, params: Mapping[str, Any], request: Request) -> str:
    nominal = request.nominal_time.isoformat() if request.nominal_time else None
    body = json.dumps([job.name, params, nominal, request.dry_run], sort_keys=True, default=str)
    return hashlib.sha256(body.encode()).hexdigest()


def _asked_before(services: Services, request: Request, digest: str | None) -> RunRow | None:
    """The run that was asked for with the same idempotency key."""
    first = services.ledger.queries.run_by_key(request.idempotency_key) if request.idempotency_key else None
    if first is not None and first.body_digest != digest:
        raise InvalidInput(
            f"The idempotency key '{request.idempotency_key}' belongs to run {first.id} of job '{first.job}', "
            "which was asked for with another body; use another key"
        )
    return first
