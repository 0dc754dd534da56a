"""An answer as people read it: columns with titles and sides, cells with text, totals.

Owns: how a value of a query is written when its column does not say it, and what may be summed.
Never: asks a database, or writes markup.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from automation.errors import FailureClass, JobFailed
from automation.rendering.filters import NOTHING, byte_size, day, duration, moment, money, number, percent
from automation.reports.chart import Chart, make_chart
from automation.reports.params import ColumnParams, QueryParams
from automation.reports.query import Answer
from automation.text import count, format_duration, nearest, printable

#: Columns of numbers that are names, which are neither grouped, summed nor drawn.
_LABELS = re.compile(
    r"(^|_|\b)(id|year|zip|code|no|nr|phone|number|postal_?code)$|[a-z]I[dD]$|Year$|Code$", re.IGNORECASE
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_LONGEST_CELL = 2000
_CONTROLS = dict.fromkeys((*range(9), 11, 12, *range(14, 32), 127), "�")
_MOST_CARDS = 6


@dataclass(frozen=True)
class Column:
    """A column as it is shown; `numeric` ones stand on the right."""

    name: str
    title: str
    numeric: bool


@dataclass(frozen=True)
class Cell:
    """A value and how it is written; `empty` is NULL."""

    value: Any
    text: str
    empty: bool = False


@dataclass(frozen=True)
class Table:
    """One query's section of a report.

    Parameters
    ----------
    records: the values by column name, for templates of one's own.
    totals: a cell below each column, or empty when nothing is summed.
    cards: one row, shown as figures in place of a table.
    """

    name: str
    title: str
    description: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    records: list[dict[str, Any]]
    totals: tuple[Cell | None, ...]
    chart: Chart | None
    cards: bool
    truncated: bool
    seconds: float

    @property
    def lines(self) -> list[list[tuple[str, str]]]:
        """Each row as (side, text) of its cells: `number`, `text` or either with `none`; the quick way for a template."""
        sides = ["number" if column.numeric else "text" for column in self.columns]
        return [
            [(f"{side} none" if cell.empty else side, cell.text) for side, cell in zip(sides, row, strict=True)]
            for row in self.rows
        ]

    @property
    def took(self) -> str:
        """How long the query took."""
        return format_duration(self.seconds)

    @property
    def counted(self) -> str:
        """`12 rows`, or `the first 10,000 rows` when there were more."""
        shown = count(len(self.rows), "row")
        return f"the first {shown}" if self.truncated else shown


def make_table(answer: Answer, params: QueryParams, *, timezone: str = "UTC", currency: str = "") -> Table:
    """The answer with titles, sides, written cells, totals and a chart where one fits.

    Raises JobFailed (`config`) when the parameters name a column that is not there or a sum that cannot be made.
    """
    _known_columns(answer, params)
    by_column = [[row[position] for row in answer.rows] for position in range(len(answer.columns))]
    asked = [params.columns.get(name, ColumnParams()) for name in answer.columns]
    writers = [
        _Writer(answer.name, name, how, values, timezone, currency)
        for name, how, values in zip(answer.columns, asked, by_column, strict=True)
    ]
    columns = tuple(
        Column(writer.name, writer.how.title or humanized(writer.name), writer.numeric) for writer in writers
    )
    written = [[writer.cell(value) for value in values] for writer, values in zip(writers, by_column, strict=True)]
    totals = tuple(writer.total() if how.total else None for writer, how in zip(writers, asked, strict=True))
    return Table(
        name=answer.name,
        title=params.title or humanized(answer.name),
        description=params.description,
        columns=columns,
        rows=tuple(zip(*written, strict=True)),
        records=answer.records(),
        totals=totals if any(totals) else (),
        chart=_chart(answer, params, writers),
        cards=len(answer.rows) == 1 and not answer.truncated and 1 <= len(columns) <= _MOST_CARDS,
        truncated=answer.truncated,
        seconds=answer.seconds,
    )


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


class _Writer:
    """Writes the values of one column alike."""

    def __init__(
        self, query: str, name: str, how: ColumnParams, values: Sequence[Any], timezone: str, currency: str
    ) -> None:
        self.query, self.name, self.how, self.values = query, name, how, values
        self.timezone, self.currency = timezone, currency
        present = [value for value in values if value is not None]
        self.all_numbers = bool(present) and all(_is_number(value) for value in present)
        self.is_label = bool(_LABELS.search(name)) and how.format is None and not how.total
        shown_as_number = how.format in ("number", "money", "percent", "duration", "bytes")
        self.numeric = shown_as_number or (self.all_numbers and how.format is None and not self.is_label)
        self.digits = how.digits if how.digits is not None else _digits(present) if self.all_numbers else None
        self.write = self._chosen()

    def cell(self, value: Any) -> Cell:
        if value is None:
            return Cell(None, NOTHING, empty=True)
        try:
            return Cell(value, self.write(value))
        except ValueError as error:
            shown = f"{self.how.format}: {error}" if self.how.format else str(error)
            raise JobFailed(
                f"query '{self.query}': column '{self.name}' cannot be shown as {shown}", FailureClass.CONFIG
            ) from error

    def total(self) -> Cell:
        present = [value for value in self.values if value is not None]
        wrong = next((value for value in present if not _is_number(value)), None)
        if wrong is not None:
            raise JobFailed(
                f"query '{self.query}': column '{self.name}' has no total: '{printable(str(wrong), 60)}' is not a number",
                FailureClass.CONFIG,
            )
        return self.cell(_sum(present))

    def _chosen(self) -> Callable[[Any], str]:
        digits = self.how.digits
        writers: dict[str | None, Callable[[Any], str]] = {
            "number": lambda value: number(value, self.digits if digits is None else digits),
            "money": lambda value: money(value, self.currency),
            "percent": lambda value: percent(value, 1 if digits is None else digits),
            "date": lambda value: day(value, self.timezone),
            "datetime": lambda value: moment(value, self.timezone),
            "duration": duration,
            "bytes": byte_size,
            "text": lambda value: _shortened(str(value)),
        }
        return writers.get(self.how.format, self._by_type)

    def _by_type(self, value: Any) -> str:
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, (int, float, Decimal)):
            return str(value) if self.is_label else number(value, self.digits)
        if isinstance(value, datetime):
            form = "%Y-%m-%d %H:%M:%S" if value.second else "%Y-%m-%d %H:%M"
            return moment(value, self.timezone, form)
        if isinstance(value, (date, time)):
            return value.isoformat()
        if isinstance(value, timedelta):
            return format_duration(value)
        if isinstance(value, (bytes, bytearray, memoryview)):
            return f"binary, {byte_size(len(value))}"
        return _shortened(str(value))


def _known_columns(answer: Answer, params: QueryParams) -> None:
    named = [*params.columns, *([params.chart_value] if params.chart_value else [])]
    for name in named:
        if name not in answer.columns:
            meant = nearest(name, answer.columns)
            hint = f"did you mean '{meant}'?" if meant else f"there is: {', '.join(answer.columns)}"
            raise JobFailed(f"query '{answer.name}': gives no column '{name}'; {hint}", FailureClass.CONFIG)


def _chart(answer: Answer, params: QueryParams, writers: Sequence[_Writer]) -> Chart | None:
    """The chart asked for; by itself only where one label and one number leave no choice."""
    numbers = [writer for writer in writers if writer.numeric and writer.all_numbers]
    others = [writer for writer in writers if writer not in numbers]
    if params.chart == "none" or not answer.rows or not numbers:
        return None
    value = next((writer for writer in numbers if writer.name == params.chart_value), None)
    if params.chart == "auto" and value is None and (len(numbers) != 1 or len(others) != 1):
        return None
    value = value or numbers[-1]
    label = next((writer for writer in others), writers[0])
    labels = [label.cell(each).text for each in label.values]
    points = [float(each) if each is not None else math.nan for each in value.values]
    title = value.how.title or humanized(value.name)
    return make_chart(params.chart, title, labels, points, lambda number: value.cell(number).text)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)


def _sum(values: Sequence[Any]) -> Any:
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
    if all(value == round(value) for value in floats):
        return 0
    for digits in (2, 3, 4):
        if all(math.isclose(value, round(value, digits), rel_tol=1e-12, abs_tol=1e-12) for value in floats):
            return digits
    return 2 if max(map(abs, floats)) >= 1 else 4


def _shortened(text: str) -> str:
    """Text of a bearable length, without control characters, which no page may hold."""
    text = text.translate(_CONTROLS)
    if len(text) <= _LONGEST_CELL:
        return text
    return f"{text[:_LONGEST_CELL]}… ({len(text) - _LONGEST_CELL:,} more characters)"
