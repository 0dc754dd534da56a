"""What goes wrong, as `application/problem+json` (RFC 9457).

Owns: which error is which status, and the object that says so.
Never: tells what a driver or a traceback says.
"""

from __future__ import annotations

from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from automation.errors import AutomationError, InvalidInput, Refused, ServiceUnavailable, UnknownName
from automation.text import printable

PREFIX = "/api/"
V1 = f"{PREFIX}v1"
MEDIA_TYPE = "application/problem+json"
_TITLES = {
    400: "The request cannot be read",
    401: "Not signed in",
    403: "Not allowed",
    404: "Not here",
    405: "Not that way",
    409: "Understood, and not done",
    413: "Too large",
    415: "Not JSON",
    422: "Cannot be used as written",
    429: "Too often",
    500: "A fault of ours",
    503: "A service does not answer",
}


class Fault(BaseModel):
    """One thing wrong with a request."""

    where: str = Field(description="The part of the request: `body.params.days`, `query.limit`.")
    message: str


class Problem(BaseModel):
    """What went wrong. `detail` is a sentence with the way out."""

    type: str = Field(description="The kind of problem, as an address that stays the same.")
    title: str
    status: int
    detail: str
    instance: str = Field(description="The path that was asked for.")
    errors: list[Fault] = Field(
        default_factory=list, description="Each thing that is wrong, where they are told apart."
    )

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "type": "urn:automation:problem:409",
                "title": "Understood, and not done",
                "status": 409,
                "detail": "Run 5m2… of job 'shop' is running, and 'shop' does not overlap; wait for it.",
                "instance": "/api/v1/jobs/shop/runs",
                "errors": [],
            }
        }
    )


def is_api(request: Request) -> bool:
    """Whether a program asks, which reads problems."""
    root = request.scope.get("root_path", "")
    return request.url.path.removeprefix(root).startswith(PREFIX)


def problem(request: Request, status: int, detail: str, errors: list[dict[str, str]] | None = None) -> JSONResponse:
    """The answer to a request that went wrong."""
    body = {
        "type": f"urn:automation:problem:{status}",
        "title": _TITLES.get(status, "That does not work"),
        "status": status,
        "detail": detail,
        "instance": printable(request.url.path, 300),
        "errors": errors or [],
    }
    return JSONResponse(body, status, media_type=MEDIA_TYPE)


def status_of(error: AutomationError) -> int:
    """Which status an error of ours is."""
    kinds = ((UnknownName, 404), (InvalidInput, 422), (Refused, 409), (ServiceUnavailable, 503))
    return next((status for kind, status in kinds if isinstance(error, kind)), 500)


def from_validation(request: Request, error: RequestValidationError) -> JSONResponse:
    """Everything that is wrong with a request at once."""
    found = [
        {"where": ".".join(str(part) for part in each["loc"]), "message": printable(str(each["msg"]), 300)}
        for each in error.errors()
    ]
    unreadable = any(each["type"] == "json_invalid" for each in error.errors())
    told = "; ".join(f"{each['where']}: {each['message']}" for each in found[:5])
    return problem(request, 400 if unreadable else 422, f"{told}.", found)


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problems of a route, for the description; those that any may have are among them."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {"description": _TITLES[status], "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in sorted({401, 403, 422, 429, 503, *statuses})
    }
