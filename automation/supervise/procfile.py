"""The Procfile: one `name: command` a line.

Owns: reading it, every problem at once with its line and column.
Never: starts anything.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from automation.errors import InvalidInput, Problem, ProjectInvalid
from automation.supervise.command import Command, CommandInvalid, split_command
from automation.text import printable

#: The process that runs once, before all others.
RELEASE = "release"
_LINE = re.compile(r"([A-Za-z0-9_-]{1,64}):[ \t]*(\S.*)")


@dataclass(frozen=True)
class Entry:
    """One line of a Procfile; `column` is where its command begins."""

    name: str
    command: str
    line: int
    column: int


@dataclass(frozen=True)
class Procfile:
    """The entries of one file, in its order."""

    path: Path
    entries: tuple[Entry, ...]

    def commands(self, environ: Mapping[str, str]) -> dict[str, Command]:
        """Each process's command by name, with its variables filled in.

        Raises ProjectInvalid with every command that cannot be run without a shell, or that lacks a variable.
        """
        commands: dict[str, Command] = {}
        problems = []
        for entry in self.entries:
            try:
                commands[entry.name] = split_command(entry.command, environ)
            except CommandInvalid as error:
                column = entry.column + error.column - 1
                problems.append(Problem(self.path, f"{entry.name}: {error}", entry.line, column, entry.name))
        if problems:
            raise ProjectInvalid(problems)
        return commands


def read_procfile(path: Path) -> Procfile:
    """The file's processes.

    Raises InvalidInput if there is no such file, ProjectInvalid with every line that is not `name: command`.
    """
    try:
        text = path.read_text("utf-8-sig")
    except FileNotFoundError:
        raise InvalidInput(f"There is no {path}; write one, with lines such as 'worker: automation worker'") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path} cannot be read: {error}") from error
    return parse_procfile(text, path)


def parse_procfile(text: str, path: Path) -> Procfile:
    """The same for text at hand; `path` stands in the messages."""
    entries: dict[str, Entry] = {}
    problems = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found = _LINE.fullmatch(line.rstrip())
        if found is None:
            problems.append(Problem(path, f"'{printable(line.strip(), 60)}' is not 'name: command'", number))
        elif found[1] in entries:
            message = f"'{found[1]}' is already in line {entries[found[1]].line}; give each process a name of its own"
            problems.append(Problem(path, message, number, key=found[1]))
        else:
            entries[found[1]] = Entry(found[1], found[2], number, found.start(2) + 1)
    if not entries and not problems:
        problems.append(Problem(path, "there is no process; write a line such as 'worker: automation worker'"))
    if problems:
        raise ProjectInvalid(problems)
    return Procfile(path, tuple(entries.values()))
