"""The form of log lines, and what may never be in them.

Owns: human lines on a terminal, JSON lines otherwise, redaction of both.
Never: decides where lines go: every process writes to its standard error or output as it is told.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import IO, Any

from automation.secrets import Redactor
from automation.text import instant, printable

_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "color_message"}
_COLOURS = {"WARNING": "\x1b[33m", "ERROR": "\x1b[31m", "CRITICAL": "\x1b[31;1m"}


class _Masked(logging.Formatter):
    """What both forms share: fields bound by `extra`, secrets masked, control characters escaped."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self.redactor = redactor

    def parts(self, record: logging.LogRecord) -> tuple[str, dict[str, Any], str]:
        """The message, the bound fields and the traceback, all masked."""
        fields = {name: value for name, value in record.__dict__.items() if name not in _STANDARD and name[0] != "_"}
        trace = self.formatException(record.exc_info) if record.exc_info else ""
        return (
            printable(self.redactor.mask(record.getMessage()), 8000),
            self.redactor.mask_all(fields),
            self.redactor.mask(trace),
        )


class JsonLines(_Masked):
    """One JSON object a line, whatever a message holds."""

    def format(self, record: logging.LogRecord) -> str:
        message, fields, trace = self.parts(record)
        line = {
            "at": instant(datetime.fromtimestamp(record.created, UTC)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": message,
            **fields,
        }
        if trace:
            line["traceback"] = trace
        text = json.dumps(line, default=lambda value: self.redactor.mask(str(value)), ensure_ascii=False)
        return text.encode("utf-8", "backslashreplace").decode()


class HumanLines(_Masked):
    """`12:30:05 message  key=value`, in local time; warnings and errors say so, in colour where there is any."""

    def __init__(self, redactor: Redactor, *, colour: bool) -> None:
        super().__init__(redactor)
        self.colour = colour

    def format(self, record: logging.LogRecord) -> str:
        message, fields, trace = self.parts(record)
        level = record.levelname
        mark = "" if record.levelno < logging.WARNING else f"{level.lower()}: "
        if mark and self.colour:
            mark = f"{_COLOURS.get(level, '')}{mark}\x1b[0m"
        shown = "".join(f"  {name}={printable(self.redactor.mask(str(value)))}" for name, value in fields.items())
        head = f"{datetime.fromtimestamp(record.created, UTC).astimezone():%H:%M:%S} {mark}{message}{shown}"
        return f"{head}\n{trace}" if trace else head


def configure(
    redactor: Redactor, *, form: str = "auto", level: str = "info", stream: IO[str] | None = None
) -> logging.Handler:
    """Send every log line of this process to `stream` (standard error unless said), in the wanted form.

    Parameters
    ----------
    form: `human`, `json`, or `auto`: human on a terminal, JSON otherwise.
    level: the least level shown of our own lines; libraries are shown from `warning` on.
    """
    stream = stream or sys.stderr
    human = form == "human" or (form == "auto" and stream.isatty())
    handler = logging.StreamHandler(stream)
    handler.setFormatter(HumanLines(redactor, colour=stream.isatty()) if human else JsonLines(redactor))
    least = logging.getLevelNamesMapping()[level.upper()]
    # A run's log keeps more than is shown here, so the logger's own level is not enough.
    handler.addFilter(lambda record: record.levelno >= least or not record.name.startswith("automation"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("automation").setLevel(least)
    logging.captureWarnings(True)
    return handler
