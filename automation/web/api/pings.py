"""Pings: a program elsewhere reports that its work begins, has ended, or how, by calling an address.

Owns: these addresses, and the key in them: whoever has one reports for one job, and sees nothing.
Never: decides what a report means for a run (the plugin `ping` does).
"""

from __future__ import annotations

import hmac
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from automation.acts.pings import PLUGIN, Ping, address_text, awaited, take
from automation.errors import InvalidInput, UnknownName
from automation.ledger.pings import Signal
from automation.ledger.roles import Role
from automation.project.model import Job
from automation.text import printable
from automation.web.access.needs import allow, anyone, gate_of, note
from automation.web.access.refusals import Forbidden
from automation.web.api import models
from automation.web.api.answers import one
from automation.web.api.desk import desk_of
from automation.web.api.problems import V1, responses

router = APIRouter(prefix=V1, tags=["act"], responses=responses(404, 409, 413))
_MOST_STATUS = 255
_Id = Annotated[str | None, Query(description="Tells executions at one time apart: the same on start and end.")]
_Word = Annotated[str, Path(description="start, success, fail, log, or an exit status from 0 to 255")]
_KEYED = anyone("ping: the key in the address is for one job")
_BODY: dict[str, Any] = {"requestBody": {"content": {"text/plain": {"schema": {"type": "string"}}}}}


@router.get(
    "/jobs/{job}/ping", response_model=dict[str, str], dependencies=[allow(Role.OPERATOR, "job.ping", of_job="job")]
)
def addresses(request: Request, job: str) -> JSONResponse:
    """Where a program elsewhere reports for a job with the plugin `ping`. The addresses need no token."""
    base = address_of(request, awaited(desk_of(request).project(), job))
    return one({"success": base, **{word: f"{base}/{word}" for word in ("start", "fail", "log")}})


def address_of(request: Request, job: Job) -> str:
    """Where a success of this job is reported, from the root of this server."""
    return f"{request.scope.get('root_path', '')}{V1}/pings/{_key(request, job)}/{quote(job.name, safe='')}"


def shown_address(request: Request, job: Job) -> str:
    """The same for people to copy: as browsers reach this server; "" for a job with another plugin."""
    if job.plugin != PLUGIN:
        return ""
    public = gate_of(request).rules.public_url or str(request.base_url)
    return f"{public.rstrip('/')}{address_of(request, job).removeprefix(request.scope.get('root_path', ''))}"


@router.get("/pings/{key}/{job}", summary="Ping", response_model=models.Pinged, dependencies=[_KEYED])
@router.head("/pings/{key}/{job}", include_in_schema=False, dependencies=[_KEYED])
async def succeeded(request: Request, key: str, job: str, rid: _Id = None) -> JSONResponse:
    """The work is done."""
    return await _taken(request, key, job, Signal.SUCCESS, None, rid)


@router.post(
    "/pings/{key}/{job}", summary="Ping", response_model=models.Pinged, dependencies=[_KEYED], openapi_extra=_BODY
)
async def succeeded_with(request: Request, key: str, job: str, rid: _Id = None) -> JSONResponse:
    """The work is done; the body is kept in the log of the run, of a longer one its last 100,000 bytes."""
    return await _taken(request, key, job, Signal.SUCCESS, None, rid)


@router.get("/pings/{key}/{job}/{word}", summary="Ping", response_model=models.Pinged, dependencies=[_KEYED])
@router.head("/pings/{key}/{job}/{word}", include_in_schema=False, dependencies=[_KEYED])
async def reported(request: Request, key: str, job: str, word: _Word, rid: _Id = None) -> JSONResponse:
    """The work begins, has ended, or says something; any exit status but 0 is a failure."""
    return await _taken(request, key, job, *_meant(word), rid)


@router.post(
    "/pings/{key}/{job}/{word}",
    summary="Ping",
    response_model=models.Pinged,
    dependencies=[_KEYED],
    openapi_extra=_BODY,
)
async def reported_with(request: Request, key: str, job: str, word: _Word, rid: _Id = None) -> JSONResponse:
    """The same, with a body for the log of the run."""
    return await _taken(request, key, job, *_meant(word), rid)


def _meant(word: str) -> tuple[Signal, int | None]:
    if word in tuple(Signal):
        return Signal(word), None
    if word.isascii() and word.isdigit() and len(word) < 4 and int(word) <= _MOST_STATUS:
        return (Signal.FAIL if int(word) else Signal.SUCCESS), int(word)
    raise InvalidInput(
        f"'{printable(word, 60)}' is nothing that a ping says; "
        "end the address with start, success, fail, log or an exit status from 0 to 255"
    )


async def _taken(
    request: Request, key: str, job: str, signal: Signal, status: int | None, rid: str | None
) -> JSONResponse:
    ping = Ping(signal, status, rid, await request.body(), request.state.caller.address)
    return await run_in_threadpool(_take, request, key, job, ping)


def _take(request: Request, key: str, name: str, ping: Ping) -> JSONResponse:
    desk, gate = desk_of(request), gate_of(request)
    note(request, name, "ping", signal=ping.signal)
    if gate.rules.read_only:
        raise Forbidden("This server only shows (AUTOMATION_READ_ONLY=1)")
    try:
        job = _proved(request, key, name)
    except UnknownName:
        gate.doubt("ping", request.state.caller)
        raise
    gate.count(f"ping {name}")
    run, new, waiting = take(desk.services, job, ping)
    desk.ring(waiting)
    # The run's log has its line; the trail is for what people and programs with a role do.
    request.state.act = None
    return one({"run": run.id, "signal": ping.signal, "new": new})


def _proved(request: Request, key: str, name: str) -> Job:
    """The job, if the key is that of its address. Raises UnknownName, the same for a wrong key and for no such job."""
    job = awaited(desk_of(request).project(), name)
    if not hmac.compare_digest(key.encode(), _key(request, job).encode()):
        raise UnknownName("job with the plugin 'ping'", printable(name, 100))
    return job


def _key(request: Request, job: Job) -> str:
    return gate_of(request).signed(address_text(job))[:32]
