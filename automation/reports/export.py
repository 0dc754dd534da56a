"""CSV files as RFC 4180 has them, whose text no spreadsheet runs.

Owns: how each value is written in a file for machines, exact and in UTC.
Never: rounds a value, lets text of the data begin a formula, or holds more than a portion of the rows.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import chain
from pathlib import Path
from typing import IO, Any

from automation.reports.answer import Answer
from automation.text import instant

#: What a spreadsheet may take for a formula, also behind spaces or quotes, and in its full-width form.
_FORMULA = re.compile(r"[\s\x00\ufeff\"']*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n]")
#: In texts joined by NUL: what has to be quoted, or begins what may be a formula.
_IN_THE_WAY = (",", '"', "\r", "\n", *(f"\0{first}" for first in "=+-@' \t\x0b\x0c\x1c\x1d\x1e\x1f\0"))


def to_csv(answer: Answer) -> bytes:
    """The answer as UTF-8 CSV with a header line.

    NULL is an empty field, moments are ISO 8601 in UTC, binary is hexadecimal behind `0x`, and text that could
    begin a formula gets a leading apostrophe; numbers stay numbers.
    """
    text = io.StringIO(newline="")
    _write(answer, text)
    return text.getvalue().encode("utf-8", "backslashreplace")


def write_csv(answer: Answer, path: Path) -> Path:
    """The same into a file, a portion at a time."""
    with path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as stream:
        _write(answer, stream)
    return path


def _write(answer: Answer, stream: IO[str]) -> None:
    """A portion is looked at column by column, then written at once; that takes half of the csv module's time."""
    # A lone empty field would be an empty line, which readers skip.
    lone = len(answer.columns) == 1
    line = ",".join(["%s"] * len(answer.columns)) + "\r\n"
    stream.write(line % tuple(_quoted(defused(name), lone=lone) for name in answer.columns))
    for rows in answer.portions():
        given = list(zip(*rows, strict=True))
        columns = [_column(column, lone=lone) for column in given]
        same = all(made is column for made, column in zip(columns, given, strict=True))
        cells = chain.from_iterable(rows if same else zip(*columns, strict=True))
        stream.write((line * len(rows)) % tuple(cells))


def _column(values: Sequence[Any], *, lone: bool) -> Sequence[Any]:
    """A column's values as fields; the same sequence where each may stand as it is, as in most columns."""
    kinds = list(map(type, values))
    alone = kinds.count(kinds[0]) == len(kinds)
    if alone and kinds[0] in (int, float):
        return values
    if alone and kinds[0] is str and not lone:
        whole = "\0" + "\0".join(values)
        if whole.isascii() and not any(map(whole.__contains__, _IN_THE_WAY)):
            return values
    return [_quoted(_cell(value), lone=lone) for value in values]


def _quoted(field: str, *, lone: bool) -> str:
    if (lone and not field) or any(map(field.__contains__, ',"\r\n')):
        return '"' + field.replace('"', '""') + '"'
    return field


def defused(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{text}" if _FORMULA.match(text) else text


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return defused(value)
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
