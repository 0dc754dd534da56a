"""The processes' output on one stream, each line behind its process's name.

Owns: `web.1       | line`, colours on a terminal.
Never: lets a line move the cursor, and so look like another process's.
"""

from __future__ import annotations

import re
from typing import TextIO

#: Control characters, but for tabs and colours.
_CONTROL = re.compile(r"\x1b(?!\[[0-9;]*m)|[\x00-\x08\x0a-\x1a\x1c-\x1f\x7f-\x9f]")
_COLOURS = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)


class Printer:
    """Writes whole lines; `broken` says that nobody reads them any more.

    Parameters
    ----------
    width: the longest name.
    colour: whether the names are coloured, each process in one colour.
    """

    def __init__(self, out: TextIO, *, width: int = 0, colour: bool = False) -> None:
        self.out, self.width, self.colour = out, width, colour
        self.broken = False
        self._known: dict[str, int] = {}

    def line(self, name: str, text: str) -> None:
        """One line of one process."""
        shown = _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
        self.write(f"{self._prefix(name)}{shown}\n")

    def write(self, text: str) -> None:
        """Text as it is."""
        if self.broken:
            return
        try:
            self.out.write(text)
            self.out.flush()
        except UnicodeEncodeError:
            encoding = self.out.encoding or "ascii"
            self.write(text.encode(encoding, "replace").decode(encoding))
        except OSError:
            self.broken = True

    def _prefix(self, name: str) -> str:
        prefix = f"{name.ljust(self.width)} | "
        if not self.colour:
            return prefix
        code = _COLOURS[self._known.setdefault(name, len(self._known)) % len(_COLOURS)]
        return f"\x1b[{code}m{prefix}\x1b[0m"
