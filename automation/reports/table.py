"""An answer as people read it: columns with titles and sides, cells with text, totals, figures.

Owns: what a section of a report is given to show.
Never: asks a database, or writes markup.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from markupsafe import Markup

from automation.errors import FailureClass, JobFailed
from automation.rendering.locales import Forms
from automation.reports.answer import Answer
from automation.reports.chart import Chart, make_chart, spark
from automation.reports.compare import BEFORE, CHANGE, DELTA
from automation.reports.paper import Paper, paper_for
from automation.reports.queries import ColumnParams, QueryParams
from automation.reports.scales import Series
from automation.reports.shown import Column, Figure
from automation.reports.writers import Writer, humanized
from automation.reports.written import Cell, Written, html_rows
from automation.text import format_duration, nearest

_MOST_CARDS = 6
_ROLES = {BEFORE: "before", DELTA: "delta", CHANGE: "change"}


@dataclass(frozen=True)
class Table:
    """One query's section of a report.

    Parameters
    ----------
    answer: what it is of; has more columns where some are hidden.
    written: the columns' cells, in the same order.
    totals: a cell below each column, or empty when nothing is summed.
    cards: one row, shown as figures in place of a table.
    shown: how many rows are here; files have more when `truncated`, or because it was asked for (`limited`).
    """

    answer: Answer = field(repr=False)
    title: str
    description: str
    columns: tuple[Column, ...]
    written: tuple[Written, ...] = field(repr=False)
    shown: int
    totals: tuple[Cell | None, ...]
    chart: Chart | None
    cards: bool
    truncated: bool
    limited: bool = False
    writers: tuple[Writer, ...] = field(default=(), repr=False)
    forms: Forms = field(default_factory=Forms, repr=False)

    @property
    def name(self) -> str:
        """The query's."""
        return self.answer.name

    @property
    def found(self) -> int:
        """How many rows files have."""
        return self.answer.found

    @property
    def cut(self) -> bool:
        """Whether even files have not all."""
        return self.answer.cut

    @cached_property
    def records(self) -> list[dict[str, Any]]:
        """The values by column name, for templates of one's own."""
        return self.answer.records()

    @cached_property
    def rows(self) -> tuple[tuple[Cell, ...], ...]:
        """The cells row by row, for templates of one's own."""
        return tuple(tuple(column.cell(at) for column in self.written) for at in range(self.shown))

    @property
    def _sides(self) -> list[str]:
        return ["number" if column.numeric else "text" for column in self.columns]

    @property
    def lines(self) -> list[list[tuple[str, str]]]:
        """Each row as (side, text) of its cells: `number`, `text` or either with `none` or a mark; the quick way for a template."""
        pairs = [
            zip(column.sides(side), column.texts, strict=True)
            for side, column in zip(self._sides, self.written, strict=True)
        ]
        return [list(row) for row in zip(*pairs, strict=True)]

    @property
    def body(self) -> Markup:
        """The same as rows of HTML."""
        return html_rows(self.written, self._sides)

    @cached_property
    def paper(self) -> Paper:
        """How it fits on a printed page."""
        cells = zip(self.columns, self.written, strict=True)
        return paper_for((column.heading, column.numeric, written.texts) for column, written in cells)

    @property
    def took(self) -> str:
        """How long the query took."""
        return format_duration(self.answer.seconds)

    @property
    def counted(self) -> str:
        """`12 rows`, or `the first 10,000 rows` when there were more."""
        return self.forms.words.say("first_rows" if self.truncated else "rows", n=self.shown)

    @property
    def figures(self) -> list[Figure]:
        """The last row as large numbers, each with its past where there are several rows."""
        if not self.shown:
            return []
        cells = [column.cell(self.shown - 1) for column in self.written]
        last = {column.name: cell for column, cell in zip(self.columns, cells, strict=True)}
        found = []
        for column in self.columns:
            if column.role or (self.shown > 1 and not column.numeric):
                continue
            delta = last.get(column.name + DELTA)
            found.append(
                Figure(
                    title=column.title,
                    text=last[column.name].text,
                    numeric=column.numeric,
                    before=last[column.name + BEFORE].text if delta else "",
                    change=delta.text if delta and not delta.empty else "",
                    percent=last[column.name + CHANGE].text if delta and not last[column.name + CHANGE].empty else "",
                    news=delta.mark if delta else "",
                    spark=self._past(column.name) if self.shown > 1 else None,
                )
            )
        return found

    def drawn(self, kind: str, label: str | None = None, values: Sequence[str] = (), title: str = "") -> Chart | None:
        """A chart of this table; None where it would show nothing. Raises JobFailed for a column that is not there."""
        return _chart(self, kind, label, values, title)

    def _past(self, name: str) -> Markup | None:
        writer = next(one for one in self.writers if one.name == name)
        labels = list(self.written[0].texts)
        return spark(writer.title, labels, _series(writer), self.forms) if writer.all_numbers else None


def make_table(answer: Answer, params: QueryParams, forms: Forms | None = None, *, compared: str = "") -> Table:
    """The answer with titles, sides, written cells, totals and a chart where one fits.

    Parameters
    ----------
    compared: what the period before is called.

    Raises JobFailed (`config`) when the parameters name a column that is not there or a sum that cannot be made.
    """
    _known_columns(answer.name, answer.columns, [*params.columns, *params.drawn, *filter(None, [params.chart_label])])
    forms = forms or Forms()
    by_column: Sequence[Sequence[Any]] = list(zip(*answer.rows, strict=True)) or [()] * len(answer.columns)
    writers = [
        _writer(answer, name, params, values, forms, compared)
        for name, values in zip(answer.columns, by_column, strict=True)
    ]
    seen = [at for at, writer in enumerate(writers) if not writer.how.hide]
    columns = tuple(
        Column(writer.name, writer.title, writer.numeric, writer.role) for writer in (writers[at] for at in seen)
    )
    written = tuple(writers[at].written(by_column[at]) for at in seen)
    totals = _totals([writers[at] for at in seen])
    # Figures, totals and charts are of all rows; `show` only says how many of them the table has.
    limited = params.show is not None and params.show < len(answer.rows)
    figures = sum(not column.role for column in columns)
    made = Table(
        answer=answer,
        title=params.title or humanized(answer.name),
        description=params.description,
        columns=columns,
        written=tuple(column.first(params.show) for column in written) if params.show else written,
        shown=min(params.show or len(answer.rows), len(answer.rows)) if seen else 0,
        totals=totals if any(totals) else (),
        chart=None,
        cards=len(answer.rows) == 1 and not answer.truncated and not limited and 1 <= figures <= _MOST_CARDS,
        truncated=answer.truncated and not limited,
        limited=limited,
        writers=tuple(writers),
        forms=forms,
    )
    if params.chart == "none":
        return made
    chart = _chart(made, params.chart, params.chart_label, params.drawn, "")
    return replace(made, chart=chart)


def _writer(
    answer: Answer, name: str, params: QueryParams, values: Sequence[Any], forms: Forms, compared: str
) -> Writer:
    """The writer of a column; one that stands behind another is written as that one is."""
    for tail, role in _ROLES.items():
        base = name.removesuffix(tail)
        if base != name and base in answer.compared:
            how = params.columns.get(base, ColumnParams())
            titles = {"before": compared or forms.words["column_before"], "delta": forms.words["column_change"]}
            total = how.total and role != "change"
            return Writer(
                answer.name,
                name,
                how.model_copy(update={"title": titles.get(role, "%"), "total": total}),
                values,
                forms,
                role,
            )
    how, said = params.columns.get(name, ColumnParams()), name == answer.said
    return Writer(answer.name, name, how, values, forms, said=said)


def _totals(writers: Sequence[Writer]) -> tuple[Cell | None, ...]:
    """The sums below; a change's own is that of the sums."""
    found: list[Cell | None] = []
    for at, writer in enumerate(writers):
        if writer.role == "change" and at >= 2 and (was := found[at - 2]) and (delta := found[at - 1]):
            found.append(writer.cell(float(delta.value) / abs(float(was.value)) if was.value else None))
        else:
            found.append(writer.total() if writer.how.total else None)
    return tuple(found)


def _known_columns(query: str, columns: Sequence[str], named: Sequence[str]) -> None:
    for name in named:
        if name not in columns:
            meant = nearest(name, columns)
            hint = f"did you mean '{meant}'?" if meant else f"there is: {', '.join(columns)}"
            raise JobFailed(f"query '{query}': gives no column '{name}'; {hint}", FailureClass.CONFIG)


def _chart(table: Table, kind: str, label: str | None, values: Sequence[str], title: str) -> Chart | None:
    """The chart asked for; by itself only where one label and one number leave no choice."""
    _known_columns(table.name, [writer.name for writer in table.writers], [*values, *([label] if label else [])])
    plain = [writer for writer in table.writers if not writer.role]
    numbers = [writer for writer in plain if writer.numeric and writer.all_numbers and writer.name != label]
    others = [writer for writer in plain if writer not in numbers]
    named = [writer for writer in table.writers if writer.name in values and writer.all_numbers]
    unclear = kind == "auto" and not named and (len(numbers), len(others)) != (1, 1)
    if unclear or not table.shown or not (numbers or named) or (kind == "auto" and _flat(named or numbers)):
        return None
    chosen = named or (numbers if kind == "stacked" else numbers[-1:])
    along = next((writer for writer in table.writers if writer.name == label), None) or next(iter(others), plain[0])
    series = [_series(writer) for writer in chosen]
    if len(chosen) == 1 and kind in ("auto", "bar", "line"):
        was = [writer for writer in table.writers if writer.name == chosen[0].name + BEFORE and writer.all_numbers]
        series += map(_series, was)
    labels = [along.cell(each).text for each in along.values]
    days = [str(each)[:10] for each in along.values]
    heading = title or (chosen[0].title if len(chosen) == 1 else table.title)
    return make_chart(kind, heading, labels, series, days=days, forms=table.forms)


def _flat(writers: Sequence[Writer]) -> bool:
    """Whether there is nothing but zero to draw."""
    return not any(value for writer in writers for value in writer.values)


def _series(writer: Writer) -> Series:
    points = tuple(math.nan if each is None else float(each) for each in writer.values)
    return Series(writer.title, points, lambda value: writer.cell(value).text, muted=writer.role == "before")
