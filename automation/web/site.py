"""What all pages are made from: the project, the ledger, answers that are kept for a moment, templates.

Owns: how a page is rendered, and what stands around each: the name, the navigation and its counts.
Never: knows HTTP or what one page shows; writes to the ledger.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from automation.artifacts import Artifact
from automation.dispatch.outlook import Outlook, outlook
from automation.errors import UnknownName
from automation.ledger.dead import Cause, Wanted
from automation.ledger.ledger import Ledger
from automation.project.model import Job, Project
from automation.rendering import Templates
from automation.services import Services
from automation.web.fresh import Fresh
from automation.web.words import Viewer

#: Attributes of templates that hold an address of ours; a value in one is escaped, so that it cannot look like one.
_ADDRESS = re.compile(r'\b(href|src|action|formaction|hx-get|hx-post|data-live)="/')
PAGES = Path(__file__).parent / "pages"
_REREAD_SECONDS = 5.0
_SOON, _LATER = 2.0, 10.0
_TROUBLED = ("permanent", "in_doubt")


class Site:
    """What the pages of one project share.

    Parameters
    ----------
    declared: gives the project; asked again at most every few seconds, so that edits show.
    """

    def __init__(
        self,
        services: Services,
        declared: Callable[[], Project],
        fresh: Fresh | None = None,
    ) -> None:
        self.services, self.clock = services, services.clock
        self.fresh = fresh or Fresh(services.clock)
        self._declared = declared
        self._templates = Templates([PAGES])
        self._lock = threading.Lock()
        self._project: Project | None = None
        self._read_at = 0.0

    @property
    def ledger(self) -> Ledger:
        """The ledger as it is; whether it can be used, `/readyz` says."""
        return self.services.ledger_unchecked

    def project(self) -> Project:
        """What the project declares, at most a few seconds old."""
        with self._lock:
            now = self.clock.monotonic()
            if self._project is None or now - self._read_at > _REREAD_SECONDS:
                self._project, self._read_at = self._declared(), now
            return self._project

    def outlook(self) -> Outlook:
        """What the ledger knows of what comes for all jobs."""
        return self.fresh.get("outlook", _SOON, lambda: outlook(self.ledger, list(self.project().jobs.values())))

    def causes(self) -> list[Cause]:
        """Why there are dead letters."""
        return self.fresh.get("causes", _LATER, lambda: self.ledger.dead.causes(Wanted()))

    def job(self, name: str) -> Job:
        """The job of this name. Raises UnknownName."""
        return self.project().job(name)

    def file(self, run_id: str, name: str) -> Artifact:
        """A file of a run, by the name that the ledger has for it. Raises UnknownName, also for what lies elsewhere."""
        run = self.ledger.queries.run(run_id)
        found = next((each for each in self.ledger.queries.artifacts(run.id) if each.name == name), None)
        if found is None:
            raise UnknownName("file of this run", name)
        if not self.keeps(found):
            raise UnknownName("file of this run", name, hint=" any more")
        return found

    def keeps(self, file: Artifact) -> bool:
        """Whether a file is there, and lies where runs leave theirs: a link or a foreign path leads nowhere."""
        path = file.path.resolve()
        return path.is_relative_to(self.services.settings.artifacts.resolve()) and path.is_file()

    def render(self, template: str, viewer: Viewer, **values: Any) -> str:
        """A page, with what stands around each."""
        return self._placed(viewer, self._templates.render(template, {**self._around(viewer), **values}))

    def bare(self, template: str, viewer: Viewer, **values: Any) -> str:
        """A page when nothing can be asked: the ledger does not answer."""
        return self._placed(viewer, self._templates.render(template, {**self._plain(viewer), **values}))

    @staticmethod
    def _placed(viewer: Viewer, page: str) -> str:
        """The page below the path that a proxy gives us: templates write every address from the root."""
        return _ADDRESS.sub(rf'\1="{viewer.base}/', page) if viewer.base else page

    def _plain(self, viewer: Viewer) -> Mapping[str, Any]:
        root = self._project.root if self._project else self.services.settings.project
        return {
            "project": root.name or "project",
            "root": str(root),
            "viewer": viewer,
            "section": "",
            "live": False,
            "dead_count": 0,
            "mail_count": 0,
        }

    def _around(self, viewer: Viewer) -> Mapping[str, Any]:
        mails = self.fresh.get("mails", _LATER, self.ledger.figures.mails)
        return {
            **self._plain(viewer),
            "dead_count": sum(one.runs for one in self.causes()),
            "mail_count": sum(mails.get(state, 0) for state in _TROUBLED),
        }
