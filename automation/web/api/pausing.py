"""Pausing and resuming.

Owns: these two addresses.
Never: decides what becomes of a fire; the scheduler does.
"""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from automation.acts.pauses import meant, row, still
from automation.errors import InvalidInput, UnknownName
from automation.ledger.roles import Role
from automation.project.targets import covered, read_target
from automation.web.access.needs import allow, note
from automation.web.access.principal import principal_of
from automation.web.api import bodies, models
from automation.web.api.answers import one
from automation.web.api.desk import desk_of
from automation.web.api.problems import V1, responses

router = APIRouter(prefix=V1, tags=["act"], responses=responses(404))


@router.post("/pauses", status_code=201, response_model=models.Pause, dependencies=[allow(Role.OPERATOR, "pause")])
def pause(request: Request, body: bodies.NewPause) -> JSONResponse:
    """Keep schedules from firing: of a job, of a tag, of all. One that is open takes this reason and end."""
    desk = desk_of(request)
    ledger, target = desk.services.ledger, read_target(body.job, body.tag, everything=body.all)
    note(request, str(target), reason=body.reason, until=body.until)
    meant(desk.project(), ledger, target)
    if body.until is not None and body.until <= desk.services.clock.now():
        raise InvalidInput("`until` has passed; give a moment to come")
    made = ledger.pauses.pause(target.level, target.name, body.reason, principal_of(request).name, body.until)
    return one(row(made), 201)


@router.post("/pauses/end", response_model=models.Page[models.Pause], dependencies=[allow(Role.OPERATOR, "resume")])
def resume(request: Request, body: bodies.Target) -> JSONResponse:
    """End a pause; what would have fired meanwhile stays skipped. `items` are pauses that still hold the target."""
    desk = desk_of(request)
    ledger, target = desk.services.ledger, read_target(body.job, body.tag, everything=body.all)
    note(request, str(target))
    ended = ledger.pauses.end(target.level, target.name, principal_of(request).name)
    try:
        jobs = covered(desk.project(), target)
    except UnknownName:
        # What is no longer declared may still be paused.
        if not ended:
            raise
        jobs = []
    return one({"items": [row(each) for each in still(ledger.pauses.current(), jobs, target)], "next": None})
