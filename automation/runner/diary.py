"""What the senders of this machine do, one line for each mail that they begin and one for its answer.

Owns: those files, and reading one whose process died.
Never: waits for the disk: a machine that loses its power takes its processes' names with it, and nobody asks for their files.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

from automation.ledger.mail_rows import MailRow

if TYPE_CHECKING:
    from automation.mail.wire import Answer

_FOLDER = "sending"
#: What each mail that was begun was answered, by its id and how many tries it had by then; None where no answer came.
Told = dict[tuple[int, int], "Answer | None"]


class Diary:
    """The lines of this process. A write that has returned survives its death; the ledger is told later, in one go.

    Parameters
    ----------
    data: the data folder.
    mark: of this process.
    server: that it sends through; two of one process have two files.
    """

    def __init__(self, data: Path, mark: str, server: str) -> None:
        self._path = _path(data, mark, server)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        os.write(self._file, f"{json.dumps(mark)}\n".encode())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        os.close(self._file)
        if error is None:
            self._path.unlink(missing_ok=True)

    def begun(self, mail: MailRow) -> None:
        """The text of this mail goes next. Raises OSError, and then it may not go."""
        self._write([mail.id, mail.tries])

    def answered(self, mail: MailRow, answer: Answer) -> None:
        """Nobody needs to be in doubt of this mail."""
        self._write([mail.id, mail.tries, answer.state, answer.code, answer.text, answer.of_server])

    def _write(self, words: list[object]) -> None:
        line = f"{json.dumps(words)}\n".encode()
        if os.write(self._file, line) != len(line):
            raise OSError(f"{self._path} took a part of a line")


def read_diary(data: Path, mark: str, server: str) -> Told | None:
    """What a process that is dead began, each with its answer if that came; None where it left nothing to read."""
    from automation.mail.wire import Answer

    try:
        lines = _path(data, mark, server).read_bytes().split(b"\n")
    except OSError:
        return None
    found: Told = {}
    # What stands behind the last line's end was not written whole, and what it was to tell did not happen.
    for line in lines[1:-1]:
        words = json.loads(line)
        # A name is that of a process which opened its file once more.
        if isinstance(words, list):
            mail, tries, *rest = words
            found[mail, tries] = Answer(*rest) if rest else None
    return found


def forget_diaries(data: Path, is_gone: Callable[[str], bool]) -> None:
    """Remove the files of processes that are dead; the ledger knows what stood there."""
    for path in (data / _FOLDER).glob("*.diary"):
        with suppress(OSError, ValueError):
            with path.open("rb") as file:
                mark = json.loads(file.readline())
            if is_gone(mark):
                path.unlink()


def _path(data: Path, mark: str, server: str) -> Path:
    name = hashlib.sha256(json.dumps([mark, server]).encode()).hexdigest()
    return data / _FOLDER / f"{name[:24]}.diary"
