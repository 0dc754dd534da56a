"""Users, tokens and the audit trail: for those who give access.

Owns: these addresses.
Never: answers with a password's digest, or with a token a second time.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse

from automation.ledger.ledger import Ledger
from automation.ledger.roles import Role
from automation.web.access import giving
from automation.web.access.names import user_name
from automation.web.access.needs import allow, note
from automation.web.access.principal import principal_of
from automation.web.api import bodies, models
from automation.web.api.answers import Cursor, Limit, one, page, read_cursor, sliced
from automation.web.api.desk import desk_of
from automation.web.api.problems import V1, responses

router = APIRouter(prefix=V1, tags=["access"], responses=responses(404, 409))
_ADMIN = Role.ADMIN


@router.get("/users", response_model=models.Page[models.User], dependencies=[allow(_ADMIN, "users.read")])
def users(request: Request, limit: Limit = 50, cursor: Cursor = None) -> JSONResponse:
    """The users, by name."""
    return sliced([each.as_json() for each in _ledger(request).people.all()], limit, cursor)


@router.post("/users", status_code=201, response_model=models.User, dependencies=[allow(_ADMIN, "user.add")])
def add_user(request: Request, body: bodies.NewUser) -> JSONResponse:
    """Add a user; from the first one on nobody gets in without signing in."""
    note(request, user_name(body.name), role=str(body.role))
    return one(giving.add_user(_ledger(request), body.name, body.role, body.password).as_json(), 201)


@router.patch("/users/{name}", response_model=models.User, dependencies=[allow(_ADMIN, "user.change")])
def change_user(request: Request, name: str, body: bodies.ChangedUser) -> JSONResponse:
    """Another role or password; the user's sessions end."""
    note(request, name, role=str(body.role) if body.role else None, password=body.password is not None)
    return one(giving.change_user(_ledger(request), name, body.role, body.password).as_json())


@router.delete("/users/{name}", response_model=dict[str, int], dependencies=[allow(_ADMIN, "user.remove")])
def remove_user(request: Request, name: str) -> JSONResponse:
    """Remove a user: their sessions end, and the tokens that they made are revoked, which `revoked` counts."""
    note(request, name)
    return one({"revoked": giving.remove_user(_ledger(request), name)})


@router.get("/tokens", response_model=models.Page[models.Token], dependencies=[allow(_ADMIN, "tokens.read")])
def tokens(request: Request, limit: Limit = 50, cursor: Cursor = None) -> JSONResponse:
    """The tokens, newest first."""
    return sliced([each.as_json() for each in _ledger(request).tokens.all()], limit, cursor)


@router.post("/tokens", status_code=201, response_model=models.NewToken, dependencies=[allow(_ADMIN, "token.add")])
def add_token(request: Request, body: bodies.NewToken) -> JSONResponse:
    """Make a token; `token` is its text, which is not told again."""
    desk, who = desk_of(request), principal_of(request)
    text, row = giving.add_token(
        desk.services.ledger, who.name, body.label, body.role, body.expires, desk.services.clock.now(),
        scopes=body.scopes, jobs=body.jobs, known=desk.project().jobs,
    )  # fmt: skip
    note(request, f"{row.label} ({row.id})", role=str(body.role), scopes=body.scopes, jobs=body.jobs)
    return one({**row.as_json(), "token": text}, 201)


@router.delete("/tokens/{number}", status_code=204, dependencies=[allow(_ADMIN, "token.revoke")])
def revoke(request: Request, number: str) -> None:
    """End a token at once, by its id."""
    row = _ledger(request).tokens.revoke(number)
    note(request, f"{row.label} ({row.id})")


@router.get("/audit", response_model=models.Page[models.AuditLine], dependencies=[allow(_ADMIN, "audit.read")])
def audit(
    request: Request,
    who: Annotated[str | None, Query(max_length=120)] = None,
    action: Annotated[str | None, Query(max_length=120)] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> JSONResponse:
    """Who did what, when, from where; newest first."""
    below = read_cursor(cursor, int)[0] if cursor else None
    found = _ledger(request).audit.list(who=who, action=action, before=below, limit=limit + 1)
    return page([line.as_json() for line in found[:limit]], (found[limit - 1].id,) if len(found) > limit else None)


def _ledger(request: Request) -> Ledger:
    return desk_of(request).services.ledger
