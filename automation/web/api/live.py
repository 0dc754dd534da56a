"""What happens while somebody looks: waiting for the end of a run, and events as they come.

Owns: how often the ledger is asked, once for all that listen to the same, and for how many at once.
Never: holds a thread while nothing happens.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Hashable, Sequence
from datetime import timedelta
from typing import Annotated, Any, TypeVar, cast

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from automation.errors import InvalidInput, Refused
from automation.ledger.roles import Role
from automation.ledger.rows import LogRow, RunRow
from automation.ledger.run_pages import Sought, run_page
from automation.ledger.states import OPEN
from automation.text import parse_duration
from automation.web.access.needs import allow
from automation.web.api.desk import Desk, desk_of
from automation.web.api.problems import V1, responses
from automation.web.fresh import Fresh
from automation.web.leaving import Leaving

router = APIRouter(prefix=V1, tags=["live"], responses=responses(404, 409))
_LONGEST_WAIT = timedelta(seconds=60)
_EVERY_SECONDS = 0.25
_QUIET_ROUNDS = 60
_STREAMS = 300
_LINES = 500
_NEWEST = 200
_T = TypeVar("_T")


async def until_ended(request: Request, run_id: str, wait: str) -> None:
    """Return when the run has ended, the span has passed, or nobody waits any more. Raises InvalidInput, UnknownName."""
    try:
        span = parse_duration(wait)
    except ValueError as error:
        raise InvalidInput(f"wait: {error}") from error
    desk = desk_of(request)
    clock, queries = desk.services.clock, desk.services.ledger.queries
    deadline = clock.monotonic() + min(span, _LONGEST_WAIT).total_seconds()
    while (await run_in_threadpool(queries.run, run_id)).state in OPEN:
        if clock.monotonic() >= deadline or await request.is_disconnected():
            return
        if await leaving_of(request).within(_EVERY_SECONDS):
            return


def leaving_of(request: Request) -> Leaving:
    """The word that the server is about to stop."""
    return cast("Leaving", request.app.state.leaving)


@router.get(
    "/runs/{run_id}/events",
    response_class=StreamingResponse,
    dependencies=[allow(Role.VIEWER, "run.logs", of_job="run")],
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}, "description": "Events."}},
)
async def run_events(
    request: Request,
    run_id: str,
    after: Annotated[int, Query(ge=0, lt=2**53, description="Only lines with an id above this.")] = 0,
) -> StreamingResponse:
    """Server-sent events of one run: `log` for each line, `run` when its state or progress changes, `end` at its end.

    The id of an event is that of the log line; `Last-Event-ID` goes on behind it.
    """
    desk = desk_of(request)
    given = request.headers.get("last-event-id", "")
    start = int(given) if given.isascii() and given.isdigit() and len(given) < 16 else after
    found = await run_in_threadpool(desk.services.ledger.queries.run, run_id)
    return _stream(request, _RunNews(desk, fresh_of(request), found.id, start))


@router.get(
    "/events",
    response_class=StreamingResponse,
    dependencies=[allow(Role.VIEWER, "runs.read", of_job="query")],
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}, "description": "Events."}},
)
async def events(request: Request, job: Annotated[str | None, Query(max_length=120)] = None) -> StreamingResponse:
    """Server-sent events of all runs, or of one job's: `run` with the run's object for each change since now."""
    return _stream(request, _Changes(desk_of(request), fresh_of(request), job))


class _RunNews:
    """What is new of one run, each time it is asked."""

    def __init__(self, desk: Desk, fresh: Fresh, run_id: str, after: int) -> None:
        self._queries, self._fresh, self._run_id, self._after = desk.services.ledger.queries, fresh, run_id, after
        self._before: object = None
        self.ended = False

    def __call__(self) -> list[str]:
        run, lines = _shared(self._fresh, ("run", self._run_id, self._after), self._look)
        told = [_event("log", line.as_json(), line.id) for line in lines]
        if lines:
            self._after = lines[-1].id
        if (now := _state(run)) != self._before:
            self._before = now
            told.append(_event("run", run.as_json()))
        if run.state not in OPEN and len(lines) < _LINES:
            self.ended = True
            told.append(_event("end", {"state": str(run.state)}))
        return told

    def _look(self) -> tuple[RunRow, list[LogRow]]:
        # The state first: what is written before the end is then among the lines.
        run = self._queries.run(self._run_id)
        return run, self._queries.logs(self._run_id, after=self._after, limit=_LINES)


class _Changes:
    """Which of the newest runs changed since it was asked before."""

    ended = False

    def __init__(self, desk: Desk, fresh: Fresh, job: str | None) -> None:
        self._engine, self._fresh, self._job = desk.services.ledger.engine, fresh, job
        self._seen: Sequence[RunRow] = ()
        self._known: dict[str, object] | None = None

    def __call__(self) -> list[str]:
        found = _shared(self._fresh, ("newest runs", self._job), self._look)
        if found is self._seen:
            return []
        before, self._seen = self._known, found
        self._known = {run.id: _state(run) for run in found}
        if before is None:
            return []
        return [_event("run", run.as_json()) for run in reversed(found) if before.get(run.id) != self._known[run.id]]

    def _look(self) -> Sequence[RunRow]:
        return run_page(self._engine, Sought(self._job), _NEWEST)[0]


def fresh_of(request: Request) -> Fresh:
    """The answers that all who look share."""
    return cast("Fresh", request.app.state.fresh)


def _shared(fresh: Fresh, key: Hashable, look: Callable[[], _T]) -> _T:
    """What is seen, by one look for all that listen."""
    return fresh.get(key, _EVERY_SECONDS, look, longest=_EVERY_SECONDS)


def _state(run: RunRow) -> object:
    return run.state, run.attempt, run.done, run.total, run.reason


def _event(name: str, value: Any, number: int | None = None) -> str:
    head = f"id: {number}\n" if number is not None else ""
    return f"{head}event: {name}\ndata: {json.dumps(value, default=str)}\n\n"


def _stream(request: Request, news: _RunNews | _Changes) -> StreamingResponse:
    """The answer that goes on. Raises Refused when too many look already."""
    if getattr(request.app.state, "streams", 0) >= _STREAMS:
        raise Refused(f"{_STREAMS} others look already; ask for the state from time to time instead")
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_told(request, news), media_type="text/event-stream", headers=headers)


async def _told(request: Request, news: _RunNews | _Changes) -> AsyncIterator[str]:
    state, leaving, quiet = request.app.state, leaving_of(request), 0
    state.streams = getattr(state, "streams", 0) + 1
    try:
        # Before the first word, so that whoever has read it misses nothing.
        told = await run_in_threadpool(news)
        yield "retry: 2000\n\n"
        while True:
            for each in told:
                yield each
            # A comment now and then tells proxies, and us, that somebody is still there.
            quiet = 0 if told else quiet + 1
            if quiet >= _QUIET_ROUNDS:
                quiet = 0
                yield ": still here\n\n"
            if news.ended or await request.is_disconnected() or await leaving.within(_EVERY_SECONDS):
                return
            told = await run_in_threadpool(news)
    finally:
        state.streams -= 1
