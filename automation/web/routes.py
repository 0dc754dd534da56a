"""Which address gives which page.

Owns: the addresses of pages, and reading what a browser says of its viewer.
Never: asks the ledger itself (the views do).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Annotated
from urllib.parse import unquote
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fastapi import FastAPI, Query, Request
from fastapi.responses import FileResponse, HTMLResponse, Response, StreamingResponse

from automation.ledger.roles import Role
from automation.web.access.needs import allow
from automation.web.api.pings import shown_address
from automation.web.events import changes, run_events
from automation.web.headers import FILE_HEADERS
from automation.web.leaving import Leaving
from automation.web.site import Site
from automation.web.views.access import access_page
from automation.web.views.ask import backfill_form, run_form
from automation.web.views.dead import dead_page
from automation.web.views.flows import flow_page, flows_page
from automation.web.views.job import job_page, job_settings_page, source_page, why_page
from automation.web.views.jobs import jobs_page
from automation.web.views.metrics import MEDIA_TYPE, metrics
from automation.web.views.outbox import mail_body, mail_page, outbox_page
from automation.web.views.overview import overview
from automation.web.views.run import run_page
from automation.web.views.runs import runs_page
from automation.web.views.settings import settings_page
from automation.web.views.workers import workers_page
from automation.web.words import SHOWN_TYPES, Viewer, moment

_LONGEST_ZONE = 64
_LONGEST_TOLD = 900
_THEMES = ("light", "dark")


def viewer_of(request: Request, site: Site) -> Viewer:
    """Who looks, as far as the browser said: its zone, the theme that was chosen."""
    name = request.cookies.get("zone", "UTC").replace("%2F", "/")[:_LONGEST_ZONE]
    try:
        zone = ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        zone = ZoneInfo("UTC")
    theme = request.cookies.get("theme", "")
    return Viewer(
        site.clock.now(),
        zone,
        theme if theme in _THEMES else "auto",
        str(request.scope.get("root_path", "")),
        getattr(request.state, "principal", None),
        unquote(request.cookies.get("told", ""))[:_LONGEST_TOLD],
    )


def sign_in_page(site: Site, request: Request, after: str, problem: str) -> str:
    """The form to sign in, with what went wrong; `after` is the path to go on to."""
    return site.bare("login.html", viewer_of(request, site), after=after, problem=problem)


def add_pages(app: FastAPI, site: Site) -> None:
    """Every page."""
    _add_lists(app, site)
    _add_job(app, site)
    _add_more(app, site)
    leaving: Leaving = app.state.leaving
    _add_run(app, site, leaving)

    @app.get("/events", include_in_schema=False, dependencies=[allow(Role.VIEWER, "events")])
    async def events() -> StreamingResponse:
        """That something changed."""
        return _stream(changes(site, leaving))


def _add_lists(app: FastAPI, site: Site) -> None:
    @page(app, "/", "overview")
    def index(request: Request, span: str = "24h", tag: str = "", page: int = 1) -> str:
        """Is all well, and what ran and comes."""
        return overview(site, viewer_of(request, site), span, tag, page)

    @page(app, "/jobs", "jobs.read")
    def jobs(request: Request, q: str = "", page: int = 1) -> str:
        """The jobs."""
        return jobs_page(site, viewer_of(request, site), q, page)

    @page(app, "/runs", "runs.read")
    def runs(request: Request, q: str = "", before: str = "") -> str:
        """The runs."""
        return runs_page(site, viewer_of(request, site), q, moment(before, "before"))


def _add_more(app: FastAPI, site: Site) -> None:
    @page(app, "/flows", "runs.read")
    def flows(request: Request) -> str:
        """Jobs that hang together."""
        return flows_page(site, viewer_of(request, site))

    @page(app, "/flows/{flow:path}", "runs.read")
    def flow(request: Request, flow: str) -> str:
        """One flow."""
        return flow_page(site, viewer_of(request, site), flow)

    @page(app, "/dead", "dead.read")
    def dead(request: Request, job: str = "", kind: Annotated[str, Query(alias="class")] = "") -> str:
        """Dead letters."""
        return dead_page(site, viewer_of(request, site), job, kind)

    @page(app, "/outbox", "outbox.read")
    def outbox(request: Request, q: str = "") -> str:
        """Mails."""
        return outbox_page(site, viewer_of(request, site), q)

    @page(app, "/outbox/{mail_id}", "outbox.read")
    def mail(request: Request, mail_id: int) -> str:
        """One mail."""
        return mail_page(site, viewer_of(request, site), mail_id)

    @app.get("/outbox/{mail_id}/body", include_in_schema=False, dependencies=[allow(Role.VIEWER, "outbox.read")])
    def body(mail_id: int) -> HTMLResponse:
        """One mail as it is read, for a frame."""
        return HTMLResponse(mail_body(site, mail_id), headers=dict(FILE_HEADERS))

    @page(app, "/workers", "workers.read")
    def workers(request: Request) -> str:
        """Who works, and what waits."""
        return workers_page(site, viewer_of(request, site))

    @page(app, "/settings", "settings.read")
    def settings(request: Request) -> str:
        """What works, and what was done by whom."""
        return settings_page(site, viewer_of(request, site))

    @app.get("/metrics", include_in_schema=False, dependencies=[allow(Role.VIEWER, "metrics.read")])
    def figures(request: Request) -> Response:
        """How everything stands, for Prometheus."""
        return Response(metrics(site, viewer_of(request, site)), media_type=MEDIA_TYPE)

    @page(app, "/access", "users.read", role=Role.ADMIN)
    def access(request: Request) -> str:
        """Who may do what."""
        return access_page(site, viewer_of(request, site))


def _add_job(app: FastAPI, site: Site) -> None:
    @page(app, "/jobs/{job}", "jobs.read", of_job="job")
    def one(request: Request, job: str, before: str = "", state: str = "") -> str:
        """One job."""
        viewer = viewer_of(request, site)
        pinged = shown_address(request, site.job(job)) if viewer.operates else ""
        return job_page(site, viewer, job, moment(before, "before"), state, pinged)

    @page(app, "/jobs/{job}/settings", "jobs.read", of_job="job")
    def settings(request: Request, job: str) -> str:
        """What counts for it."""
        return job_settings_page(site, viewer_of(request, site), job)

    @page(app, "/jobs/{job}/run", "job.run", of_job="job", role=Role.OPERATOR)
    def run(request: Request, job: str) -> str:
        """The form that runs it."""
        return run_form(site, viewer_of(request, site), job)

    @page(app, "/jobs/{job}/backfill", "job.backfill", of_job="job", role=Role.OPERATOR)
    def backfill(request: Request, job: str) -> str:
        """What it missed."""
        return backfill_form(site, viewer_of(request, site), job, dict(request.query_params))

    @page(app, "/jobs/{job}/source", "jobs.read", of_job="job")
    def source(request: Request, job: str) -> str:
        """Where it is declared."""
        return source_page(site, viewer_of(request, site), job)

    @page(app, "/jobs/{job}/why", "jobs.read", of_job="job")
    def why(request: Request, job: str, at: str = "") -> str:
        """Why it ran or did not."""
        return why_page(site, viewer_of(request, site), job, moment(at, "at"))


def _add_run(app: FastAPI, site: Site, leaving: Leaving) -> None:
    @page(app, "/runs/{run_id}", "run.read", of_job="run")
    def run(request: Request, run_id: str, before: int | None = None, level: str = "", log: str = "") -> str:
        """One run."""
        return run_page(site, viewer_of(request, site), run_id, before=before, level=level, text=log)

    @app.get(
        "/runs/{run_id}/events",
        include_in_schema=False,
        dependencies=[allow(Role.VIEWER, "run.read", of_job="run")],
    )
    def lines(request: Request, run_id: str, after: int = 0) -> StreamingResponse:
        """The lines and the moves of a run, until it ends."""
        found = site.ledger.queries.run(run_id)
        seen = request.headers.get("last-event-id", "")
        start = int(seen) if seen.isdecimal() and len(seen) < 19 else after
        return _stream(run_events(site, found.id, start, lambda: viewer_of(request, site), leaving))

    @app.api_route(
        "/runs/{run_id}/files/{name}",
        methods=["GET", "HEAD"],
        include_in_schema=False,
        dependencies=[allow(Role.VIEWER, "run.files", of_job="run")],
    )
    def file(run_id: str, name: str, download: bool = False) -> FileResponse:
        """A file of a run: shown in a sandbox where a browser can, else given for download."""
        found = site.file(run_id, name)
        shown = not download and found.media_type.partition(";")[0] in SHOWN_TYPES
        return FileResponse(
            found.path,
            media_type=found.media_type,
            filename=found.name,
            content_disposition_type="inline" if shown else "attachment",
            headers=dict(FILE_HEADERS),
        )


def page(
    app: FastAPI, path: str, action: str, *, of_job: str = "", role: Role = Role.VIEWER
) -> Callable[[Callable[..., str]], Callable[..., str]]:
    """Serve what a function returns as a page, to whoever may."""

    def add(function: Callable[..., str]) -> Callable[..., str]:
        needed = [allow(role, action, of_job=of_job)]
        app.api_route(
            path, methods=["GET", "HEAD"], include_in_schema=False, response_class=HTMLResponse, dependencies=needed
        )(function)
        return function

    return add


def _stream(events: AsyncIterator[bytes]) -> StreamingResponse:
    return StreamingResponse(events, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})
