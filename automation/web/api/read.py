"""Looking: runs, their logs and files, dead letters, mails, pauses, breakers, processes.

Owns: these addresses and their parameters.
Never: changes anything.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse, JSONResponse
from starlette.concurrency import run_in_threadpool

from automation.acts.pauses import row as pause_row
from automation.acts.plans import plan_row
from automation.acts.runs import run_object
from automation.errors import FailureClass
from automation.ledger.dead import Wanted
from automation.ledger.roles import Role
from automation.ledger.run_pages import Sought, run_page
from automation.ledger.states import Kind, MailState, State
from automation.web.access.needs import allow
from automation.web.access.principal import principal_of
from automation.web.api import models
from automation.web.api.answers import Cursor, Limit, MailId, Since, back_from, one, page, read_cursor, sliced
from automation.web.api.desk import desk_of
from automation.web.api.live import until_ended
from automation.web.api.problems import V1, responses
from automation.web.headers import FILE_POLICY

router = APIRouter(prefix=V1, tags=["look"], responses=responses())
_VIEWER = Role.VIEWER


@router.get("/me", response_model=models.Me, dependencies=[allow(_VIEWER, "me")])
def me(request: Request) -> JSONResponse:
    """Who calls, and what they may."""
    who = principal_of(request)
    names = ("name", "role", "via", "read_only", "scopes", "jobs")
    return one({**{name: getattr(who, name) for name in names}, "open": who.is_open})


@router.get("/runs", response_model=models.Page[models.Run], dependencies=[allow(_VIEWER, "runs.read", of_job="query")])
def runs(
    request: Request,
    job: Annotated[str | None, Query(max_length=120)] = None,
    state: State | None = None,
    kind: Kind | None = None,
    since: Since = None,
    batch: Annotated[str | None, Query(max_length=32)] = None,
    flow: Annotated[str | None, Query(max_length=32)] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> JSONResponse:
    """Runs, newest first: by when they were asked for, or, where a state alone is sought, by when they fell due."""
    services = desk_of(request).services
    sought = Sought(job, state, back_from(since, services.clock), batch, flow, kind)
    below = read_cursor(cursor, datetime, str) if cursor else None
    found, following = run_page(services.ledger.engine, sought, limit, (below[0], below[1]) if below else None)
    return page([run.as_json() for run in found], following)


@router.get(
    "/runs/{run_id}/logs",
    response_model=models.Page[models.Line],
    dependencies=[allow(_VIEWER, "run.logs", of_job="run")],
    responses=responses(404),
)
def logs(request: Request, run_id: str, limit: Limit = 500, cursor: Cursor = None) -> JSONResponse:
    """The lines of a run's log, oldest first."""
    queries = desk_of(request).services.ledger.queries
    after = read_cursor(cursor, int)[0] if cursor else 0
    lines = queries.logs(queries.run(run_id).id, after=after, limit=limit + 1)
    return page([line.as_json() for line in lines[:limit]], (lines[limit - 1].id,) if len(lines) > limit else None)


@router.get(
    "/runs/{run_id}/files/{name}",
    response_class=FileResponse,
    dependencies=[allow(_VIEWER, "run.files", of_job="run")],
    responses={**responses(404), 200: {"content": {"application/octet-stream": {}}, "description": "The file."}},
)
def file(request: Request, run_id: str, name: str) -> FileResponse:
    """A file that a run left, for download."""
    found = desk_of(request).file(run_id, name)
    return FileResponse(
        found.path, media_type=found.media_type, filename=found.name, headers={"Content-Security-Policy": FILE_POLICY}
    )


@router.get(
    "/dead", response_model=models.Page[models.Letter], dependencies=[allow(_VIEWER, "dead.read", of_job="query")]
)
def dead(
    request: Request,
    job: Annotated[str | None, Query(max_length=120)] = None,
    tag: Annotated[str | None, Query(max_length=120)] = None,
    failure_class: FailureClass | None = None,
    since: Since = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> JSONResponse:
    """Dead letters, the last to die first."""
    services = desk_of(request).services
    (start,) = read_cursor(cursor, int) if cursor else (0,)
    wanted = Wanted(job, tag, failure_class, back_from(since, services.clock))
    found = services.ledger.dead.letters(wanted, min(start, 100_000) + limit + 1)[start:]
    return page([one.as_json() for one in found[:limit]], (start + limit,) if len(found) > limit else None)


@router.get("/pauses", response_model=models.Page[models.Pause], dependencies=[allow(_VIEWER, "pauses.read")])
def pauses(request: Request, limit: Limit = 50, cursor: Cursor = None) -> JSONResponse:
    """What is paused, oldest first."""
    return sliced([pause_row(each) for each in desk_of(request).services.ledger.pauses.current()], limit, cursor)


@router.get(
    "/mails", response_model=models.Page[models.Mail], dependencies=[allow(_VIEWER, "mails.read", of_job="query")]
)
def mails(
    request: Request,
    state: Annotated[list[MailState] | None, Query()] = None,
    job: Annotated[str | None, Query(max_length=120)] = None,
    to: Annotated[str | None, Query(max_length=254)] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> JSONResponse:
    """Mails of the outbox, newest first."""
    outbox = desk_of(request).services.ledger.outbox
    below = read_cursor(cursor, int)[0] if cursor else None
    found = outbox.list(states=state or (), job=job, recipient=to, limit=limit + 1, below=below)
    return page([mail.as_json() for mail in found[:limit]], (found[limit - 1].id,) if len(found) > limit else None)


@router.get(
    "/mails/{mail_id}",
    response_model=models.Mail,
    dependencies=[allow(_VIEWER, "mail.read")],
    responses=responses(404),
)
def mail(request: Request, mail_id: MailId) -> JSONResponse:
    """One mail: where it is, and what the server said."""
    return one(desk_of(request).services.ledger.outbox.get(mail_id).as_json())


@router.get(
    "/plans", response_model=models.Page[models.Plan], dependencies=[allow(_VIEWER, "plans.read", of_job="query")]
)
def plans(
    request: Request,
    job: Annotated[str | None, Query(max_length=120)] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> JSONResponse:
    """The plans of clean-ups, newest first."""
    return sliced([plan_row(each) for each in desk_of(request).services.ledger.plans.newest(job)], limit, cursor)


@router.get("/breakers", response_model=models.Page[models.Breaker], dependencies=[allow(_VIEWER, "breakers.read")])
def breakers(request: Request, limit: Limit = 50, cursor: Cursor = None) -> JSONResponse:
    """Breakers that have seen a failure."""
    return sliced([each.as_json() for each in desk_of(request).services.ledger.breakers.all()], limit, cursor)


@router.get("/processes", response_model=models.Page[models.Process], dependencies=[allow(_VIEWER, "processes.read")])
def processes(
    request: Request,
    kind: Literal["scheduler", "worker", "web"] | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> JSONResponse:
    """Schedulers, workers and web processes that have reported within the last 20 seconds."""
    return sliced([each.as_json() for each in desk_of(request).services.ledger.processes.alive(kind)], limit, cursor)


@router.get(
    "/runs/{run_id}",
    response_model=models.WholeRun,
    dependencies=[allow(_VIEWER, "run.read", of_job="run")],
    responses=responses(404),
)
async def run(
    request: Request,
    run_id: str,
    wait: Annotated[
        str | None,
        Query(max_length=20, description="Answer when it has ended, or after this span: `30s`, at most 60s."),
    ] = None,
) -> JSONResponse:
    """A run with its attempts, files, mails and what stands before and behind it in its flow."""
    desk = desk_of(request)
    if wait is not None:
        await until_ended(request, run_id, wait)
    ledger = desk.services.ledger
    return one(await run_in_threadpool(lambda: run_object(ledger, ledger.queries.run(run_id))))
