"""The web application: which address gives which page.

Owns: routes, status codes, the form of an error.
Never: asks the ledger itself (the site does), listens on a socket (the server does).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

from automation.errors import LedgerUnavailable, UnknownName
from automation.health.check import Check, Health
from automation.text import printable
from automation.web.headers import FILE_POLICY, Guarded
from automation.web.site import Site
from automation.web.views import SHOWN_TYPES

_STATIC = Path(__file__).parent / "static"
_log = logging.getLogger(__name__)


def create_app(site: Site, ready: Callable[[], Sequence[Check]]) -> FastAPI:
    """The application over a site; `ready` is asked by `/readyz`."""
    app = FastAPI(title="automation", docs_url=None, redoc_url=None, openapi_url=None)
    app.mount("/static", StaticFiles(directory=_STATIC), name="static")
    _add_probes(app, ready)
    _add_pages(app, site)
    _add_errors(app, site)
    app.add_middleware(Guarded)
    return app


def _add_probes(app: FastAPI, ready: Callable[[], Sequence[Check]]) -> None:
    @app.api_route("/healthz", methods=["GET", "HEAD"])
    async def healthz() -> dict[str, str]:
        """The process answers."""
        return {"status": "ok"}

    @app.api_route("/readyz", methods=["GET", "HEAD"])
    def readyz() -> JSONResponse:
        """200 when everything that is needed answers, else 503; each part with its reason."""
        checks = ready()
        fine = all(check.state is not Health.FAIL for check in checks)
        body = {"status": "ok" if fine else "unavailable", "checks": [check.as_json() for check in checks]}
        return JSONResponse(body, 200 if fine else 503)


def _add_pages(app: FastAPI, site: Site) -> None:
    @app.api_route("/", methods=["GET", "HEAD"])
    def index(job: str | None = None, state: str | None = None) -> HTMLResponse:
        """Jobs and runs."""
        return HTMLResponse(site.index(job, state))

    @app.api_route("/runs/{run_id}", methods=["GET", "HEAD"])
    def run(run_id: str, after: int = 0) -> HTMLResponse:
        """One run."""
        return HTMLResponse(site.run(run_id, after))

    @app.api_route("/runs/{run_id}/files/{name}", methods=["GET", "HEAD"])
    def file(run_id: str, name: str, download: bool = False) -> FileResponse:
        """A file of a run: shown in a sandbox where a browser can, else given for download."""
        found = site.file(run_id, name)
        shown = not download and found.media_type.partition(";")[0] in SHOWN_TYPES
        return FileResponse(
            found.path,
            media_type=found.media_type,
            filename=found.name,
            content_disposition_type="inline" if shown else "attachment",
            headers={"Content-Security-Policy": FILE_POLICY},
        )


def _add_errors(app: FastAPI, site: Site) -> None:
    async def answer(request: Request, status: int, title: str, text: str) -> Response:
        if "text/html" in request.headers.get("accept", "*/*") or request.headers.get("accept", "*/*") == "*/*":
            return HTMLResponse(site.message(title, text), status)
        return JSONResponse({"error": text}, status)

    @app.exception_handler(UnknownName)
    async def unknown(request: Request, error: UnknownName) -> Response:
        return await answer(request, 404, "Not here", f"{error}.")

    @app.exception_handler(LedgerUnavailable)
    @app.exception_handler(SQLAlchemyError)
    async def unavailable(request: Request, error: Exception) -> Response:
        # A driver's message may hold statements and values; the log gets it, the page does not.
        _log.error("The ledger did not answer: %s", getattr(error, "orig", error))
        text = (
            str(error)
            if isinstance(error, LedgerUnavailable)
            else "The ledger did not answer; see /readyz and the log."
        )
        return await answer(request, 503, "The ledger does not answer", text)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, _error: RequestValidationError) -> Response:
        return await answer(
            request, 400, "That address cannot be read", "A part of the address is not what it should be."
        )

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        missing = error.status_code == 404
        title = "Not here" if missing else "That does not work"
        text = f"There is nothing at {printable(request.url.path, 100)}." if missing else f"{error.detail}."
        answered = await answer(request, error.status_code, title, text)
        answered.headers.update(error.headers or {})
        return answered

    @app.exception_handler(Exception)
    async def fault(request: Request, _error: Exception) -> Response:
        return await answer(request, 500, "This is a fault of ours", "The log of the web process says more.")
