"""Jobs: what is declared, what comes, and why something did or did not run.

Owns: these addresses and their parameters.
Never: changes anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse

from automation.acts.fires import fire_row, first_fires
from automation.acts.jobs import job_row
from automation.acts.reasons import reasons
from automation.dispatch.outlook import outlook
from automation.errors import InvalidInput
from automation.ledger.roles import Role
from automation.project.model import Job
from automation.web.access.needs import allow
from automation.web.access.principal import principal_of
from automation.web.api import models
from automation.web.api.answers import Cursor, Limit, moment, one, page, read_cursor
from automation.web.api.desk import Desk, desk_of
from automation.web.api.problems import V1, responses

router = APIRouter(prefix=V1, tags=["look"], responses=responses())
_VIEWER = Role.VIEWER
_Moment = Annotated[
    str | None, Query(max_length=60, description="ISO 8601 with an offset.", examples=["2026-03-29T07:00:00Z"])
]


@router.get("/jobs", response_model=models.Page[models.Job], dependencies=[allow(_VIEWER, "jobs.read", of_job="all")])
def jobs(
    request: Request,
    tag: Annotated[str | None, Query(max_length=120)] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> JSONResponse:
    """The jobs, by name: what, when next, which state. A token of some jobs sees those."""
    desk, who = desk_of(request), principal_of(request)
    after = read_cursor(cursor, str)[0] if cursor else ""
    declared = desk.project().jobs.values()
    fitting = [job for job in declared if job.name > after and who.sees(job.name) and (tag is None or tag in job.tags)]
    found = sorted(fitting, key=lambda job: job.name)[: limit + 1]
    following = (found[limit - 1].name,) if len(found) > limit else None
    return page(_rows(desk, found[:limit]), following)


@router.get(
    "/jobs/{job}",
    response_model=models.Job,
    dependencies=[allow(_VIEWER, "job.read", of_job="job")],
    responses=responses(404),
)
def job(request: Request, job: str) -> JSONResponse:
    """One job."""
    desk = desk_of(request)
    return one(_rows(desk, [desk.project().job(job)])[0])


@router.get(
    "/jobs/{job}/why",
    response_model=list[models.Step],
    dependencies=[allow(_VIEWER, "job.why", of_job="job")],
    responses=responses(404),
)
def why(
    request: Request,
    job: str,
    at: _Moment = None,
    schedule: Annotated[str | None, Query(max_length=120)] = None,
) -> JSONResponse:
    """The whole chain of what decides whether a fire runs: at a moment, else of the last one and the next."""
    desk = desk_of(request)
    services = desk.services
    wanted = moment(at) if at else None
    return one(reasons(services.ledger, desk.project(), job, services.clock.now(), wanted, schedule))


@router.get(
    "/next", response_model=models.Page[models.Fire], dependencies=[allow(_VIEWER, "jobs.next", of_job="query")]
)
def coming(
    request: Request,
    job: Annotated[str | None, Query(max_length=120)] = None,
    start: Annotated[_Moment, Query(alias="from")] = None,
    end: Annotated[_Moment, Query(alias="to")] = None,
    limit: Limit = 50,
) -> JSONResponse:
    """The coming fires by their planned times. Without a cursor: go on with `from`."""
    desk = desk_of(request)
    now = desk.services.clock.now()
    begin, until = moment(start) if start else now, moment(end) if end else None
    if until is not None and until <= begin:
        raise InvalidInput("`to` is not after `from`")
    project = desk.project()
    meant = [project.job(job)] if job else [each for each in project.jobs.values() if each.active]
    meant = [each for each in meant if not each.problem]
    known = outlook(desk.services.ledger, meant)
    found = first_fires(meant, known, (now, begin, until), limit, together=False)
    return page([fire_row(each, known) for each in found])


def _rows(desk: Desk, meant: Sequence[Job]) -> list[dict[str, object]]:
    known, now = outlook(desk.services.ledger, meant), desk.services.clock.now()
    return [job_row(each, known.next(each, now), known) for each in meant]
