"""What the pages are made from, and which page shows what.

Owns: one method for each page: ask the ledger, put it into words, render.
Never: knows HTTP, writes to the ledger.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from automation.artifacts import Artifact
from automation.clock import Clock
from automation.dispatch.outlook import Outlook
from automation.errors import UnknownName
from automation.ledger.queries import Queries
from automation.ledger.rows import ProcessRow
from automation.ledger.states import State
from automation.project.model import Job, Project
from automation.rendering import Templates
from automation.text import nearest
from automation.web import views

PAGES = Path(__file__).parent / "pages"
_STRIP = 16
_RUNS = 50
_LINES = 500
_TALLY_SPAN = timedelta(hours=24)
_REREAD_SECONDS = 5.0


class Site:
    """The pages of one project.

    Parameters
    ----------
    declared: gives the project; asked again at most every few seconds, so that edits show.
    artifacts: the folder that all artifacts lie in; what lies outside is never served.
    schedulers: those that have reported lately.
    known: what the ledger says of what comes for jobs.
    """

    def __init__(
        self,
        queries: Queries,
        declared: Callable[[], Project],
        clock: Clock,
        artifacts: Path,
        schedulers: Callable[[], Sequence[ProcessRow]] = tuple,
        known: Callable[[Sequence[Job]], Outlook] = lambda _jobs: Outlook(),
    ) -> None:
        self.queries, self.clock, self.artifacts = queries, clock, artifacts
        self._declared, self._schedulers, self._known = declared, schedulers, known
        self._templates = Templates([PAGES])
        self._lock = threading.Lock()
        self._project: Project | None = None
        self._read_at = 0.0

    def project(self) -> Project:
        """What the project declares, at most a few seconds old."""
        with self._lock:
            now = self.clock.monotonic()
            if self._project is None or now - self._read_at > _REREAD_SECONDS:
                self._project, self._read_at = self._declared(), now
            return self._project

    def index(self, job: str | None = None, state: str | None = None) -> str:
        """Jobs with their latest runs, and the newest runs of all jobs or of one. Raises UnknownName for a state."""
        if state and state not in set(State):
            raise UnknownName("state", state, nearest(state, list(State)), "")
        project, now = self.project(), self.clock.now()
        jobs = list(project.jobs.values())
        latest = self.queries.latest([each.name for each in jobs], _STRIP) if jobs else {}
        runs = self.queries.runs(job=job, state=state, limit=_RUNS)
        known = self._known(jobs)
        return self._page(
            "index.html",
            refresh=3,
            troubles=views.troubles(project.errors, self._schedulers()),
            jobs=[views.job_line(each, latest[each.name], now, known) for each in jobs],
            jobs_title=views.title_of(jobs),
            runs=[views.run_line(run, now) for run in runs],
            tally=views.tally(self.queries.counts(since=now - _TALLY_SPAN)),
            job_filter=job,
            state_filter=state,
        )

    def run(self, run_id: str, after: int = 0) -> str:
        """One run with its attempts, files and log lines above `after`. Raises UnknownName."""
        run = self.queries.run(run_id)
        logs = self.queries.logs(run.id, after=after, limit=_LINES)
        attempts, files = self.queries.attempts(run.id), self.queries.artifacts(run.id)
        values = views.run_page(run, attempts, logs, files, self.clock.now())
        more = logs[-1].id if len(logs) == _LINES else 0
        return self._page("run.html", refresh=2 if values["open"] else 0, more=more, **values)

    def file(self, run_id: str, name: str) -> Artifact:
        """A file of a run, by the name that the ledger has for it. Raises UnknownName, also for what lies elsewhere."""
        run = self.queries.run(run_id)
        found = next((each for each in self.queries.artifacts(run.id) if each.name == name), None)
        if found is None:
            raise UnknownName("file of this run", name)
        path = found.path.resolve()
        if not path.is_relative_to(self.artifacts.resolve()) or not path.is_file():
            raise UnknownName("file of this run", name, hint=" any more")
        return found

    def message(self, title: str, text: str) -> str:
        """A page that only says something."""
        return self._page("message.html", refresh=0, title=title, text=text)

    def _page(self, template: str, *, refresh: int, **values: Any) -> str:
        root = self._project.root if self._project else Path()
        shared: Mapping[str, Any] = {"project": root.name or "project", "root": str(root), "refresh": refresh}
        return self._templates.render(template, {**shared, **values})
