"""The list of runs, searched.

Owns: which qualifiers it knows, and paging back in time.
Never: shows one run.
"""

from __future__ import annotations

from datetime import datetime

from automation.ledger.states import State
from automation.text import nearest
from automation.web.search import read_search
from automation.web.site import Site
from automation.web.words import Viewer, run_line

QUALIFIERS = ("job", "state", "batch", "flow")
_PAGE = 50


def runs_page(site: Site, viewer: Viewer, text: str, before: datetime | None) -> str:
    """The runs that a search finds, newest first."""
    search = read_search(text, QUALIFIERS)
    problem = search.problem
    state = next(iter(search.values("state")), None)
    if state and state not in set(State):
        meant = nearest(state, list(State))
        problem, state = f"There is no state '{state}'{f'; did you mean {meant}?' if meant else ''}", None
    job = next(iter(search.values("job")), None) or (search.words[0] if search.words else None)
    runs = site.ledger.queries.runs(
        job=job,
        state=state,
        batch=next(iter(search.values("batch")), None),
        flow=next(iter(search.values("flow")), None),
        before=before,
        limit=_PAGE + 1,
    )
    more = len(runs) > _PAGE
    return site.render(
        "runs.html",
        viewer,
        section="runs",
        live="" if before else "/events",
        q=text,
        problem=problem,
        runs=[run_line(run, viewer) for run in runs[:_PAGE]],
        older=runs[_PAGE - 1].queued_at.isoformat() if more else "",
        newer=bool(before),
        states=[str(one) for one in State],
        jobs=list(site.project().jobs)[:200],
    )
