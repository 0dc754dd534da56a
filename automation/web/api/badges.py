"""Badges: how a job stands, as a picture or as JSON, for a page elsewhere.

Owns: their look, and the key in their address: whoever has it sees how one job stands, and nothing else.
Never: asks who looks.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from html import escape
from typing import Literal
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from automation.errors import UnknownName
from automation.ledger.roles import Role
from automation.ledger.rows import RunRow
from automation.ledger.states import State
from automation.web.access.needs import allow, anyone, gate_of
from automation.web.api.answers import one
from automation.web.api.desk import desk_of
from automation.web.api.problems import V1, responses

router = APIRouter(prefix=V1, tags=["badges"], responses=responses(404))
_COLOURS = {"succeeded": "#2e7d32", "dead": "#b3261e", "running": "#1565c0", "retrying": "#b26a00"}
_GREY = "#5f6368"
_LOOKED_AT = 20
_CHARACTER, _PADDING = 6.6, 10
#: Other sites may show it, and proxies keep it for a minute.
_HEADERS = {"Cross-Origin-Resource-Policy": "cross-origin", "Cache-Control": "public, max-age=60"}


@router.get(
    "/jobs/{job}/badge", response_model=dict[str, str], dependencies=[allow(Role.VIEWER, "job.badge", of_job="job")]
)
def addresses(request: Request, job: str) -> JSONResponse:
    """Where the badge of a job is. The addresses need no token; they hold a key for this job."""
    desk_of(request).project().job(job)
    base = f"{request.scope.get('root_path', '')}{V1}/badges/{_key(request, job)}/{quote(job, safe='')}"
    return one({"svg": f"{base}.svg", "json": f"{base}.json"})


@router.get(
    "/badges/{key}/{job}.{form}",
    dependencies=[anyone("badge: the key in the address is for one job")],
    responses={200: {"content": {"image/svg+xml": {}, "application/json": {}}, "description": "The badge."}},
    response_class=Response,
)
def badge(request: Request, key: str, job: str, form: Literal["svg", "json"]) -> Response:
    """The badge of a job: its newest run that has begun. JSON is as shields.io reads it."""
    if not hmac.compare_digest(key.encode(), _key(request, job).encode()):
        raise UnknownName("badge", job)
    runs = desk_of(request).services.ledger.queries.latest([job], _LOOKED_AT)[job]
    word = _word(runs)
    if form == "svg":
        return Response(picture(job, word), media_type="image/svg+xml", headers=_HEADERS)
    shown = {"schemaVersion": 1, "label": job, "message": word, "color": _COLOURS.get(word, _GREY)}
    return one(shown, headers=_HEADERS)


def _word(runs: Sequence[RunRow]) -> str:
    """How the newest run stands; one that was skipped or missed says nothing of the job."""
    telling = (run for run in runs if run.state not in (State.SKIPPED, State.QUEUED, State.CANCELLED))
    return next((str(run.state) for run in telling), "no runs")


def _key(request: Request, job: str) -> str:
    return gate_of(request).signed(f"badge {job}")[:24]


def picture(label: str, word: str) -> str:
    """A badge as SVG: a label and a word beside it."""
    left, right = (round(len(text) * _CHARACTER + 2 * _PADDING) for text in (label, word))
    title, colour = escape(f"{label}: {word}"), _COLOURS.get(word, _GREY)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="20" role="img" aria-label="{title}">'
        f"<title>{title}</title>"
        f'<rect width="{left}" height="20" fill="#3c4043"/><rect x="{left}" width="{right}" height="20" fill="{colour}"/>'
        '<g fill="#fff" text-anchor="middle" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">'
        f'<text x="{left / 2}" y="14">{escape(label)}</text><text x="{left + right / 2}" y="14">{escape(word)}</text>'
        "</g></svg>"
    )
