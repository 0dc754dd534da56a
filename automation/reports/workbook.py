"""XLSX files: one sheet a query, with real types, whose text no spreadsheet runs.

Owns: sheets, their names, tables, filters, charts, and what Excel's limits leave out, which the first sheet states.
Never: writes a formula or a link; holds the rows of a large answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from automation.rendering.locales import Forms
from automation.rendering.wording import Wording
from automation.reports.answer import Answer
from automation.reports.cells import LONGEST_TEXT, Cells, Look

MOST_ROWS = 1_048_575
MOST_COLUMNS = 16_384
#: Above it a sheet gets a filter in place of a table, and is written row by row.
MOST_IN_A_TABLE = 50_000
_SHEET_NAME = re.compile(r"[\[\]:*?/\\\x00-\x1f\x7f]")
_LONGEST_NAME = 31
_KINDS = {"bar": "bar", "line": "line", "stacked": "column", "share": "doughnut"}
_SAMPLE = 200


@dataclass(frozen=True)
class Sheet:
    """A query's sheet.

    Parameters
    ----------
    looks: how each column is shown.
    chart: a kind, the column of labels and those of values, counted from 0.
    """

    title: str
    answer: Answer
    looks: Sequence[Look]
    chart: tuple[str, int, Sequence[int]] | None = None


@dataclass
class About:
    """What the first sheet says, in the report's words: title, moments, run, and a note for each thing that is not whole."""

    title: str
    created: datetime
    facts: Mapping[str, str]
    notes: list[str] = field(default_factory=list)
    words: Wording = field(default_factory=lambda: Forms().words)


def write_xlsx(path: Path, sheets: Sequence[Sheet], about: About, *, timezone: str = "UTC") -> list[str]:
    """Write the workbook; returns what Excel's limits left out, a sentence each.

    Moments are shown in the zone, since Excel knows none.
    """
    import xlsxwriter

    large = any(sheet.answer.found > MOST_IN_A_TABLE for sheet in sheets)
    options = {
        "constant_memory": large, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False,
        "tmpdir": str(path.parent), "in_memory": False,
    }  # fmt: skip
    book = xlsxwriter.Workbook(str(path), options)
    book.set_properties({"title": about.title, "created": about.created.replace(tzinfo=None), "author": "automation"})
    first, *names = _names([about.words["about"], *(sheet.title for sheet in sheets)])
    front = book.add_worksheet(first)
    lost: list[str] = []
    for name, sheet in zip(names, sheets, strict=True):
        lost += _Page(book, name, sheet, timezone, about.words, large=large).write()
    _front(book, front, about, names, sheets, lost)
    if sheets:
        book.get_worksheet_by_name(names[0]).activate()
    book.close()
    return lost


def _names(titles: Iterable[str]) -> list[str]:
    """Sheet names: at most 31 characters, none that Excel refuses, each once whatever its case."""
    taken: set[str] = {"history"}
    names = []
    for title in titles:
        base = _SHEET_NAME.sub(" ", title).strip().strip("'").strip()[:_LONGEST_NAME] or "Sheet"
        name, number = base, 2
        while name.casefold() in taken:
            tail = f" {number}"
            name, number = base[: _LONGEST_NAME - len(tail)] + tail, number + 1
        taken.add(name.casefold())
        names.append(name)
    return names


class _Page:
    """One sheet on its way."""

    def __init__(self, book: Any, name: str, sheet: Sheet, timezone: str, words: Wording, *, large: bool) -> None:
        self.book, self.name, self.sheet, self.words, self.large = book, name, sheet, words, large
        self.columns = sheet.answer.columns[:MOST_COLUMNS]
        self.looks = list(sheet.looks[:MOST_COLUMNS])
        self.page = book.add_worksheet(name)
        self.cells = Cells(book, self.page, self.looks, timezone)

    def write(self) -> list[str]:
        """Fill the sheet; returns what was left out."""
        answer = self.sheet.answer
        portions = iter(answer.portions())
        first = next(portions, [])
        self.page.freeze_panes(1, 0)
        self._widths(first[:_SAMPLE])
        header = self.book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
        titles = _unique_titles([look.title or name for look, name in zip(self.looks, self.columns, strict=True)])
        if self.columns:
            for at, title in enumerate(titles):
                self.page.write_string(0, at, title, header)
        row = self._rows(first, 1)
        for rows in portions:
            if row > MOST_ROWS:
                break
            row = self._rows(rows, row)
        self._dress(row - 1, titles)
        return self._lost(row - 1)

    def _rows(self, rows: Sequence[Sequence[Any]], at: int) -> int:
        rows = rows[: MOST_ROWS + 1 - at]
        self.cells.write(rows, at)
        return at + len(rows)

    def _widths(self, sample: Sequence[Sequence[Any]]) -> None:
        for at, (look, name) in enumerate(zip(self.looks, self.columns, strict=True)):
            longest = max([len(look.title or name) + 3, *(look.width(row[at]) for row in sample)])
            self.page.set_column(at, at, min(max(longest + 1, 8), 60))

    def _dress(self, rows: int, titles: Sequence[str]) -> None:
        """A table, or for many rows a filter; and the chart beside it."""
        if not self.columns or not rows:
            return
        last = len(self.columns) - 1
        if self.large:
            self.page.autofilter(0, 0, rows, last)
            return
        columns = [{"header": title} for title in titles]
        self.page.add_table(0, 0, rows, last, {"columns": columns, "style": "Table Style Light 1", "autofilter": True})
        if self.sheet.chart:
            self._chart(*self.sheet.chart, rows)

    def _chart(self, kind: str, label: int, values: Sequence[int], rows: int) -> None:
        shape: dict[str, str] = {"type": _KINDS.get(kind, "column")}
        if kind == "stacked":
            shape["subtype"] = "stacked"
        chart = self.book.add_chart(shape)
        for at in values:
            chart.add_series({
                "name": [self.name, 0, at], "categories": [self.name, 1, label, rows, label],
                "values": [self.name, 1, at, rows, at],
            })  # fmt: skip
        chart.set_title({"name": self.sheet.title, "overlay": False})
        if len(values) == 1 and kind != "share":
            chart.set_legend({"none": True})
        if kind == "bar":
            chart.set_y_axis({"reverse": True})
        chart.set_size({"width": 640, "height": max(320, 20 * rows + 80) if kind == "bar" else 320})
        self.page.insert_chart(1, len(self.columns) + 1, chart)

    def _lost(self, rows: int) -> list[str]:
        answer, say = self.sheet.answer, self.words.say
        lost = []
        if answer.found > rows:
            lost.append(say("sheet_rows", sheet=self.name, most=MOST_ROWS, n=answer.found - rows))
        if len(answer.columns) > MOST_COLUMNS:
            left = len(answer.columns) - MOST_COLUMNS
            lost.append(say("sheet_columns", sheet=self.name, most=MOST_COLUMNS, n=left))
        if self.cells.shortened:
            lost.append(say("sheet_texts", sheet=self.name, most=LONGEST_TEXT, n=self.cells.shortened))
        return lost


def _unique_titles(titles: Sequence[str]) -> list[str]:
    """Headers as a table wants them: none empty, each once whatever its case."""
    taken: set[str] = set()
    unique = []
    for title in titles:
        name = base = title[:250] or "Column"
        number = 2
        while name.casefold() in taken:
            name, number = f"{base} {number}", number + 1
        taken.add(name.casefold())
        unique.append(name)
    return unique


def _front(
    book: Any, page: Any, about: About, names: Sequence[str], sheets: Sequence[Sheet], lost: Sequence[str]
) -> None:
    """The first sheet: what this is, of when, and what is not whole."""
    bold, wrapped = book.add_format({"bold": True}), book.add_format({"text_wrap": True, "valign": "top"})
    page.set_column(0, 0, 22)
    page.set_column(1, 1, 90)
    page.write_string(0, 0, about.title[:LONGEST_TEXT], book.add_format({"bold": True, "font_size": 16}))
    row = 2
    lines = [
        *about.facts.items(),
        *((name, about.words.say("rows", n=sheet.answer.found)) for name, sheet in zip(names, sheets, strict=True)),
    ]
    for word, text in lines:
        page.write_string(row, 0, word, bold)
        page.write_string(row, 1, text[:LONGEST_TEXT], wrapped)
        row += 1
    for note in [*about.notes, *lost]:
        page.write_string(row, 0, about.words["not_whole" if note in lost else "note"], bold)
        page.write_string(row, 1, note[:LONGEST_TEXT], wrapped)
        row += 1
