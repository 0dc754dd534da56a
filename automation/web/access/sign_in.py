"""Signing in and out by a form.

Owns: the two addresses that the form posts to, and the cookie.
Never: words the page; whoever makes the application gives that.
"""

from __future__ import annotations

from collections.abc import Callable

from fastapi import FastAPI, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, RedirectResponse, Response

from automation.ledger.roles import Role
from automation.web.access.caller import COOKIE, Caller
from automation.web.access.csrf import foreign
from automation.web.access.gate import SESSION
from automation.web.access.needs import allow, anyone, form_of, gate_of, note
from automation.web.access.refusals import Forbidden, NotSignedIn, TooOften

#: The page of the form: the address to go on to, and what went wrong.
Page = Callable[[Request, str, str], str]


def add_sign_in(app: FastAPI, page: Page) -> None:
    """`/login` and `/logout`."""

    @app.api_route("/login", methods=["GET", "HEAD"], include_in_schema=False, dependencies=[anyone("login.page")])
    async def form(request: Request) -> Response:
        """The form."""
        return HTMLResponse(page(request, inner(request.query_params.get("next", "")), ""))

    @app.post("/login", include_in_schema=False, dependencies=[anyone("login")])
    async def sign_in(request: Request) -> Response:
        """A new session, or the form with what went wrong."""
        caller: Caller = request.state.caller
        # A foreign form would sign somebody in as whom the foreigner likes, and see what they then do.
        if found := foreign(request.headers, set(caller.origins)):
            raise Forbidden(found)
        fields = await form_of(request)
        name, after = fields.get("name", ""), inner(fields.get("next", ""))
        note(request, name[:120])
        try:
            secret, user = await run_in_threadpool(gate_of(request).sign_in, name, fields.get("password", ""), caller)
        except (NotSignedIn, TooOften) as refused:
            text = page(request, after, f"{refused.detail}.")
            return HTMLResponse(text, refused.status_code, headers=dict(refused.headers or {}))
        request.state.act.update(who=user.name, via="session")
        answer = RedirectResponse(request.scope.get("root_path", "") + after, 303)
        set_cookie(answer, request, secret)
        return answer

    @app.post("/logout", include_in_schema=False, dependencies=[allow(Role.VIEWER, "logout")])
    async def sign_out(request: Request) -> Response:
        """End the session."""
        await run_in_threadpool(gate_of(request).sign_out, request.state.caller)
        answer = RedirectResponse(request.scope.get("root_path", "") + "/login", 303)
        answer.delete_cookie(COOKIE, path=request.scope.get("root_path", "") or "/")
        return answer


def set_cookie(answer: Response, request: Request, secret: str) -> None:
    """The cookie of a session: out of reach of scripts, and not sent along from elsewhere."""
    answer.set_cookie(
        COOKIE,
        secret,
        max_age=int(SESSION.total_seconds()),
        path=request.scope.get("root_path", "") or "/",
        secure=request.state.caller.secure,
        httponly=True,
        samesite="lax",
    )


def inner(address: str) -> str:
    """An address of ours to go on to: a path, and never one that a browser takes for another host."""
    plain = address.isprintable() and "\\" not in address and len(address) <= 1000
    return address if plain and address.startswith("/") and not address.startswith("//") else "/"
