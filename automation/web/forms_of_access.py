"""What the forms of the page of users and tokens do.

Owns: their addresses, what is noted of each for the audit trail, and showing a new token once.
Never: does it itself (`access.giving` does); puts a password or a token into the trail, a cookie or an address.
"""

from __future__ import annotations

from fastapi import FastAPI, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, Response

from automation.errors import AutomationError, InvalidInput, Refused
from automation.ledger.roles import Role
from automation.text import count, ended
from automation.web.access import giving
from automation.web.access.needs import note
from automation.web.access.principal import principal_of
from automation.web.forms import Given, done, given_of, post
from automation.web.routes import viewer_of
from automation.web.site import Site
from automation.web.views.access import access_page
from automation.web.views.deeds import Told

_ADDRESS = "/access"
_ADMIN = Role.ADMIN


def add_access_forms(app: FastAPI, site: Site) -> None:
    """Every form of the page."""
    _add_user_forms(app, site)

    @post(app, "/access/tokens", "token.add", role=_ADMIN)
    async def add_token(request: Request) -> Response:
        """Make a token, and show it this once."""
        given = await given_of(request)
        try:
            text = await run_in_threadpool(_make_token, site, request, given)
        except AutomationError as error:
            refusal = Told(ended(str(error)), good=False)
            return await done(request, site, lambda: refusal, _ADDRESS)
        page = await run_in_threadpool(access_page, site, viewer_of(request, site), text)
        return HTMLResponse(page, 201)

    @post(app, "/access/tokens/{number}/revoke", "token.revoke", role=_ADMIN)
    async def revoke(request: Request, number: str) -> Response:
        """End a token at once."""

        def deed() -> Told:
            row = site.ledger.tokens.revoke(number)
            return Told(f"Token {row.label} is revoked", target=f"{row.label} ({row.id})")

        return await done(request, site, deed, _ADDRESS)


def _add_user_forms(app: FastAPI, site: Site) -> None:
    @post(app, "/access/users", "user.add", role=_ADMIN)
    async def add_user(request: Request) -> Response:
        """Add a user."""
        given = await given_of(request)

        def deed() -> Told:
            role = _role_of(given)
            if not site.ledger.people.all() and role is not _ADMIN:
                raise Refused("The first user has to be an admin; nobody could give access to others")
            row = giving.add_user(site.ledger, given.values.get("name", ""), role, _password_of(given))
            note(request, row.name, role=str(role))
            return Told(f"User {row.name} is {row.role}", target=row.name)

        return await done(request, site, deed, _ADDRESS)

    @post(app, "/access/users/{name}/change", "user.change", role=_ADMIN)
    async def change_user(request: Request, name: str) -> Response:
        """Another role or password."""
        given = await given_of(request)

        def deed() -> Told:
            role = _role_of(given) if "role" in given.values else None
            password = _password_of(given) if role is None else None
            note(request, name, role=role and str(role), password=password is not None)
            row = giving.change_user(site.ledger, name, role, password)
            what = f"is {row.role} from now on" if role else "has another password"
            return Told(f"User {row.name} {what}, and has to sign in again", target=row.name)

        return await done(request, site, deed, _ADDRESS)

    @post(app, "/access/users/{name}/remove", "user.remove", role=_ADMIN)
    async def remove_user(request: Request, name: str) -> Response:
        """Remove a user, with the tokens that they made."""

        def deed() -> Told:
            revoked = giving.remove_user(site.ledger, name)
            more = f", and {count(revoked, 'token')} with them" if revoked else ""
            return Told(f"User {name} is removed{more}", target=name)

        return await done(request, site, deed, _ADDRESS)


def _make_token(site: Site, request: Request, given: Given) -> str:
    """The text of a new token. Raises InvalidInput, UnknownName, Refused."""
    values = {name: text.strip() for name, text in given.values.items()}
    if not site.ledger.people.all():
        raise Refused("Add a user first: with a token alone nobody could sign in to this page any more")
    if not 0 < len(values.get("label", "")) <= giving.LONGEST_LABEL:
        raise InvalidInput(f"Say what the token is for, in up to {giving.LONGEST_LABEL} characters")
    role = _role_of(given)
    scopes, jobs = values.get("scopes", "").split(), values.get("jobs", "").split()
    text, row = giving.add_token(
        site.ledger, principal_of(request).name, values["label"], role, values.get("expires") or "90d",
        site.clock.now(), scopes=scopes, jobs=jobs, known=site.project().jobs,
    )  # fmt: skip
    note(request, f"{row.label} ({row.id})", role=str(role), scopes=scopes, jobs=jobs)
    return text


def _role_of(given: Given) -> Role:
    try:
        return Role(given.values.get("role", ""))
    except ValueError as error:
        raise InvalidInput(f"Choose a role: {', '.join(Role)}") from error


def _password_of(given: Given) -> str | None:
    """The password, written twice alike; None where a proxy signs the user in."""
    if "proxy" in given.values:
        return None
    password = given.values.get("password", "")
    if password != given.values.get("again", ""):
        raise InvalidInput("The two passwords are not the same")
    return password
