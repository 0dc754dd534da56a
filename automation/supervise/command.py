"""A Procfile's command, split as a shell would split it, without a shell.

Owns: quotes, escapes, `$NAME`, `${NAME}`, `${NAME:-default}`, leading `NAME=value`, a leading `exec`.
Never: globs, pipes, redirects or substitutions: what needs a shell is refused, with the way to call one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_VARIABLE = r"\$(?:(?P<bare>[A-Za-z_]\w*)|\{(?P<name>[A-Za-z_]\w*)(?::-(?P<default>[^}$`'\"\\]*))?\})"
_TOKEN = re.compile(
    rf"""(?P<space>[ \t]+)|'(?P<single>[^']*)'|"(?P<double>(?:[^"\\]|\\.)*)"|\\(?P<escaped>.)|{_VARIABLE}"""
    r"""|(?P<plain>[^ \t'"\\$|&;<>()`*?\[#~]+)|(?P<other>.)""",
    re.ASCII,
)
_IN_DOUBLE = re.compile(
    rf"""\\(?P<escaped>[$`"\\])|{_VARIABLE}|(?P<plain>[^$`\\]+|\$(?![({{])|\\)|(?P<other>.)""", re.ASCII
)
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=", re.ASCII)


class CommandInvalid(ValueError):
    """A command that cannot be run without a shell; `column` counts from 1 within the command."""

    def __init__(self, message: str, column: int) -> None:
        self.column = column
        super().__init__(message)


@dataclass(frozen=True)
class Command:
    """A program with its arguments, and the variables set in front of it."""

    argv: tuple[str, ...]
    environ: Mapping[str, str] = field(default_factory=dict)


def split_command(text: str, environ: Mapping[str, str]) -> Command:
    """The command as `sh` would start it.

    Parameters
    ----------
    environ: where `$NAME` is looked up; a name that is not there and has no default is an error.

    Raises CommandInvalid with the place and the way out.
    """
    splitter = _Splitter(environ)
    for found in _TOKEN.finditer(text):
        if found["other"] == "#" and splitter.fresh:
            break
        splitter.take(found)
    splitter.flush()
    words = splitter.words[1:] if splitter.words[:1] == ["exec"] else splitter.words
    if not words:
        raise CommandInvalid("there is no program to run", 1)
    return Command(tuple(words), splitter.assigned)


class _Splitter:
    """Collects words; `fresh` says that a blank or nothing stands before, whatever a variable came to since."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.words: list[str] = []
        self.assigned: dict[str, str] = {}
        self.fresh = True
        self._inside = False
        self._word = ""
        self._assigning = False

    def take(self, found: re.Match[str]) -> None:
        kind, fresh = found.lastgroup, self.fresh
        self.fresh = kind == "space"
        if kind == "space":
            self.flush()
        elif kind == "double":
            self._add(self._double(found["double"], found.start()))
        elif kind in ("single", "escaped"):
            self._add(found[kind])
        elif kind == "plain" or (kind == "other" and found["other"] in "#~" and not fresh):
            self._plain(found[0], fresh)
        elif kind == "other":
            raise _refusal(found, found.start())
        else:
            self._fields(self._value(found, found.start()))

    def flush(self) -> None:
        """End the word that has begun."""
        if self._assigning:
            name, _, value = self._word.partition("=")
            self.assigned[name] = value
        elif self._inside:
            self.words.append(self._word)
        self._word, self._inside, self._assigning = "", False, False

    def _plain(self, text: str, fresh: bool) -> None:
        if fresh and not self.words and _ASSIGNMENT.match(text):
            self._assigning = True
        self._add(text)

    def _add(self, text: str) -> None:
        self._word += text
        self._inside = True

    def _fields(self, value: str) -> None:
        """A variable outside quotes: each blank in its value ends a word, and no value is no word."""
        if self._assigning:
            return self._add(value)
        for index, piece in enumerate(re.split(r"[ \t\n]+", value)):
            if index:
                self.flush()
            if piece:
                self._add(piece)
        return None

    def _double(self, text: str, start: int) -> str:
        parts = []
        for found in _IN_DOUBLE.finditer(text):
            if found.lastgroup in ("escaped", "plain"):
                parts.append(found[found.lastgroup])
            elif found.lastgroup == "other":
                raise _refusal(found, start + 1 + found.start())
            else:
                parts.append(self._value(found, start + 1 + found.start()))
        return "".join(parts)

    def _value(self, found: re.Match[str], start: int) -> str:
        name = found["bare"] or found["name"]
        default = found["default"]
        value = self.assigned.get(name, self.environ.get(name))
        if default is not None:
            return value or default
        if value is None:
            raise CommandInvalid(f"the variable {name} is not set; set it, or write ${{{name}:-default}}", start + 1)
        return value


def _refusal(found: re.Match[str], start: int) -> CommandInvalid:
    mark = found[0]
    if mark in "'\"":
        return CommandInvalid(f"the quote {mark} is not closed", start + 1)
    if mark == "\\":
        return CommandInvalid("the command ends in a backslash; a Procfile has one line for each process", start + 1)
    return CommandInvalid(
        f"'{mark}' needs a shell, and there is none between; quote it, or write: sh -c '…'", start + 1
    )
