"""Where the embedded broker lives.

Owns: its folder, log and socket inside the data folder, and the short way round for a long path.
Never: starts or asks anything.
"""

from __future__ import annotations

import hashlib
import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from automation.errors import Refused

#: The kernel takes 107 bytes for a socket's path on Linux and 103 on macOS.
LONGEST_SOCKET = 100
#: Not `tempfile.gettempdir()`: all processes must agree, whatever TMPDIR each of them has.
_RUNTIME = Path("/tmp")  # noqa: S108 (a private folder in it, checked for its owner and mode)


@dataclass(frozen=True)
class Place:
    """The files of one embedded broker.

    Parameters
    ----------
    folder: the server's working folder, with its append-only files.
    socket: where it listens; nothing else can be reached.
    log: what the server says.
    """

    folder: Path
    socket: Path
    log: Path

    @property
    def runtime(self) -> Path | None:
        """The private folder of a socket outside the data folder, if it had to be one."""
        return None if self.socket.parent == self.log.parent else self.socket.parent


def place(data: Path) -> Place:
    """The place of this data folder's broker: always the same for the same folder, for every process."""
    data = data.resolve()
    socket = data / "broker.sock"
    if len(os.fsencode(socket)) > LONGEST_SOCKET:
        mark = hashlib.sha256(os.fsencode(data)).hexdigest()[:16]
        socket = _RUNTIME / f"automation-{os.getuid()}-{mark}" / "broker.sock"
    return Place(data / "broker", socket, data / "broker.log")


def make_runtime(where: Place) -> None:
    """Make the socket's folder, for this user alone.

    Raises Refused if somebody else's folder stands there.
    """
    if where.runtime is not None:
        with suppress(FileExistsError):
            where.runtime.mkdir(mode=0o700)
        check_runtime(where)


def check_runtime(where: Place) -> None:
    """Refuse a socket in a folder that another user made or may write; one that is missing is fine."""
    if where.runtime is None:
        return
    try:
        state = where.runtime.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(state.st_mode) or state.st_uid != os.getuid() or stat.S_IMODE(state.st_mode) & 0o077:
        raise Refused(
            f"{where.runtime} is not a folder of this user alone; remove it, or set AUTOMATION_DATA_DIR to a path "
            f"short enough for a socket (up to {LONGEST_SOCKET - len('/broker.sock')} bytes)"
        )


def sweep(data: Path) -> None:
    """Remove the socket and its private folder after the broker ended."""
    where = place(data)
    # What cannot be removed is replaced, or complained of, at the next start.
    with suppress(OSError):
        where.socket.unlink()
    if where.runtime is not None:
        with suppress(OSError):
            where.runtime.rmdir()
