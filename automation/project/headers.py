"""Where the jobs of a file stand, found by the lines that begin them.

Owns: the quick way to `[jobs.NAME]` and to the keys right below it, for files that leave no doubt about their lines.
Never: guesses; what is not found for certain is for the syntax tree.

Parsing a syntax tree takes longer than reading the file, and of a file without a problem only these places are asked for.
A line that begins with `[jobs.` and a name is a header wherever no string runs over several lines: in an array, that would
be no value. For the same reason a line `key = …` between two headers is a key of the first one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_LINE = re.compile(r"^([ \t]*)\[(?:[ \t]*jobs[ \t]*\.[ \t]*([A-Za-z0-9_-]+)[ \t]*\])?", re.MULTILINE)
_OVER_LINES = ('"""', "'''")


@dataclass(frozen=True)
class _Header:
    """Where a header begins, in characters from the beginning of the file, and where the next line with a bracket does."""

    begin: int
    line: int
    column: int
    end: int


class Headers:
    """The headers of one file.

    Parameters
    ----------
    text: TOML that tomllib has read.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._found: dict[str, _Header | None] = {}
        if not any(quotes in text for quotes in _OVER_LINES):
            self._read()

    def locate(self, path: Sequence[str | int]) -> tuple[int, int] | None:
        """Line and column of a job's header, or of the value of a plain key below it; None for anything else."""
        if not 2 <= len(path) <= 3 or path[0] != "jobs":
            return None
        header = self._found.get(str(path[1]))
        if header is None or len(path) == 2:
            return (header.line, header.column) if header else None
        key = re.compile(rf"^[ \t]*{re.escape(str(path[2]))}[ \t]*=[ \t]*", re.MULTILINE)
        pair = key.search(self._text, header.begin, header.end)
        if pair is None:
            return None
        line = header.line + self._text.count("\n", header.begin, pair.end())
        return line, pair.end() - self._text.rfind("\n", 0, pair.end())

    def _read(self) -> None:
        line, counted = 1, 0
        lines = list(_LINE.finditer(self._text))
        ends = [following.start() for following in lines[1:]] + [len(self._text)]
        for found, end in zip(lines, ends, strict=False):
            name = found[2]
            if name is None:
                continue
            line += self._text.count("\n", counted, found.start())
            counted = found.start()
            twice = name in self._found
            self._found[name] = None if twice else _Header(found.start(), line, len(found[1]) + 1, end)
