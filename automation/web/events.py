"""What a page hears while it is open: server-sent events, that something changed, and the lines of a running run.

Owns: how often is looked, and when a stream ends.
Never: sends what a page does not show anyway.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from starlette.concurrency import run_in_threadpool

from automation.ledger.rows import LogRow, RunRow
from automation.ledger.states import OPEN
from automation.web.leaving import Leaving
from automation.web.site import Site
from automation.web.views.run import line_of, progress_of
from automation.web.words import Viewer

_LOOK_SECONDS = 1.0
_LINES_SECONDS = 0.4
_AT_ONCE = 500
#: A proxy in between ends what is silent for long; and a browser comes back by itself.
_SILENT = 15
_LONGEST = 3600


def event(name: str, data: Any = "") -> bytes:
    """One event as it goes over the wire."""
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


async def changes(site: Site, leaving: Leaving) -> AsyncIterator[bytes]:
    """`change` whenever something moved in the ledger."""

    def pulse() -> str:
        # All that listen share one look.
        return site.fresh.get("pulse", _LOOK_SECONDS, site.ledger.figures.pulse, longest=_LOOK_SECONDS)

    before = await run_in_threadpool(pulse)
    yield b"retry: 2000\n\n"
    for turn in range(_LONGEST):
        if await leaving.within(_LOOK_SECONDS):
            return
        found = await run_in_threadpool(pulse)
        if found != before:
            before = found
            yield event("change")
        elif turn % _SILENT == 0:
            yield b": still here\n\n"


async def run_events(
    site: Site, run_id: str, after: int, viewer: Callable[[], Viewer], leaving: Leaving
) -> AsyncIterator[bytes]:
    """`line` for each log line above `after`, `progress`, `change` when the run moves, and `end` once it has ended."""
    yield b"retry: 2000\n\n"
    stood: tuple[Any, ...] | None = None
    for turn in range(int(_LONGEST / _LINES_SECONDS)):
        run, lines = await run_in_threadpool(_look, site, run_id, after)
        for line in lines:
            after = line.id
            yield f"id: {line.id}\n".encode() + event("line", line_of(line, viewer()))
        if progress := progress_of(run, viewer()):
            yield event("progress", progress)
        stands = (run.state, run.attempt, run.waits_on, run.cancel_requested_at)
        if run.state not in OPEN and len(lines) < _AT_ONCE:
            yield event("end", str(run.state))
            return
        if stood is not None and stands != stood:
            yield event("change")
        stood = stands
        if turn % int(_SILENT / _LINES_SECONDS) == 0:
            yield b": still here\n\n"
        if await leaving.within(_LINES_SECONDS):
            return


def _look(site: Site, run_id: str, after: int) -> tuple[RunRow, list[LogRow]]:
    # The state first: what is written before the end is then among the lines.
    run = site.ledger.queries.run(run_id)
    return run, site.ledger.queries.logs(run_id, after=after, limit=_AT_ONCE)
