"""What a route needs: a role, and the action's name; or nothing, with the reason said.

Owns: the dependency that stands on every route, and refusing an application with a route that has none.
Never: decides by an address; by the route alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import parse_qsl

from fastapi import Depends, FastAPI, Request
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.routing import Mount

from automation.errors import InvalidInput
from automation.ledger.roles import Role
from automation.web.access.caller import Caller
from automation.web.access.csrf import foreign, is_form, is_token
from automation.web.access.gate import Gate
from automation.web.access.principal import Principal
from automation.web.access.refusals import Forbidden

SAFE = ("GET", "HEAD", "OPTIONS")
_LONGEST_FORM = 1_000_000


@dataclass(frozen=True)
class Need:
    """What a route asks of its caller; `role` is None for anyone, and `action` then says why.

    Parameters
    ----------
    of_job: what in the address is bound to one job (`job`, `run`), for tokens of certain jobs; "" is nothing.
    """

    role: Role | None
    action: str
    of_job: str = ""


def allow(role: Role, action: str, *, of_job: str = "") -> Any:
    """The dependency of a route that needs this role; `action` names it in scopes and in the audit trail."""
    need = Need(role, action, of_job)

    async def check(request: Request) -> Principal:
        gate = gate_of(request)
        begin(request, action)
        caller = Caller.of(request, gate.rules)
        request.state.caller = caller
        principal = await run_in_threadpool(gate.who, caller)
        request.state.principal = principal
        refusal = principal.refusal(role, action) or await _foreign(request, principal, caller)
        refusal = refusal or await run_in_threadpool(_of_other_job, request, principal, need)
        if refusal:
            raise Forbidden(refusal)
        return principal

    cast("Any", check).need = need
    return Depends(check)


def anyone(why: str) -> Any:
    """The dependency of a route that needs nobody, with the reason."""

    async def check(request: Request) -> None:
        gate = gate_of(request)
        begin(request, why)
        request.state.caller = Caller.of(request, gate.rules)

    cast("Any", check).need = Need(None, why)
    return Depends(check)


def needs(app: FastAPI) -> Iterator[tuple[APIRoute, Need | None]]:
    """Every route with what it needs; None for one that does not say."""
    for route in app.routes:
        if isinstance(route, APIRoute):
            found = (getattr(each.call, "need", None) for each in route.dependant.dependencies)
            yield route, next((need for need in found if need is not None), None)


def require_needs(app: FastAPI) -> None:
    """Every route says what it needs. Raises TypeError with those that do not: it is a fault of ours."""
    silent = [f"{'/'.join(sorted(route.methods or ()))} {route.path}" for route, need in needs(app) if need is None]
    silent += [repr(route) for route in app.routes if not isinstance(route, (APIRoute, Mount))]
    if silent:
        raise TypeError(f"These routes say not who may call them: {', '.join(silent)}")


def gate_of(request: Request) -> Gate:
    """The gate of the application that answers."""
    return cast("Gate", request.app.state.gate)


def begin(request: Request, action: str) -> None:
    """From here on the answer goes to the audit trail, when the method is one that changes something."""
    request.state.act = {"action": action, "target": "", "details": {}}


def note(request: Request, target: str, action: str = "", **details: object) -> None:
    """What the line of the audit trail says of this request beside who, when and from where."""
    act = request.state.act
    act["target"] = target
    act["action"] = action or act["action"]
    act["details"].update(details)


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a form, the last of a name. Raises InvalidInput."""
    return dict(await fields_of(request))


async def fields_of(request: Request) -> list[tuple[str, str]]:
    """The fields of a form with their values, in order; only the usual encoding is read. Raises InvalidInput."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        return []
    body = await request.body()
    if len(body) > _LONGEST_FORM:
        raise InvalidInput("The form is too large")
    try:
        return parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=1000, errors="strict")
    except ValueError as error:
        raise InvalidInput("The form cannot be read; it has to be UTF-8 with fewer than 1,000 fields") from error


async def _foreign(request: Request, principal: Principal, caller: Caller) -> str | None:
    """Why this request is not from our own pages; None where it is, or where no browser could have sent it unasked."""
    if request.method in SAFE or principal.via == "token":
        return None
    if found := foreign(request.headers, set(caller.origins)):
        return found
    # A program on this machine that sends no form needs none: a page elsewhere cannot send anything else unasked.
    if principal.is_open and not is_form(request.headers):
        return None
    given = request.headers.get("x-csrf-token") or (await form_of(request)).get("csrf", "")
    if is_token(given, principal.csrf):
        return None
    return "The request does not carry the token of our pages (field csrf, or header X-CSRF-Token); load the page again"


def _of_other_job(request: Request, principal: Principal, need: Need) -> str | None:
    """Why a token of certain jobs may not do this; None for everybody else."""
    if not principal.jobs:
        return None
    job = request.path_params.get("job") or request.query_params.get("job")
    if need.of_job == "run":
        job = gate_of(request).ledger.queries.run(request.path_params["run_id"]).job
    if need.of_job and job and principal.sees(job):
        return None
    return f"This token is for the job {', '.join(principal.jobs)} alone"
