"""What a command wrote: streamed, its end kept, and all of it in a file.

Owns: how much of the output goes where, so that a command that never stops writing fills neither log nor disk.
Never: judges what it says.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from automation.command.process import Lines

_TAIL_LINES, _TAIL_LENGTH = 40, 4000
_MOST_LOGGED = 10_000
_MOST_KEPT = 50_000_000


class Output:
    """Receives bytes; `with` closes the file.

    Parameters
    ----------
    path: the file that gets up to 50 MB of it.
    emit: gets up to 10,000 lines, as they come.
    """

    def __init__(self, path: Path, emit: Callable[[str], None]) -> None:
        self.path, self.lines, self.size = path, 0, 0
        self._emit = emit
        self._tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self._splitter = Lines(self._line)
        self._file = path.open("wb")

    def __enter__(self) -> Output:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._splitter.finish()
        self._file.close()

    def receive(self, chunk: bytes) -> None:
        """More output, cut anywhere."""
        if self.size < _MOST_KEPT:
            self._file.write(chunk[: _MOST_KEPT - self.size])
        self.size += len(chunk)
        self._splitter.feed(chunk)

    @property
    def tail(self) -> str:
        """The last lines, at most 40 and 4,000 characters."""
        return "\n".join(self._tail)[-_TAIL_LENGTH:]

    @property
    def is_long(self) -> bool:
        """Whether the tail is not all of it."""
        return self.lines > _TAIL_LINES or self.size > _TAIL_LENGTH

    @property
    def is_cut(self) -> bool:
        """Whether the file is not all of it."""
        return self.size > _MOST_KEPT

    def _line(self, line: str) -> None:
        self.lines += 1
        self._tail.append(line)
        if self.lines <= _MOST_LOGGED:
            self._emit(line)
        elif self.lines == _MOST_LOGGED + 1:
            self._emit(f"… more than {_MOST_LOGGED:,} lines; the rest is in {self.path.name} only")
