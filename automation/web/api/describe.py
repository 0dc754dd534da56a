"""The API put together, and its description (OpenAPI).

Owns: which routers there are, what each route has in the description, and how errors are answered to programs.
Never: has a route of its own but that of the description.
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute

from automation.ledger.roles import Role
from automation.web.access.needs import allow, needs
from automation.web.api import act, badges, hooks, jobs, letters, live, pausing, people, pings, read
from automation.web.api.desk import Desk
from automation.web.api.problems import PREFIX, V1, Fault, Problem

VERSION = "1"
_ABOUT = """Everything that the pages do, for programs.

Send a token: `Authorization: Bearer atm_…` (`automation tokens add`). Without users this machine needs none.
Lists come in pages: `next` is the cursor of the page behind. Errors are `application/problem+json`.
Objects are those of the command line's `--json`; more fields may come with a later version.
"""
_ROUTERS = (read, jobs, live, act, letters, pausing, people, badges, hooks, pings)


def add_api(app: FastAPI, desk: Desk) -> None:
    """Every route of the API, and its description at `/api/v1/openapi.json`."""
    app.state.desk = desk
    # Their routes themselves, and no router in a router: what a route needs is read from the route.
    for each in _ROUTERS:
        app.router.routes.extend(each.router.routes)

    @app.get(f"{V1}/openapi.json", include_in_schema=False, dependencies=[allow(Role.VIEWER, "api.describe")])
    def described(request: Request) -> JSONResponse:
        """The description, for programs that make programs."""
        return JSONResponse(description(app, request.scope.get("root_path", "")))


def description(app: FastAPI, root: str = "") -> dict[str, Any]:
    """The OpenAPI description of the API's routes."""
    wanted = {(route.path_format, method.lower()): need for route, need in needs(app) for method in route.methods or ()}
    routes = [route for route in app.routes if isinstance(route, APIRoute) and route.path.startswith(PREFIX)]
    found = get_openapi(
        title="automation", version=VERSION, description=_ABOUT, routes=routes, servers=[{"url": root or "/"}]
    )
    shapes = found.setdefault("components", {}).setdefault("schemas", {})
    for model in (Fault, Problem):
        shapes[model.__name__] = model.model_json_schema(ref_template="#/components/schemas/{model}")
        shapes[model.__name__].pop("$defs", None)
    found["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    for path, methods in found["paths"].items():
        for method, operation in methods.items():
            need = wanted[path, method]
            if need is not None and need.role is not None:
                operation["security"] = [{"token": []}]
                operation["x-role"] = str(need.role)
    return found
