"""The project as the pages show it: read again when its files have changed, and not before.

Owns: when it is read, and what is shown while there are errors in changed files.
Never: says what is active; the scheduler does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import chain
from pathlib import Path

from automation.project.model import Project
from automation.project.watched import Stamp, code_files, declared_files, stamp_of


class Declared:
    """Gives the project; cheap to ask.

    Parameters
    ----------
    read: reads all files.
    """

    def __init__(self, root: Path, read: Callable[[], Project]) -> None:
        self._root, self._read = root, read
        self._stamp: Stamp | None = None
        self._project: Project | None = None

    def __call__(self) -> Project:
        """What stands in the files; while there are errors in changed ones, the jobs of before with these errors.

        That is what the scheduler does too: it goes on with all of the jobs of before.
        """
        try:
            stamp = stamp_of(self._root, chain(declared_files(self._root), code_files(self._root)))
        except OSError:  # a folder went away while it was listed
            stamp = {}
        if self._project is None or stamp != self._stamp:
            found = self._read()
            if found.errors and self._project is not None:
                found = replace(found, jobs=self._project.jobs)
            self._project, self._stamp = found, stamp
        return self._project
