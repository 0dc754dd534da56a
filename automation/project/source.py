"""One TOML file: read with limits, parsed, and every value in it locatable.

Owns: what may be read at all (a regular file, UTF-8, at most 5 MB), and the words for what may not.
Never: knows which keys are allowed.
"""

from __future__ import annotations

import re
import stat
import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from automation.errors import Problem, ProjectInvalid
from automation.project.positions import Positions
from automation.text import printable, size

LARGEST = 5_000_000
_DEEPEST = 64
_MOST_DIGITS = 4300
_TWICE = re.compile(r"Cannot declare \((.*?),?\) twice")
_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
#: Where a table of calendars or tags may begin, which any job may use; an escape may stand for a letter of a name.
_SHARED = re.compile(r"""^[ \t]*\[?[ \t]*["']?(calendars|tags)["']?[ \t]*(\.|\]|=[ \t]*\{)|\\[uU]""", re.MULTILINE)
_LONG_NUMBER = re.compile(rf"[0-9_]{{{_MOST_DIGITS},}}")


@dataclass(frozen=True)
class Source:
    """A file that is TOML.

    Parameters
    ----------
    shown: its path from the project's folder, as messages show it.
    """

    path: Path
    shown: Path
    text: bytes
    data: dict[str, Any]

    @cached_property
    def positions(self) -> Positions:
        """Where each value stands."""
        return Positions(self.text)


def read_source(path: Path, root: Path) -> Source:
    """The file, parsed. Raises ProjectInvalid with the one problem that the file has as a whole."""
    return parse_source(path, root, read_text(path, root))


def read_text(path: Path, root: Path) -> str:
    """The text of the file. Raises ProjectInvalid when there is none that may be read."""
    shown = _shown(path, root)
    return _decode(_read(path, shown).removeprefix(b"\xef\xbb\xbf"), shown)


def parse_source(path: Path, root: Path, text: str) -> Source:
    """The file of this text. Raises ProjectInvalid when it is not TOML."""
    shown = _shown(path, root)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _syntax(error, text, shown) from error
    except RecursionError as error:
        raise _invalid(shown, "the values are nested too deeply; a schedule file needs a few levels") from error
    except ValueError as error:
        found = _LONG_NUMBER.search(text)
        line, column = _line_and_column(text, found.start() if found else 0)
        raise _invalid(shown, f"a number here has more than {_MOST_DIGITS} digits", line, column) from error
    if _depth_exceeds(data, _DEEPEST):
        raise _invalid(shown, f"the values are nested deeper than {_DEEPEST} levels; a schedule file needs a few")
    return Source(path, shown, text.encode(), data)


def bears_on(text: str, name: str) -> bool:
    """Whether the file of this text may declare the job of this name, or what the files of a project share."""
    return name.casefold() in text.casefold() or _SHARED.search(text) is not None


def _shown(path: Path, root: Path) -> Path:
    return Path(printable(str(path.relative_to(root) if path.is_relative_to(root) else path), 1000))


def _read(path: Path, shown: Path) -> bytes:
    """The bytes, when it is a regular file of bearable size; a FIFO is never opened."""
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            kind = "a folder" if stat.S_ISDIR(found.st_mode) else "not a regular file"
            raise _invalid(shown, f"this is {kind}; a name that ends in .toml must be a TOML file")
        if found.st_size > LARGEST:
            raise _invalid(shown, f"the file has {size(found.st_size)}; at most {size(LARGEST)} are read, so split it")
        with path.open("rb") as file:
            return file.read(LARGEST)
    except OSError as error:
        raise _invalid(shown, f"the file cannot be read: {error.strerror}") from error


def _decode(raw: bytes, shown: Path) -> str:
    try:
        # The parser reads \r\n as \n, so that lines and columns stay those of the file.
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8", "replace")
        line, column = _line_and_column(before, len(before))
        utf16 = "; it looks like UTF-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else ""
        message = (
            f"the file is not UTF-8: byte 0x{raw[error.start]:02x} at offset {error.start}{utf16}; save it as UTF-8"
        )
        raise _invalid(shown, message, line, column) from error


def _syntax(error: tomllib.TOMLDecodeError, text: str, shown: Path) -> ProjectInvalid:
    message = str(error)
    found = _PLACE.search(message)
    if found is None:
        return _invalid(shown, printable(message))
    line, column = (int(found[1]), int(found[2])) if found[1] else _line_and_column(text, len(text))
    where = "" if found[1] else " at the end of the file"
    if twice := _TWICE.match(message):
        name = ".".join(re.findall(r"'([^']*)'", twice[1]))
        return _invalid(shown, printable(f"the table [{name}] stands here a second time; rename one"), line, column)
    hint = "; text stands in quotes" if message.startswith("Invalid value") else ""
    return _invalid(shown, printable(f"this is not TOML: {message[: found.start()]}{where}{hint}"), line, column)


def _line_and_column(text: str, offset: int) -> tuple[int, int]:
    return text.count("\n", 0, offset) + 1, offset - (text.rfind("\n", 0, offset) + 1) + 1


def _depth_exceeds(value: Any, limit: int) -> bool:
    level = [value]
    for _ in range(limit):
        level = [
            inner
            for item in level
            if isinstance(item, (dict, list))
            for inner in (item.values() if isinstance(item, dict) else item)
        ]
        if not level:
            return False
    return True


def _invalid(shown: Path, message: str, line: int = 1, column: int = 1) -> ProjectInvalid:
    return ProjectInvalid([Problem(shown, message, line=line, column=column)])
