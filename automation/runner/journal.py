"""The log of a run: lines of `ctx.log` into the ledger, masked.

Owns: the handler, its small buffer.
Never: loses a line of a finished attempt: it is flushed before the verdict.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from sqlalchemy.exc import SQLAlchemyError

from automation.clock import Clock
from automation.ledger.memory import Memory
from automation.secrets import Redactor
from automation.text import printable

_FLUSH_SECONDS = 0.2
_FLUSH_LINES = 100
_LONGEST_LINE = 8_000
_MOST_LINES = 20_000


class RunLog(logging.Handler):
    """Keeps the lines of one attempt; the first of a quiet time is written at once, a burst in one go."""

    def __init__(self, memory: Memory, run_id: str, attempt: int, redactor: Redactor, clock: Clock) -> None:
        super().__init__()
        self._memory, self._run_id, self._attempt = memory, run_id, attempt
        self._redactor, self._clock = redactor, clock
        self._lines: list[tuple[datetime, str, str]] = []
        self._flushed_at = -_FLUSH_SECONDS
        self._kept = 0

    def emit(self, record: logging.LogRecord) -> None:
        self._kept += 1
        if self._kept > _MOST_LINES:
            return
        text = _message(record)
        if record.exc_info:
            text += "\n" + logging.Formatter().formatException(record.exc_info)
        if self._kept == _MOST_LINES:
            text = f"this log ends here: an attempt may write {_MOST_LINES} lines"
        masked = _lines(self._redactor.mask(text))
        self._lines.append((datetime.fromtimestamp(record.created, UTC), record.levelname.lower(), masked))
        quiet = self._clock.monotonic() - self._flushed_at >= _FLUSH_SECONDS
        if quiet or len(self._lines) >= _FLUSH_LINES:
            self.flush()

    def flush(self) -> None:
        """Write what is buffered; when the ledger does not answer, the lines wait for the next time."""
        try:
            self._memory.log(self._run_id, self._attempt, self._lines)
        except SQLAlchemyError as error:
            logging.getLogger("automation.ledger").warning("Log lines of run %s wait: %s", self._run_id, error)
            return
        finally:
            self._flushed_at = self._clock.monotonic()
        self._lines.clear()


def _message(record: logging.LogRecord) -> str:
    """The line; one whose arguments do not fit its text is shown as it was written, and fails no run."""
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError, IndexError):
        return f"{record.msg} {record.args}"


def _lines(text: str) -> str:
    """Its line breaks kept, every other control character escaped, its length bounded."""
    shown = "\n".join(printable(line, _LONGEST_LINE) for line in text[:_LONGEST_LINE].split("\n"))
    return shown if len(text) <= _LONGEST_LINE else shown + "…"
