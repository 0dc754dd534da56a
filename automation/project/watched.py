"""Whether the files of a project have changed since a running process read them, and have come to rest.

Owns: which files a running process looks at, their stamp, the digest of what stands in them, the wait for quiet.
Never: parses a file; says what follows from a change.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from itertools import chain
from pathlib import Path
from stat import S_ISDIR

from automation.project.files import PROJECT_FILE, SCHEDULES, schedule_files

CODE = "jobs"
CALENDARS = "calendars"
#: Path from the project's folder → modified (ns), size, inode: a file that was replaced by renaming has another inode.
Stamp = Mapping[str, tuple[int, int, int]]


def declared_files(root: Path) -> list[Path]:
    """What the declarations stand in: `schedules/` with its `*.toml`, `automation.toml`, and `.ics` files beside them."""
    calendars = (root.glob("*.ics"), (root / SCHEDULES).rglob("*.ics"), (root / CALENDARS).rglob("*.ics"))
    return [root / SCHEDULES, root / PROJECT_FILE, *schedule_files(root), *sorted(chain(*calendars))]


def code_files(root: Path) -> list[Path]:
    """The project's plugins, and what lies beside them for import."""
    folder = root / CODE
    found = (path.relative_to(folder) for path in folder.rglob("*.py"))
    return sorted(folder / path for path in found if not any(part.startswith(".") for part in path.parts))


def stamp_of(root: Path, files: Iterable[Path]) -> Stamp:
    """What a look tells without opening a file; what is not there is not in it. Of a folder only that it is there."""
    found: dict[str, tuple[int, int, int]] = {}
    for path in files:
        try:
            told = path.stat()
        except OSError:  # not there, or gone since it was listed
            continue
        # A folder's time moves with every file that an editor makes for a moment.
        seen = (0, 0, 0) if S_ISDIR(told.st_mode) else (told.st_mtime_ns, told.st_size, told.st_ino)
        found[named(path, root)] = seen
    return found


def digest_of(root: Path, files: Iterable[Path]) -> str:
    """The same for the same content under the same names, whenever and however it was written."""
    whole = hashlib.sha256()
    for path in files:
        try:
            content = path.read_bytes() if path.is_file() else b""
        except OSError as error:
            content = str(error.strerror).encode()
        whole.update(f"{named(path, root)}\0{len(content)}\0".encode())
        whole.update(content)
    return whole.hexdigest()


def named(path: Path, root: Path) -> str:
    """The path as messages show it: from the project's folder, where it is inside."""
    return str(path.relative_to(root) if path.is_relative_to(root) else path)


def changed_names(before: Stamp, after: Stamp) -> list[str]:
    """Which files are new, gone or other than before, by name."""
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))


class Settling:
    """Says once that something has changed and has then stayed the same for a while.

    An editor that writes in steps, a copy of many files, a half-written file: all are one change, when it is over.

    Parameters
    ----------
    stamp: what was there when it was read.
    quiet: for how many seconds it must stay the same.
    """

    def __init__(self, stamp: Stamp, quiet: float) -> None:
        self.settled = self._last = stamp
        self._quiet, self._since = quiet, 0.0

    def look(self, stamp: Stamp, now: float) -> bool:
        """Whether a change has come to rest with this look.

        Parameters
        ----------
        now: monotonic seconds.
        """
        if stamp != self._last:
            self._last, self._since = stamp, now
        if not self.stirring or now - self._since < self._quiet:
            return False
        self.settled = stamp
        return True

    @property
    def stirring(self) -> bool:
        """Whether a change was seen that has not come to rest."""
        return self._last != self.settled
