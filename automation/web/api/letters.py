"""Dead letters and mails: bringing back, laying aside, sending again.

Owns: these addresses, and what is noted of each for the audit trail.
Never: does it itself; acts, queue and ledger do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from automation.acts import mails as mail_acts
from automation.acts.dead import due_of, meant, wait_between
from automation.errors import FailureClass, InvalidInput, Refused
from automation.ledger.dead import Wanted
from automation.ledger.roles import Role
from automation.queue.admission import bring_back
from automation.web.access.needs import allow, note
from automation.web.access.principal import principal_of
from automation.web.api import bodies, models
from automation.web.api.answers import MailId, one
from automation.web.api.desk import Desk, desk_of
from automation.web.api.problems import V1, responses

router = APIRouter(prefix=V1, tags=["act"], responses=responses(404, 409))
_OPERATOR = Role.OPERATOR


@router.post(
    "/runs/{run_id}/retry",
    status_code=202,
    response_model=models.Run,
    dependencies=[allow(_OPERATOR, "run.retry", of_job="run")],
)
def retry(request: Request, run_id: str) -> JSONResponse:
    """Bring a dead run back: it is queued again, with all its attempts before it. 409 for one that is not dead."""
    desk = desk_of(request)
    run = desk.services.ledger.queries.run(run_id)
    note(request, run.id, job=run.job)
    told = _bring_back(request, desk, [run.id], bodies.Replay())
    if told["held"]:
        raise Refused(f"Run {run.id} stays dead: {told['held'][run.id]}")
    if not told["runs"]:
        raise Refused(f"Run {run.id} is {run.state}, and no dead letter")
    return one(desk.services.ledger.queries.run(run.id).as_json(), 202)


@router.post(
    "/runs/{run_id}/discard",
    response_model=models.Run,
    dependencies=[allow(_OPERATOR, "run.discard", of_job="run")],
)
def discard(request: Request, run_id: str, body: bodies.Discard) -> JSONResponse:
    """Lay a dead letter aside: the run stays dead, and is listed no more. 409 for one that is none."""
    ledger, who = desk_of(request).services.ledger, principal_of(request)
    run = ledger.queries.run(run_id)
    note(request, run.id, job=run.job, reason=body.reason)
    if not ledger.dead.discard([run.id], body.reason, who.name):
        raise Refused(f"Run {run.id} is {run.state}, and no dead letter")
    return one(ledger.queries.run(run.id).as_json())


@router.post(
    "/dead/retry", status_code=202, response_model=dict[str, Any], dependencies=[allow(_OPERATOR, "run.retry")]
)
def retry_many(request: Request, body: bodies.Replay) -> JSONResponse:
    """Bring dead letters back: `runs` are queued again, `held` says which stay dead, and why."""
    desk = desk_of(request)
    ids = _meant(desk, body)
    note(request, f"{len(ids)} dead letters", job=body.job, tag=body.tag)
    return one(_bring_back(request, desk, ids, body), 202)


@router.post("/dead/discard", response_model=dict[str, Any], dependencies=[allow(_OPERATOR, "run.discard")])
def discard_many(request: Request, body: bodies.LayAside) -> JSONResponse:
    """Lay dead letters aside; `runs` are those that were."""
    desk = desk_of(request)
    ids = _meant(desk, body)
    note(request, f"{len(ids)} dead letters", job=body.job, tag=body.tag, reason=body.reason)
    gone = desk.services.ledger.dead.discard(ids, body.reason, principal_of(request).name)
    return one({"runs": list(gone)})


def _meant(desk: Desk, body: bodies.Letters) -> list[str]:
    try:
        kind = FailureClass(body.failure_class) if body.failure_class else None
    except ValueError as error:
        raise InvalidInput(f"failure_class is none of: {', '.join(FailureClass)}") from error
    wanted = Wanted(body.job, body.tag, kind)
    return meant(desk.services.ledger, body.runs, wanted, everything=body.all, most=body.max, yes=body.yes)


def _bring_back(request: Request, desk: Desk, ids: Sequence[str], body: bodies.Replay) -> dict[str, Any]:
    back, held = bring_back(desk.services, ids, principal_of(request).name, wait_between(body.rate))
    if due := due_of(desk.services.ledger, back):
        desk.ring(due)
    return {"runs": list(back), "held": {run_id: holder.words for run_id, holder in held.items()}}


@router.post(
    "/mails/{mail_id}/retry",
    status_code=202,
    response_model=models.Mail,
    dependencies=[allow(_OPERATOR, "mail.retry")],
)
def retry_mail(request: Request, mail_id: MailId, body: bodies.MailRetry | None = None) -> JSONResponse:
    """Send a mail again, as it is. 409 for one that left, or is in doubt unless `yes` is said."""
    ledger = desk_of(request).services.ledger
    note(request, str(mail_id))
    mail_acts.retry(ledger, [mail_id], yes=body is not None and body.yes)
    return one(ledger.outbox.get(mail_id).as_json(), 202)


@router.post("/mails/{mail_id}/cancel", response_model=models.Mail, dependencies=[allow(_OPERATOR, "mail.cancel")])
def cancel_mail(request: Request, mail_id: MailId, body: bodies.MailCancel | None = None) -> JSONResponse:
    """Never send a mail. 409 for one that left."""
    ledger = desk_of(request).services.ledger
    reason = body.reason if body else ""
    note(request, str(mail_id), reason=reason)
    mail_acts.cancel(ledger, mail_id, principal_of(request).name, reason)
    return one(ledger.outbox.get(mail_id).as_json())
