"""Send one HTTP request and check the answer.

Owns: the request's parameters, what is expected of the answer, the answer kept as an artifact.
Never: reaches an address that is not public unless the job allows it; follows more than five redirects.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from automation import Context, FailureClass, JobFailed, plugin
from automation.net import Limits, Response, status_failure
from automation.scraping.kinds import Duration, Network, Url
from automation.scraping.manners import Proxy
from automation.scraping.params import Auth
from automation.text import format_duration, printable

_SHOWN_HEADERS = ("content-type", "content-length", "date", "etag", "last-modified", "location", "server")
_ABSENT = object()


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, (str, int)) and not isinstance(value, bool) else value


class Expect(BaseModel):
    """What the answer must be like for the run to succeed."""

    model_config = ConfigDict(extra="forbid")

    status: Annotated[tuple[Annotated[int, Field(ge=100, le=599)], ...], BeforeValidator(_as_list)] = Field(
        (), description="allowed statuses; default: 200 to 299"
    )
    contains: Annotated[tuple[str, ...], BeforeValidator(_as_list)] = Field((), description="texts of the body")
    json_values: dict[str, Any] = Field(
        default_factory=dict, alias="json", description='path → value, such as "data.items.0.name" = "x"'
    )
    max_seconds: float | None = Field(None, gt=0, description="slower answers fail the run")


class HttpParams(BaseModel):
    """One request."""

    model_config = ConfigDict(extra="forbid")

    url: Url
    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] = "GET"
    headers: dict[str, str] = Field(default_factory=dict)
    params: dict[str, str | int | float | bool] = Field(default_factory=dict, description="of the query")
    json_body: Any = Field(None, alias="json", description="sent as JSON")
    form: dict[str, str] | None = Field(None, description="sent as a form")
    body: str | None = Field(None, description="sent as it is")
    auth: Auth | None = None
    expect: Expect = Field(default_factory=lambda: Expect.model_validate({}))
    follow_redirects: bool = True
    timeout: Duration = Field(timedelta(seconds=60), description="for all of it, redirects included")
    max_bytes: int = Field(10_000_000, ge=1, description="the largest answer, decompressed")
    save_as: str | None = Field(None, min_length=1, description="keep the body as an artifact of this name")
    allow_networks: Annotated[tuple[Network, ...], BeforeValidator(_as_list)] = ()
    allow_ports: tuple[Annotated[int, Field(ge=1, le=65535)], ...] = ()
    proxy: Proxy = Field(
        None, repr=False, description="http://user:password@host:port; default: `AUTOMATION_HTTP_PROXY`"
    )

    @model_validator(mode="after")
    def _fits_together(self) -> HttpParams:
        bodies = [name for name in ("json_body", "form", "body") if getattr(self, name) is not None]
        if len(bodies) > 1:
            raise ValueError("write one of json, form and body")
        if bodies and self.method in ("GET", "HEAD"):
            raise ValueError(f'a {self.method} request has no body; write method = "POST"')
        if self.timeout <= timedelta():
            raise ValueError("timeout must be longer than 0s")
        return self


@plugin("http")
def http(ctx: Context, params: HttpParams) -> dict[str, Any]:
    """Send one HTTP request; the run fails unless the answer is as expected (default: any success).

    The result holds status, final url, a few headers, seconds and size. In a dry run only GET and HEAD are sent.
    """
    if ctx.dry_run and params.method not in ("GET", "HEAD"):
        ctx.log.info("Dry run: %s %s is not sent", params.method, params.url)
        return {"status": None, "url": params.url, "headers": {}, "seconds": 0.0, "size": 0, "saved_as": None}
    response = _send(ctx, params)
    if params.save_as and not ctx.dry_run:
        ctx.artifact(params.save_as, response.content, media_type=response.content_type or None)
    _check(params, response)
    ctx.log.info("%s %s answered %d", params.method, printable(response.url, 200), response.status_code)
    return {
        "status": response.status_code,
        "url": response.url,
        "headers": {name: response.headers[name] for name in _SHOWN_HEADERS if name in response.headers},
        "seconds": round(response.elapsed.total_seconds(), 3),
        "size": len(response.content),
        "saved_as": params.save_as,
    }


def _send(ctx: Context, params: HttpParams) -> Response:
    headers = dict(params.headers)
    if params.auth and params.auth.bearer:
        headers["Authorization"] = f"Bearer {params.auth.bearer}"
    user = params.auth.user if params.auth else None
    limits = Limits(max_bytes=params.max_bytes, deadline=params.timeout.total_seconds())
    client = ctx.http.allowing(
        allow_networks=params.allow_networks, allow_ports=params.allow_ports, limits=limits, proxy=params.proxy
    )
    with client:
        return client.request(
            params.method,
            params.url,
            headers=headers,
            params=params.params or None,
            json=params.json_body,
            data=params.form,
            content=params.body,
            auth=(user, params.auth.password or "") if params.auth and user is not None else None,
            follow_redirects=params.follow_redirects,
        )


def _check(params: HttpParams, response: Response) -> None:
    expect = params.expect
    if not (response.status_code in expect.status if expect.status else response.is_success):
        failure = status_failure(
            params.method, response.url, response.status_code, response.headers, response.received_at
        )
        raise failure if not response.is_success else _unexpected(params, "status", f"answered {response.status_code}")
    for text in expect.contains:
        if text not in response.text:
            raise _unexpected(params, "contains", f"does not hold '{printable(text, 80)}'")
    document = response.json() if expect.json_values else None
    for path, wanted in expect.json_values.items():
        found = _at(document, path)
        if found is _ABSENT or found != wanted or isinstance(found, bool) != isinstance(wanted, bool):
            seen = "nothing" if found is _ABSENT else printable(repr(found), 80)
            raise _unexpected(params, "json", f"has {seen} at '{path}' where {printable(repr(wanted), 80)} is expected")
    spent = response.elapsed.total_seconds()
    if expect.max_seconds is not None and spent > expect.max_seconds:
        raise JobFailed(
            f"{_shown(params)} took {format_duration(spent)}; at most {format_duration(expect.max_seconds)} is expected",
            FailureClass.TRANSPORT,
            code="expect:max_seconds",
        )


def _unexpected(params: HttpParams, code: str, what: str) -> JobFailed:
    return JobFailed(f"{_shown(params)} {what}", FailureClass.DATA_INVALID, code=f"expect:{code}")


def _shown(params: HttpParams) -> str:
    return f"{params.method} {printable(params.url, 200)}"


def _at(document: Any, path: str) -> Any:
    """The value at `a.b.0.c`; a name that itself holds a dot wins over its parts."""
    if path == "" or document is _ABSENT:
        return document
    for head, rest in _splits(path):
        if isinstance(document, dict) and head in document:
            return _at(document[head], rest)
        if isinstance(document, list) and head.isascii() and head.isdigit() and int(head) < len(document):
            return _at(document[int(head)], rest)
    return _ABSENT


def _splits(path: str) -> Iterator[tuple[str, str]]:
    parts = path.split(".")
    for end in range(len(parts), 0, -1):
        yield ".".join(parts[:end]), ".".join(parts[end:])
