"""Acting: running, cancelling, bringing back, pausing, filling up, approving.

Owns: these addresses, and what is noted of each for the audit trail.
Never: does it itself; acts, queue and ledger do.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from fastapi.responses import JSONResponse

from automation.acts import backfill as past
from automation.acts.plans import chosen, plan_row
from automation.acts.runs import cancel as cancel_runs
from automation.errors import Refused, UnknownName
from automation.ledger.roles import Role
from automation.ledger.rows import RunRow, Waiting
from automation.ledger.states import Kind
from automation.queue.asking import to_ring
from automation.queue.enqueue import Request as Wish
from automation.queue.enqueue import record
from automation.web.access.needs import allow, note
from automation.web.access.principal import principal_of
from automation.web.api import bodies, models
from automation.web.api.answers import one
from automation.web.api.desk import desk_of
from automation.web.api.problems import V1, responses

router = APIRouter(prefix=V1, tags=["act"], responses=responses(404, 409))
_OPERATOR = Role.OPERATOR
_Key = Annotated[
    str | None,
    Header(alias="Idempotency-Key", max_length=200, description="Asking again with the same key starts nothing."),
]


@router.post(
    "/jobs/{job}/runs",
    status_code=202,
    response_model=models.Run,
    dependencies=[allow(_OPERATOR, "job.run", of_job="job")],
)
def enqueue(
    request: Request, job: str, body: bodies.Enqueue | None = None, idempotency_key: _Key = None
) -> JSONResponse:
    """Run a job now. `Location` is the run's address; poll it, with `?wait=30s`, until its state is an end.

    The same `Idempotency-Key` with the same body finds the first run and says `Idempotent-Replayed: true`;
    with another body it is refused.
    """
    asked = body or bodies.Enqueue()
    wish = Wish(
        job, asked.params, Kind.API, asked.nominal_time, idempotency_key,
        dry_run=asked.dry_run, overlap=asked.overlap, only=asked.only,
    )  # fmt: skip
    return started(request, wish)


def started(request: Request, wish: Wish) -> JSONResponse:
    """Record a run and ring for it: 202 with its address."""
    desk = desk_of(request)
    run, new = record(desk.services, wish)
    note(request, wish.job, run=run.id, new=new)
    if new:
        desk.ring([to_ring(run)])
    return one(
        run.as_json(), 202, {"Location": address_of(request, run), **({} if new else {"Idempotent-Replayed": "true"})}
    )


def address_of(request: Request, run: RunRow) -> str:
    """Where the API has this run."""
    return f"{request.scope.get('root_path', '')}/api/v1/runs/{run.id}"


@router.post(
    "/runs/{run_id}/cancel",
    status_code=202,
    response_model=models.Run,
    dependencies=[allow(_OPERATOR, "run.cancel", of_job="run")],
)
def cancel(request: Request, run_id: str) -> JSONResponse:
    """Cancel a run: one that waits at once, one at work is asked to stop. 409 where it has ended."""
    ledger = desk_of(request).services.ledger
    run = ledger.queries.run(run_id)
    note(request, run.id, job=run.job)
    ((now, fate),) = cancel_runs(ledger, [run])
    if fate is None:
        raise Refused(f"Run {now.id} has ended before: {now.state}")
    return one(now.as_json(), 202, {"Location": address_of(request, now)})


@router.post(
    "/jobs/{job}/backfill",
    status_code=202,
    dependencies=[allow(_OPERATOR, "job.backfill", of_job="job")],
    response_model=list[dict[str, Any]],
)
def backfill(request: Request, job: str, body: bodies.Backfill) -> JSONResponse:
    """Runs for fires of the past that have none, as `automation backfill --json`; with `dry_run` 200 and nothing recorded."""
    desk = desk_of(request)
    given = {**body.model_dump(exclude={"dry_run", "since", "until"})}
    wish = past.Wish(job=job, since=_bound(body.since), until=_bound(body.until), **given)
    fires = [fire for fire in past.past_fires_of(desk.services, wish) if fire.settled is None]
    new = [] if body.dry_run else past.record_batch(desk.services, wish, fires)
    note(request, job, batch=new[0].batch if new else None, runs=len(new))
    desk.ring([Waiting(run.id, run.queue, run.priority) for run in new[: wish.max_parallel]])
    ids = {(run.schedule, run.nominal_time): run for run in new}
    rows = [past.fire_row(job, fire, ids.get((fire.schedule.id, fire.nominal_time))) for fire in fires]
    return one(rows, 202 if new else 200)


def _bound(given: object) -> str:
    return given.isoformat() if isinstance(given, datetime) else str(given)


@router.post(
    "/jobs/{job}/approval",
    response_model=models.Plan,
    dependencies=[allow(_OPERATOR, "job.approve", of_job="job")],
)
def approve(request: Request, job: str, body: bodies.Approval | None = None) -> JSONResponse:
    """Let a clean-up delete what its plan says, from now on, as long as its rules stay the same."""
    services, who = desk_of(request).services, principal_of(request)
    services.job(job)
    plan = chosen(services.ledger, job, body.plan if body else None, services.clock.now())
    note(request, job, plan=plan.digest)
    services.ledger.plans.approve(job, plan.digest, who.name)
    return one(next(plan_row(each) for each in services.ledger.plans.newest(job) if each.digest == plan.digest))


@router.delete(
    "/jobs/{job}/approval",
    dependencies=[allow(_OPERATOR, "job.withdraw", of_job="job")],
    response_model=dict[str, int],
)
def withdraw(request: Request, job: str) -> JSONResponse:
    """Take back the approval of a job's plans; its runs make plans again, and delete nothing."""
    services = desk_of(request).services
    services.job(job)
    note(request, job)
    return one({"withdrawn": services.ledger.plans.withdraw(job)})


@router.post("/breakers/{key:path}/close", status_code=204, dependencies=[allow(_OPERATOR, "breaker.close")])
def close_breaker(request: Request, key: str) -> None:
    """Let everything through again that a breaker holds up."""
    breakers = desk_of(request).services.ledger.breakers
    if key not in {each.key for each in breakers.all()}:
        raise UnknownName("breaker", key)
    note(request, key)
    breakers.close(key, principal_of(request).name)
