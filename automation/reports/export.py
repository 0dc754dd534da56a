"""CSV files as RFC 4180 has them, whose text no spreadsheet runs.

Owns: how each value is written in a file for machines, exact and in UTC.
Never: rounds a value, or lets text of the data begin a formula.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from automation.reports.query import Answer
from automation.text import instant

#: What a spreadsheet may take for a formula, also behind spaces or quotes, and in its full-width form.
_FORMULA = re.compile(r"[\s\x00\ufeff\"']*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n]")


def to_csv(answer: Answer) -> bytes:
    """The answer as UTF-8 CSV with a header line.

    NULL is an empty field, moments are ISO 8601 in UTC, binary is hexadecimal behind `0x`, and text that could
    begin a formula gets a leading apostrophe; numbers stay numbers.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([defused(name) for name in answer.columns])
    # A lone empty field would be an empty line, which readers skip.
    quoting = csv.writer(text, lineterminator="\r\n", quoting=csv.QUOTE_ALL) if len(answer.columns) == 1 else writer
    for row in answer.rows:
        cells = [_cell(value) for value in row]
        (quoting if cells == [""] else writer).writerow(cells)
    return text.getvalue().encode("utf-8", "backslashreplace")


def defused(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{text}" if _FORMULA.match(text) else text


def _cell(value: Any) -> str:
    for kind, write in _WRITERS:
        if isinstance(value, kind):
            return write(value)
    return defused(str(value))


#: The first that fits; a subclass stands before its base.
_WRITERS: tuple[tuple[type | tuple[type, ...], Callable[[Any], str]], ...] = (
    (type(None), lambda _: ""),
    (bool, lambda value: "true" if value else "false"),
    (Decimal, lambda value: f"{value:f}"),
    ((int, float), repr),
    (datetime, lambda value: value.isoformat(" ") if value.tzinfo is None else instant(value)),
    ((date, time), lambda value: value.isoformat()),
    (timedelta, lambda value: repr(value.total_seconds())),
    ((bytes, bytearray, memoryview), lambda value: "0x" + bytes(value).hex()),
)
