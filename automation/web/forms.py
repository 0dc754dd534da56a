"""What the forms of pages do: run, pause, fill up, bring back, cancel, send again.

Owns: their addresses, what is noted of each for the audit trail, and where the browser goes then.
Never: does it itself; acts, queue and ledger do.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, RedirectResponse, Response

from automation.errors import AutomationError
from automation.ledger.roles import Role
from automation.text import ended
from automation.web.access.needs import allow, fields_of, note
from automation.web.access.principal import principal_of
from automation.web.routes import viewer_of
from automation.web.site import Site
from automation.web.views.ask import backfill_form, run_form
from automation.web.views.deeds import Deeds, Told
from automation.web.words import Viewer

_SECONDS = 6
_LONGEST = 900


@dataclass(frozen=True)
class Given:
    """A form that came back."""

    values: Mapping[str, str]
    ids: Sequence[str]
    who: str

    @property
    def what(self) -> str:
        """Which of its buttons."""
        return self.values.get("what", "")


async def given_of(request: Request) -> Given:
    """Read it. Raises InvalidInput for one that cannot be read."""
    fields = await fields_of(request)
    return Given(dict(fields), [value for name, value in fields if name == "id"], principal_of(request).name)


def add_forms(app: FastAPI, site: Site, deeds: Deeds) -> None:
    """Every form."""
    _add_job_forms(app, site, deeds)

    @post(app, "/jobs", "jobs.act")
    async def jobs(request: Request) -> Response:
        """Run, pause or resume several jobs."""
        given = await given_of(request)
        return await done(request, site, lambda: deeds.jobs(given.what, given.ids, given.values, given.who), "/jobs")

    @post(app, "/runs/{run_id}/act", "run.act", of_job="run")
    async def run(request: Request, run_id: str) -> Response:
        """Bring back, cancel, repeat or render again."""
        given = await given_of(request)
        return await done(request, site, lambda: deeds.run(given.what, run_id, given.who), f"/runs/{run_id}")

    @post(app, "/dead", "dead.act")
    async def dead(request: Request) -> Response:
        """Bring back dead letters, or lay them aside."""
        given = await given_of(request)
        return await done(request, site, lambda: deeds.dead(given.what, given.ids, given.values, given.who), "/dead")

    @post(app, "/outbox", "outbox.act")
    async def outbox(request: Request) -> Response:
        """Send mails again, or never."""
        given = await given_of(request)
        return await done(request, site, lambda: deeds.outbox(given.what, given.ids, given.who), "/outbox")


def _add_job_forms(app: FastAPI, site: Site, deeds: Deeds) -> None:
    @post(app, "/jobs/{job}/run", "job.run", of_job="job")
    async def run(request: Request, job: str) -> Response:
        """Run it now, with what was filled in; the form again with what is wrong."""
        given = await given_of(request)
        return await _done_or_again(request, site, job, given, deeds.start, run_form)

    @post(app, "/jobs/{job}/backfill", "job.backfill", of_job="job")
    async def backfill(request: Request, job: str) -> Response:
        """Record the runs of a span; the form again with what is wrong."""
        given = await given_of(request)
        return await _done_or_again(request, site, job, given, deeds.backfill, backfill_form)

    @post(app, "/jobs/{job}/pause", "pause", of_job="job")
    async def pause(request: Request, job: str) -> Response:
        """Pause or resume it."""
        given = await given_of(request)
        address = f"/jobs/{quote(job, safe='')}"
        return await done(request, site, lambda: deeds.jobs(given.what, [job], given.values, given.who), address)


def post(
    app: FastAPI, path: str, action: str, *, of_job: str = "", role: Role = Role.OPERATOR
) -> Callable[[Callable[..., Awaitable[Response]]], Callable[..., Awaitable[Response]]]:
    """Take a form at this address, from whoever may."""

    def add(function: Callable[..., Awaitable[Response]]) -> Callable[..., Awaitable[Response]]:
        needed: Any = [allow(role, action, of_job=of_job)]
        app.post(path, include_in_schema=False, dependencies=needed)(function)
        return function

    return add


async def done(request: Request, site: Site, deed: Callable[[], Told], address: str) -> Response:
    """Do it, and go back with what is to be told of it; a refusal is told in the same place."""
    try:
        told = await run_in_threadpool(deed)
    except AutomationError as error:
        return _go(request, site, Told(ended(str(error)), good=False), address)
    return _go(request, site, told, told.address or address)


async def _done_or_again(
    request: Request,
    site: Site,
    job: str,
    given: Given,
    deed: Callable[[str, Mapping[str, str]], Told],
    form: Callable[[Site, Viewer, str, Mapping[str, str], str], str],
) -> Response:
    """Do it with what was filled in, and go where its deed says; the form again with what is wrong."""
    try:
        told = await run_in_threadpool(deed, job, given.values)
    except AutomationError as error:
        page = await run_in_threadpool(form, site, viewer_of(request, site), job, given.values, ended(str(error)))
        return HTMLResponse(page, 409)
    return _go(request, site, told, told.address)


def _go(request: Request, site: Site, told: Told, address: str) -> Response:
    """To the page, which says once what was done."""
    site.fresh.forget()
    note(request, told.target, told.action, told=told.text[:_LONGEST])
    answer = RedirectResponse(str(request.scope.get("root_path", "")) + (address or "/"), 303)
    text = ("" if told.good else "!") + told.text[:_LONGEST]
    answer.set_cookie("told", quote(text), max_age=_SECONDS, httponly=True, samesite="strict")
    return answer
