"""Webhooks: another program calls, and a job runs.

Owns: this address, and which run a call that comes again belongs to.
Never: decides whose call it is (signatures do), or which parameters may be set (automation.toml does).
"""

from __future__ import annotations

import hashlib
import logging
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from fastapi.responses import JSONResponse
from pydantic_core import from_json
from starlette.concurrency import run_in_threadpool

from automation.errors import InvalidInput, ServiceUnavailable, UnknownName
from automation.ledger.states import Kind
from automation.project.model import Webhook
from automation.project.webhooks import key_of
from automation.queue.asking import to_ring
from automation.queue.enqueue import Request as Wish
from automation.queue.enqueue import record
from automation.secrets import references, resolve
from automation.services import Services
from automation.text import printable
from automation.web.access.needs import anyone, gate_of, note
from automation.web.access.refusals import Forbidden, NotSignedIn
from automation.web.access.signed import Delivery, require_signed
from automation.web.api import models
from automation.web.api.act import address_of
from automation.web.api.answers import one
from automation.web.api.desk import Desk, desk_of
from automation.web.api.problems import V1, responses

router = APIRouter(prefix=V1, tags=["act"], responses=responses(404, 409, 413))
_log = logging.getLogger(__name__)
_EVENT = {"schema": {"type": "object"}, "example": {"days": 7}}
_BODY = {"requestBody": {"content": {"application/json": _EVENT}, "required": True, "description": "What happened."}}
_Head = Annotated[str, Header(description="As Standard Webhooks has it.")]


@router.post(
    "/hooks/{name}",
    status_code=202,
    response_model=models.Delivered,
    dependencies=[anyone("webhook: the signature is of whoever has its secret")],
    openapi_extra=_BODY,
)
async def deliver(
    request: Request, name: str, webhook_id: _Head = "", webhook_timestamp: _Head = "", webhook_signature: _Head = ""
) -> JSONResponse:
    """Run the job of a webhook of automation.toml; the body is signed as Standard Webhooks has it.

    The same `webhook-id` again finds the first run and says `Idempotent-Replayed: true`.
    """
    delivery = Delivery(webhook_id, webhook_timestamp, webhook_signature, await request.body())
    return await run_in_threadpool(_deliver, request, name, delivery)


def _deliver(request: Request, name: str, delivery: Delivery) -> JSONResponse:
    desk, gate = desk_of(request), gate_of(request)
    note(request, name, "webhook", delivery=printable(delivery.id, 120))
    if gate.rules.read_only:
        raise Forbidden("This server only shows (AUTOMATION_READ_ONLY=1)")
    try:
        webhook = _proved(desk, name, delivery)
    except (UnknownName, NotSignedIn):
        gate.doubt("webhook", request.state.caller)
        raise
    request.state.act.update(who=f"webhook {name}", via="webhook")
    gate.count(f"webhook {name}")
    return _run(request, webhook, delivery)


def _proved(desk: Desk, name: str, delivery: Delivery) -> Webhook:
    """The webhook that is called, by somebody who has its secret. Raises UnknownName, NotSignedIn."""
    webhook = desk.project().webhooks.get(name)
    if webhook is None:
        raise UnknownName("webhook", printable(name, 100))
    require_signed(delivery, _keys(desk.services, webhook), desk.services.clock.now())
    return webhook


def _run(request: Request, webhook: Webhook, delivery: Delivery) -> JSONResponse:
    desk = desk_of(request)
    # A sender's id may be longer than the ledger's column; each webhook has ids of its own.
    key = f"webhook {webhook.name} {hashlib.sha256(delivery.id.encode()).hexdigest()}"
    run, new = desk.services.ledger.queries.run_by_key(key), False
    # First, since what the job says of its parameters may have changed after the call that this one repeats.
    if run is None:
        wish = Wish(webhook.job, taken(delivery.body, webhook.take), Kind.API, None, key, overlap="job")
        run, new = record(desk.services, wish)
    note(request, webhook.name, job=run.job, run=run.id, new=new)
    if new:
        desk.ring([to_ring(run)])
    headers = {"Location": address_of(request, run), **({} if new else {"Idempotent-Replayed": "true"})}
    return one({"run": run.id, "new": new}, 202, headers)


def taken(body: bytes, names: tuple[str, ...]) -> dict[str, Any]:
    """The fields of a body that set parameters; those that it lacks are left to the job.

    Raises InvalidInput for a body that is no JSON object, and for a value that would be more than a value in a job.
    """
    if not names:
        return {}
    try:
        found = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise InvalidInput("The body cannot be read as JSON") from error
    if not isinstance(found, dict):
        raise InvalidInput("The body is no JSON object, and this webhook takes fields of one")
    values = {name: found[name] for name in names if name in found}
    for name, value in values.items():
        if any(references(value)) or _is_template(value):
            raise InvalidInput(
                f"The field '{name}' holds a reference (${{…}}) or a template ({{{{ … }}}}), not a value"
            )
    return values


def _is_template(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_is_template, value)) or any(map(_is_template, value.values()))
    if isinstance(value, list):
        return any(map(_is_template, value))
    return isinstance(value, str) and any(mark in value for mark in ("{{", "{%", "{#"))


def _keys(services: Services, webhook: Webhook) -> list[bytes]:
    """The keys of its secrets, as they are now. Raises ServiceUnavailable: the sender is to try again."""
    where = services.environ, services.redactor, services.settings.project
    try:
        return [key_of(str(resolve(secret, *where))) for secret in webhook.secrets]
    except InvalidInput as error:
        _log.error("The secret of webhook '%s' cannot be read: %s", webhook.name, error)
        raise ServiceUnavailable(f"The secret of webhook '{webhook.name}' cannot be read; the log says more") from error
