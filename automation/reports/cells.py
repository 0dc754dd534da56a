"""Values as cells of a sheet: numbers as numbers, moments as moments, text as text.

Owns: the type and number format of each cell, and what a cell cannot hold.
Never: lets text become a formula, a link or a number.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from automation.rendering.filters import in_zone

LONGEST_TEXT = 32_767
_LARGEST_EXACT = 10**15
#: Excel takes 1900 for a leap year, so the days before are a day off.
_FIRST_RIGHT_DAY = date(1900, 3, 1)
#: What XML cannot hold; the library writes the other control characters in Excel's own way.
_SURROGATES = re.compile("[\ud800-\udfff\ufffe\uffff]")
_CONTROLS = dict.fromkeys((*range(9), 11, 12, *range(14, 32), 127), "\ufffd")
_MOMENT, _DAY, _TIME, _SPAN = "yyyy-mm-dd hh:mm:ss", "yyyy-mm-dd", "hh:mm:ss", "[h]:mm:ss"


@dataclass(frozen=True)
class Look:
    """How a column is shown.

    Parameters
    ----------
    format: as the report's parameters have it; None by type.
    digits: after the decimal point; None: as they are.
    currency: its code, for money.
    label: numbers that are names, which are not grouped.
    """

    title: str = ""
    format: str | None = None
    digits: int | None = None
    currency: str = ""
    label: bool = False

    @property
    def number_format(self) -> str:
        """Excel's way of writing a number of this column."""
        points = "" if not self.digits else "." + "0" * self.digits
        if self.format == "money":
            points = "" if self.digits == 0 else "." + "0" * (self.digits or 2)
            return f"#,##0{points}" + (f' "{self.currency}"' if self.currency else "")
        if self.format == "percent":
            return f"0.{'0' * self.digits}%" if self.digits else "0%" if self.digits == 0 else "0.0%"
        if self.format == "duration":
            return _SPAN
        if self.label:
            return "0"
        return f"#,##0{points}" if self.digits is not None else "General"

    def width(self, value: Any) -> int:
        """About how many characters the value takes."""
        if isinstance(value, datetime):
            return 19
        if isinstance(value, float):
            return len(f"{value:,.{self.digits if self.digits is not None else 2}f}") + len(self.currency) + 1
        return min(len(str(value)), 60) if value is not None else 0


class Cells:
    """Writes rows to a sheet.

    Parameters
    ----------
    timezone: in which aware moments are shown.
    """

    def __init__(self, book: Any, page: Any, looks: Sequence[Look], timezone: str) -> None:
        self.page, self.looks, self.zone, self.timezone = page, looks, ZoneInfo(timezone), timezone
        self.shortened = 0
        made: dict[str, Any] = {}

        def form(pattern: str) -> Any:
            return made.setdefault(pattern, book.add_format({"num_format": pattern}) if pattern != "General" else None)

        self.numbers = [form(look.number_format) for look in looks]
        self.moment, self.day, self.time, self.span = map(form, (_MOMENT, _DAY, _TIME, _SPAN))

    def write(self, rows: Sequence[Sequence[Any]], at: int) -> None:
        """Write rows from the row `at` on; numbers and text, which most cells are, by the shortest way."""
        page, forms, wide = self.page, self.numbers, len(self.looks)
        number, string = page.write_number, page.write_string
        plain = [look.format not in ("date", "datetime", "duration", "text") for look in self.looks]
        for row_at, row in enumerate(rows, start=at):
            for column in range(wide):
                value = row[column]
                kind = type(value)
                if kind is str and plain[column] and len(value) <= LONGEST_TEXT:
                    if value.isascii() and value.isprintable():
                        string(row_at, column, value)
                    else:
                        string(row_at, column, _clean(value))
                elif (kind is int and plain[column] and -_LARGEST_EXACT < value < _LARGEST_EXACT) or (
                    kind is float and plain[column] and math.isfinite(value)
                ):
                    number(row_at, column, value, forms[column])
                elif value is not None:
                    self._other(row_at, column, value)

    def _other(self, row: int, column: int, value: Any) -> None:
        look = self.looks[column]
        if look.format in ("date", "datetime"):
            value = _as_moment(value, self.timezone, day=look.format == "date")
        if look.format == "duration" and isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
            value = timedelta(seconds=float(value))
        if isinstance(value, bool):
            self.page.write_boolean(row, column, value)
        elif isinstance(value, (int, float, Decimal)) and look.format != "text":
            self._number(row, column, value)
        elif isinstance(value, (datetime, date, time, timedelta)) and look.format != "text":
            self._moment(row, column, value)
        elif isinstance(value, (bytes, bytearray, memoryview)):
            self._text(row, column, "0x" + bytes(value).hex())
        else:
            self._text(row, column, str(value))

    def _number(self, row: int, column: int, value: int | float | Decimal) -> None:
        """A number, unless a sheet cannot hold it as it is: then its text."""
        if not math.isfinite(value):
            self._text(row, column, "NaN" if value != value else "∞" if value > 0 else "-∞")  # noqa: PLR0124  that is NaN
        elif isinstance(value, int) and abs(value) >= _LARGEST_EXACT:
            self._text(row, column, str(value))
        elif isinstance(value, Decimal) and len(value.normalize().as_tuple().digits) > 15:
            self._text(row, column, f"{value:f}")
        else:
            self.page.write_number(row, column, float(value), self.numbers[column])

    def _moment(self, row: int, column: int, value: datetime | date | time | timedelta) -> None:
        """A date or time; Excel's calendar begins in 1900 with a day that never was, so what is older is text."""
        if isinstance(value, timedelta):
            if value < timedelta(0):
                self._text(row, column, f"-{-value}")
            else:
                self.page.write_datetime(row, column, value, self.span)
            return
        if isinstance(value, datetime) and value.tzinfo is not None:
            value = value.astimezone(self.zone).replace(tzinfo=None)
        if isinstance(value, time):
            self.page.write_datetime(row, column, value.replace(tzinfo=None), self.time)
        elif date(value.year, value.month, value.day) < _FIRST_RIGHT_DAY:
            self._text(row, column, value.isoformat(" ") if isinstance(value, datetime) else value.isoformat())
        else:
            self.page.write_datetime(row, column, value, self.moment if isinstance(value, datetime) else self.day)

    def _text(self, row: int, column: int, text: str) -> None:
        if len(text) > LONGEST_TEXT:
            self.shortened += 1
            text = text[: LONGEST_TEXT - 1] + "…"
        self.page.write_string(row, column, _clean(text))


def _clean(text: str) -> str:
    return _SURROGATES.sub("\ufffd", text.translate(_CONTROLS))


def _as_moment(value: Any, timezone: str, *, day: bool) -> Any:
    """What a column of dates holds, as a date; text that is none stays as it is."""
    if not isinstance(value, (str, date)):
        return value
    try:
        found = in_zone(value, timezone).replace(tzinfo=None)
    except ValueError:
        return value
    return found.date() if day else found
