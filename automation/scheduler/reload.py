"""A new version of the project's files while the scheduler runs: noticed, read as a whole, taken or refused as a whole.

Owns: when the files are looked at, whether what stands in them may become active, and what is said of it.
Never: activates; changes anything while a single error stands in any file.
"""

from __future__ import annotations

import logging
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from typing import Any

from automation.errors import Problem
from automation.project.files import SCHEDULES
from automation.project.lint import lint
from automation.project.model import Project
from automation.project.watched import CODE, Settling, Stamp, code_files, declared_files, digest_of, stamp_of
from automation.scheduler.activate import digest
from automation.services import Services
from automation.text import count, ended

_log = logging.getLogger(__name__)
_LOOK_SECONDS = 0.5
_QUIET_SECONDS = 0.5
_HURRY_SECONDS = 0.2
_TOLD = 5


@dataclass(frozen=True)
class Version:
    """The project as it was read once.

    Parameters
    ----------
    stamp: what the folder looked like before that.
    content: the digest of what stood in the files.
    """

    project: Project
    stamp: Stamp
    content: str
    problems: tuple[Problem, ...]


class Reload:
    """What a leader asks in every round.

    Parameters
    ----------
    reader: where files are read, so that firing goes on meanwhile; None is a thread of its own.
    """

    def __init__(self, services: Services, reader: Executor | None = None) -> None:
        self._services = services
        self._root = services.settings.project
        self._reader = reader or ThreadPoolExecutor(1, thread_name_prefix="reload")
        self._settling = Settling({}, _QUIET_SECONDS)
        self._code: str | None = None
        self._active: Project | None = None
        self._reading: Future[Version] | None = None
        self._next: Version | None = None
        self._content = ""
        self.asked = False
        self._looked = float("-inf")
        self._said = ""
        self.problems: tuple[Problem, ...] = ()

    def ask(self) -> None:
        """Look at the files now, and say what is found even if it was said before. Safe in a signal handler."""
        self.asked = True

    def begin(self, active_digest: str) -> Project:
        """The project for a scheduler that begins to lead.

        It is what stands in the files, broken jobs left out; but while there are errors, a version that this process has
        led with, and that is still the active one, stays whole.

        Parameters
        ----------
        active_digest: of the configuration that the ledger has as the active one.
        """
        self._reading, self._next, self.problems = None, None, ()
        self._settling = Settling(self._stamp(), _QUIET_SECONDS)
        if self._code is None:
            self._code = self._code_digest()
        content = self._content_digest()
        project = self._services.read_project()
        if project.errors and self._active is not None and digest(self._active) == active_digest:
            if content != self._content:
                self._refuse(project.errors, content)
            return self._active
        for problem in project.errors:
            _log.error("%s", problem)
        self._active, self._content = project, content
        return project

    def changed(self) -> Project | None:
        """A new version that may become active, in every call until it was `taken`; None is nothing to do."""
        asked = self.asked
        if self._reading is not None:
            self._finish()
        elif self._is_due(asked):
            self.asked = False
            if asked:
                self._said = ""
            self._next = None
            self._reading = self._reader.submit(self._read)
        return self._next.project if self._next else None

    def at_once(self) -> None:
        """Read and judge the files here and now, for one who waits for it; `changed` gives what came of it."""
        self._settling = Settling(self._stamp(), _QUIET_SECONDS)
        self._reading = None
        self._judge(self._read())

    @property
    def outdated(self) -> bool:
        """Whether nothing helps but a process that has loaded the changed plugins."""
        return any(problem.path == CODE for problem in self.problems)

    def taken(self) -> None:
        """The version that `changed` gave is the active one now."""
        if self._next is not None:
            self._active, self._content = self._next.project, self._next.content
        self._next, self.problems, self._said = None, (), ""

    def hurry(self, pause: float) -> float:
        """The pause until the next round, in seconds: short while a change is under way."""
        busy = self.asked or self._reading is not None or self._settling.stirring
        return min(pause, _HURRY_SECONDS) if busy else pause

    @property
    def info(self) -> dict[str, Any]:
        """What others are told: problems that keep changed files from being active, the first few in words."""
        return {
            "config_problems": len(self.problems),
            "config_problem": [str(problem) for problem in self.problems[:_TOLD]],
        }

    def close(self) -> None:
        """End the reader."""
        self._reader.shutdown(wait=False, cancel_futures=True)

    def _is_due(self, asked: bool) -> bool:
        now = self._services.clock.monotonic()
        if not asked and now - self._looked < (_HURRY_SECONDS if self._settling.stirring else _LOOK_SECONDS):
            return False
        self._looked = now
        try:
            return self._settling.look(self._stamp(), now) or asked
        except OSError:  # a folder went away while it was listed; the next look sees what is left
            return False

    def _stamp(self) -> Stamp:
        return stamp_of(self._root, chain(declared_files(self._root), code_files(self._root)))

    def _code_digest(self) -> str:
        return digest_of(self._root, code_files(self._root))

    def _content_digest(self) -> str:
        return digest_of(self._root, [*declared_files(self._root), *code_files(self._root)])

    def _read(self) -> Version:
        """In the reader: the files as they are, with everything that speaks against them."""
        stamp = self._stamp()
        content = self._content_digest()
        project = self._services.read_project()
        # With other plugins than ours, what else is found wrong may be right.
        problems = self._of_the_folder() or [*project.errors] or self._new_lint(project)
        return Version(project, stamp, content, tuple(problems))

    def _of_the_folder(self) -> list[Problem]:
        if not (self._root / SCHEDULES).is_dir():
            return [Problem(SCHEDULES, "the folder is gone; make it again, empty if no job is to run")]
        if self._code_digest() != self._code:
            hint = "scheduler and workers have to begin anew, which `automation up` sees to by itself"
            return [Problem(CODE, f"the plugins have changed; {hint}")]
        return []

    def _new_lint(self, project: Project) -> list[Problem]:
        """What only the coming fires show. A rule that has come to its end by itself speaks against no change."""
        now = self._services.clock.now()
        found = lint(project, now).errors
        if not found or self._active is None:
            return list(found)
        known = {problem.message for problem in lint(self._active, now).errors}
        return [problem for problem in found if problem.message not in known]

    def _finish(self) -> None:
        """Judge what was read, when it is there and nothing has changed under the reading."""
        if self._reading is None or not self._reading.done():
            return
        reading, self._reading = self._reading, None
        try:
            version = reading.result()
            if version.stamp != self._stamp():
                return
        except OSError as error:
            _log.warning("The changed files cannot be read (%s); they are looked at again when they change", error)
            return
        except Exception:
            _log.exception("The changed files cannot be judged; what was active stays active")
            self.problems = (Problem(SCHEDULES, "the changed files cannot be judged; the scheduler's log says why"),)
            return
        self._judge(version)

    def _judge(self, version: Version) -> None:
        if version.content == self._content:
            self.problems, self._said = (), ""
            _log.info("The files hold what the active configuration was made of; nothing changes")
        elif version.problems:
            self._refuse(version.problems, version.content)
        else:
            self._next = version

    def _refuse(self, problems: tuple[Problem, ...], content: str = "") -> None:
        """Say once for each content what keeps it from being active."""
        self.problems = problems
        said = content or "\n".join(map(str, problems))
        if said == self._said:
            return
        self._said = said
        if self.outdated:
            _log.warning("%s", ended(problems[0].message))
            return
        for problem in problems:
            _log.error("%s", problem)
        found = count(len(problems), "problem")
        _log.error("The changed files are not active (%s); the configuration of before stays as it is", found)
