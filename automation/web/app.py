"""The web application: which address gives which page.

Owns: routes, status codes, the form of an error.
Never: asks the ledger itself (the site does), listens on a socket (the server does).
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

from automation.errors import AutomationError, LedgerUnavailable, UnknownName
from automation.health.check import Check, Health
from automation.secrets import mask_urls
from automation.text import ended, printable
from automation.web.access.gate import Gate
from automation.web.access.needs import anyone, require_needs
from automation.web.access.refusals import NotSignedIn
from automation.web.access.sign_in import add_sign_in
from automation.web.access.trail import Trail
from automation.web.api.describe import add_api
from automation.web.api.desk import Desk
from automation.web.api.problems import from_validation, is_api, problem, status_of
from automation.web.bounds import Bounded
from automation.web.forms import add_forms
from automation.web.forms_of_access import add_access_forms
from automation.web.headers import Guarded
from automation.web.leaving import Leaving
from automation.web.routes import add_pages, sign_in_page, viewer_of
from automation.web.site import Site
from automation.web.views.deeds import Deeds

_STATIC = Path(__file__).parent / "static"
_log = logging.getLogger(__name__)


def create_app(site: Site, ready: Callable[[], Sequence[Check]], gate: Gate, desk: Desk) -> FastAPI:
    """The application over a site; `ready` is asked by `/readyz`, the gate who somebody is, the desk does the work."""
    app = FastAPI(title="automation", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.gate = gate
    app.state.leaving = Leaving()
    app.state.fresh = site.fresh
    app.mount("/static", StaticFiles(directory=_STATIC), name="static")
    _add_probes(app, ready)
    add_pages(app, site)
    add_forms(app, site, Deeds(site))
    add_access_forms(app, site)
    add_sign_in(app, lambda request, after, problem: sign_in_page(site, request, after, problem))
    add_api(app, desk)
    _add_errors(app, site)
    app.add_middleware(Trail, audit=lambda: gate.ledger.audit)
    app.add_middleware(Bounded)
    app.add_middleware(Guarded, rules=gate.rules)
    require_needs(app)
    return app


def _add_probes(app: FastAPI, ready: Callable[[], Sequence[Check]]) -> None:
    @app.api_route("/healthz", methods=["GET", "HEAD"], dependencies=[anyone("probe")])
    async def healthz() -> dict[str, str]:
        """The process answers."""
        return {"status": "ok"}

    @app.api_route("/readyz", methods=["GET", "HEAD"], dependencies=[anyone("probe")])
    def readyz() -> JSONResponse:
        """200 when everything that is needed answers, else 503; each part with its reason."""
        checks = ready()
        fine = all(check.state is not Health.FAIL for check in checks)
        body = {"status": "ok" if fine else "unavailable", "checks": [check.as_json() for check in checks]}
        return JSONResponse(body, 200 if fine else 503)


#: Answers an error in the form that was asked for: request, status, title, text.
_Answer = Callable[[Request, int, str, str], Awaitable[Response]]


def _add_errors(app: FastAPI, site: Site) -> None:
    async def answer(request: Request, status: int, title: str, text: str) -> Response:
        if is_api(request):
            return problem(request, status, text)
        if "text/html" in request.headers.get("accept", "*/*") or request.headers.get("accept", "*/*") == "*/*":
            return HTMLResponse(site.bare("message.html", viewer_of(request, site), title=title, text=text), status)
        return JSONResponse({"error": text}, status)

    _add_own_errors(app, answer)
    _add_http_errors(app, answer)


def _add_own_errors(app: FastAPI, answer: _Answer) -> None:
    @app.exception_handler(UnknownName)
    async def unknown(request: Request, error: UnknownName) -> Response:
        return await answer(request, 404, "Not here", ended(str(error)))

    @app.exception_handler(AutomationError)
    async def ours(request: Request, error: AutomationError) -> Response:
        status = status_of(error)
        # A page's parameters are its address.
        status = 400 if status == 422 and not is_api(request) else status
        return await answer(request, status, "That does not work", ended(mask_urls(str(error))))

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


def _add_http_errors(app: FastAPI, answer: _Answer) -> None:
    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        if is_api(request):
            return from_validation(request, error)
        return await answer(
            request, 400, "That address cannot be read", "A part of the address is not what it should be."
        )

    @app.exception_handler(NotSignedIn)
    async def unknown_caller(request: Request, error: NotSignedIn) -> Response:
        if request.method in ("GET", "HEAD") and "text/html" in request.headers.get("accept", ""):
            root = request.scope.get("root_path", "")
            wanted = request.url.path.removeprefix(root) + (f"?{request.url.query}" if request.url.query else "")
            return RedirectResponse(f"{root}/login?next={quote(wanted)}", 303)
        return await http(request, error)

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
