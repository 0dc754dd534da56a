"""The data folder: made for this user alone, and held by one supervisor at a time.

Owns: creating the folder, proving that it can be written, the lock with the holder's id and start time.
Never: knows what is kept in it.
"""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import IO

from automation.errors import InvalidInput, Refused
from automation.text import instant

_WAY_OUT = "set AUTOMATION_DATA_DIR to a folder that this user may write"


def prepare_data_folder(data: Path) -> Path:
    """The folder, made with mode 700 if it was not there, and proven writable.

    Raises InvalidInput that names the folder, the reason and AUTOMATION_DATA_DIR.
    """
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=data):
            pass
    except FileExistsError as error:
        raise InvalidInput(f"The data folder {data} is a file; remove it, or {_WAY_OUT}") from error
    except OSError as error:
        raise InvalidInput(f"The data folder {data} cannot be used ({error.strerror}); {_WAY_OUT}") from error
    return data


@contextmanager
def held(data: Path, now: datetime, *, command: str = "automation up") -> Iterator[None]:
    """Hold the data folder for one supervisor; a lock whose holder has died is no lock.

    Parameters
    ----------
    now: what a second one is told as the time since when the folder is held.
    command: what a second one is told to be running.

    Raises Refused that names the holder's process and since when it runs.
    """
    path = data / "up.lock"
    with _locked(path) as file:
        file.write(json.dumps({"pid": os.getpid(), "since": instant(now), "command": command}))
        file.flush()
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


@contextmanager
def _locked(path: Path) -> Iterator[IO[str]]:
    while True:
        with path.open("a+", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise _refusal(path, file) from None
            if _still_there(path, file):
                file.truncate(0)
                yield file
                return


def _still_there(path: Path, file: IO[str]) -> bool:
    """Whether the locked file is the one of that name: the holder before us removes it when it leaves."""
    try:
        return path.stat().st_ino == os.fstat(file.fileno()).st_ino
    except FileNotFoundError:
        return False


def _refusal(path: Path, file: IO[str]) -> Refused:
    file.seek(0)
    holder: dict[str, object] = {}
    with suppress(ValueError):
        holder = dict(json.loads(file.read()))
    since = str(holder.get("since", "just now"))[:19].replace("T", " ")
    return Refused(
        f"{holder.get('command', 'automation up')} already runs on {path.parent} (process {holder.get('pid', 'unknown')}, "
        f"since {since} UTC); stop that one, or set AUTOMATION_DATA_DIR to another folder"
    )
