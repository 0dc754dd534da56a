"""How the values of one column are written, alike.

Owns: what follows from a column's name, type and parameters: sides, digits, titles, sums.
Never: asks a database, or writes markup.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any

from automation.errors import FailureClass, JobFailed
from automation.rendering.filters import NOTHING, byte_size, duration
from automation.rendering.locales import Forms
from automation.reports.compare import all_numbers, is_number
from automation.reports.queries import ColumnParams
from automation.reports.written import NONE, Cell, Written
from automation.text import format_duration, printable

#: Columns of numbers that are names, which are neither grouped, summed nor drawn.
_LABELS = re.compile(
    r"(^|_|\b)(id|year|zip|code|no|nr|phone|number|postal_?code)$|[a-z]I[dD]$|Year$|Code$", re.IGNORECASE
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_LONGEST_CELL = 2000
_CONTROLS = dict.fromkeys((*range(9), 11, 12, *range(14, 32), 127), "�")
#: Each step of a heat cell is a class of its own, since paper knows no computed colours.
HEAT_STEPS = 8


#: Types whose equal values are written alike; decimals are not among them, since 1.0 is 1.00.
_ALIKE = frozenset((str, int, float, bool, date, datetime))


def humanized(name: str) -> str:
    """`BillingCountry` and `billing_country` as `Billing country`; a name with spaces stays."""
    if " " in name:
        return name
    words = _CAMEL.sub(" ", name).replace("_", " ").replace("-", " ").split()
    rest = [
        word.upper() if word.lower() in ("id", "url") else word if word.isupper() else word.lower()
        for word in words[1:]
    ]
    return " ".join([words[0][:1].upper() + words[0][1:], *rest]) if words else name


class Writer:
    """Writes the values of one column.

    Parameters
    ----------
    role: "" for a column of the query; `before`, `delta` or `change` for one that stands behind it.
    said: its values are words of ours.
    """

    def __init__(
        self,
        query: str,
        name: str,
        how: ColumnParams,
        values: Sequence[Any],
        forms: Forms,
        role: str = "",
        *,
        said: bool = False,
    ) -> None:
        self.query, self.name, self.how, self.values, self.forms, self.role = query, name, how, values, forms, role
        self.said = said
        present = [value for value in values if value is not None]
        self.all_numbers = bool(present) and all_numbers(present)
        self.is_label = bool(_LABELS.search(name)) and how.format is None and not how.total
        shown_as_number = how.format in ("number", "money", "percent", "duration", "bytes")
        self.numeric = bool(role) or shown_as_number or (self.all_numbers and how.format is None and not self.is_label)
        self.digits = how.digits if how.digits is not None else _digits(present) if self.all_numbers else None
        self._known: dict[type, Callable[[Any], str]] = {}
        self.write = self._chosen()
        self._heat = self._steps() if how.heat and self.all_numbers and not role else None

    @property
    def title(self) -> str:
        """Above the column."""
        return self.how.title or (self.forms.words["column_change"] if self.said else humanized(self.name))

    def written(self, values: Sequence[Any]) -> Written:
        """Values as they are shown. Raises JobFailed where the column's format does not fit one."""
        if self.role in ("delta", "change"):
            cells = [self.cell(value) for value in values]
            marks = [NONE if cell.empty else cell.mark for cell in cells]
            return Written(values, [cell.text for cell in cells], marks)
        present = values if None not in values else [value for value in values if value is not None]
        texts: Sequence[str] = self._texts(present)
        if present is values and not self._heat:
            return Written(values, texts)
        following = iter(texts)
        texts = [NOTHING if value is None else next(following) for value in values]
        heat = self._heat or (lambda _: "")
        return Written(values, texts, [NONE if value is None else heat(value) for value in values])

    def _texts(self, values: Sequence[Any]) -> Sequence[str]:
        """How values are written: numbers and text, which most columns are, all at once, and any other value that
        comes again once."""
        kinds = set(map(type, values))
        if kinds == {str} and self.how.format in (None, "text") and not self.said:
            joined = "".join(values)
            if joined.isprintable() and max(map(len, values)) <= _LONGEST_CELL:
                return values
            return list(map(self._shortened, values))
        if kinds in ({int}, {float}) and (self.how.format in ("number", "money") or self.how.format is None):
            if self.how.format == "money":
                return self.forms.amounts(values, digits=self.how.digits)
            return list(map(str, values)) if self.is_label else self.forms.numbers(values, self.digits)
        known: dict[tuple[type, Any], str] = {}
        made = []
        for value in values:
            key = (type(value), value) if type(value) in _ALIKE else None
            text = known.get(key) if key else None
            if text is None:
                text = self.cell(value).text
                if key:
                    known[key] = text
            made.append(text)
        return made

    def cell(self, value: Any) -> Cell:
        """A value as it is shown. Raises JobFailed where the column's format does not fit it."""
        if value is None:
            return Cell(None, NOTHING, empty=True)
        try:
            text = self.write(value)
        except ValueError as error:
            shown = f"{self.how.format}: {error}" if self.how.format else str(error)
            raise JobFailed(
                f"query '{self.query}': column '{self.name}' cannot be shown as {shown}", FailureClass.CONFIG
            ) from error
        if self.role in ("delta", "change"):
            return self._moved(value, text)
        return Cell(value, text, mark=self._heat(value) if self._heat else "")

    def total(self) -> Cell:
        """The column's sum. Raises JobFailed where it has none."""
        present = [value for value in self.values if value is not None]
        wrong = next((value for value in present if not is_number(value)), None)
        if wrong is not None:
            raise JobFailed(
                f"query '{self.query}': column '{self.name}' has no total: '{printable(str(wrong), 60)}' is not a number",
                FailureClass.CONFIG,
            )
        cell = self.cell(exact_sum(present))
        return Cell(cell.value, cell.text, cell.empty, cell.mark if self.role else "")

    def _moved(self, value: Any, text: str) -> Cell:
        """A change, with its sign, and an arrow that is good or bad news."""
        way = "up" if value > 0 else "down" if value < 0 else ""
        sign = "+" if value > 0 else ""
        arrow = {"up": "▲ ", "down": "▼ ", "": ""}[way] if self.role == "delta" else ""
        news = "" if not way or self.how.good == "neither" else "good" if way == self.how.good else "bad"
        return Cell(value, f"{arrow}{sign}{text}", mark=news)

    def _chosen(self) -> Callable[[Any], str]:
        forms, digits = self.forms, self.how.digits
        if self.role == "change":
            return lambda value: forms.percent(value, 1)
        if self.said:
            return forms.words.__getitem__
        writers: dict[str | None, Callable[[Any], str]] = {
            "number": lambda value: forms.number(value, self.digits if digits is None else digits),
            "money": lambda value: forms.money(value, digits=digits),
            "percent": lambda value: forms.percent(value, 1 if digits is None else digits),
            "date": forms.day,
            "datetime": forms.moment,
            "duration": duration,
            "bytes": byte_size,
            "text": lambda value: self._shortened(str(value)),
        }
        return writers.get(self.how.format, self._by_type)

    def _by_type(self, value: Any) -> str:
        write = self._known.get(type(value))
        if write is None:
            found = (write for kind, write in self._writers if isinstance(value, kind))
            write = self._known[type(value)] = next(found, lambda value: self._shortened(str(value)))
        return write(value)

    @cached_property
    def _writers(self) -> tuple[tuple[Any, Callable[[Any], str]], ...]:
        """The first that fits; a subclass stands before its base."""
        return (
            (str, self._shortened),
            (bool, lambda value: self.forms.words["yes" if value else "no"]),
            (
                (int, float, Decimal),
                lambda value: str(value) if self.is_label else self.forms.number(value, self.digits),
            ),
            (datetime, self.forms.moment),
            (date, self.forms.day),
            (time, time.isoformat),
            (timedelta, format_duration),
            ((bytes, bytearray, memoryview), lambda value: self.forms.words.say("binary", size=byte_size(len(value)))),
        )

    def _shortened(self, text: str) -> str:
        """Text of a bearable length, without control characters, which no page may hold."""
        if text.isprintable() and len(text) <= _LONGEST_CELL:
            return text
        text = text.translate(_CONTROLS)
        if len(text) <= _LONGEST_CELL:
            return text
        return f"{text[:_LONGEST_CELL]}… ({self.forms.words.say('longer', n=len(text) - _LONGEST_CELL)})"

    def _steps(self) -> Callable[[Any], str]:
        finite = [float(value) for value in self.values if value is not None and math.isfinite(value)]
        low, high = min([0.0, *finite]), max([0.0, *finite])

        def mark(value: Any) -> str:
            if not math.isfinite(value) or high == low:
                return ""
            return f"heat{min(HEAT_STEPS, math.ceil((float(value) - low) / (high - low) * HEAT_STEPS))}"

        return mark


def exact_sum(values: Sequence[Any]) -> Any:
    """The exact sum, in the widest type that is there."""
    if any(isinstance(value, float) for value in values):
        return math.fsum(float(value) for value in values)
    return sum(values)


def _digits(values: Sequence[Any]) -> int:
    """As many digits as show every value of the column alike: a decimal's own, money's two, at most four of a float."""
    if any(isinstance(value, Decimal) for value in values):
        scales = (
            -int(value.as_tuple().exponent) for value in values if isinstance(value, Decimal) and value.is_finite()
        )
        return min(max(0, max(scales, default=0)), 12)
    floats = [value for value in values if isinstance(value, float) and math.isfinite(value)]
    if all(map(float.is_integer, floats)):
        return 0
    for digits in (2, 3, 4):
        rounded = [round(value, digits) for value in floats]
        # Most columns are exactly so; noise of binary fractions is looked at value by value.
        if rounded == floats or all(map(_close, floats, rounded)):
            return digits
    return 2 if max(map(abs, floats)) >= 1 else 4


def _close(one: float, two: float) -> bool:
    return math.isclose(one, two, rel_tol=1e-12, abs_tol=1e-12)
