"""Tables of a page as rows and columns, and labels with what stands beside them.

Owns: headings, cells that span rows and columns, and what is beside a label.
Never: reads a cell's value.
"""

from __future__ import annotations

from dataclasses import dataclass

from automation.scraping.reading import Element, Reading
from automation.text import nearest, printable

#: As browsers have it; a row that says more is one that would fill the memory.
_MOST_COLUMNS, _MOST_ROWS = 1000, 65534


@dataclass(frozen=True)
class Row:
    """A row of a table as a place on a page.

    Parameters
    ----------
    element: the row itself.
    cells: column → cell, by its number from 0; one that spans several is each of them.
    headings: the columns' headings.
    """

    element: Element
    cells: dict[int, Element]
    headings: tuple[str, ...]

    def cell(self, column: str | int) -> Element | None:
        """The cell below a heading, or of a number from 1. Raises ValueError where the table has no such column."""
        if isinstance(column, int):
            return self.cells.get(column - 1)
        wanted = _words(column).casefold()
        for number, heading in enumerate(self.headings):
            if heading.casefold() == wanted:
                return self.cells.get(number)
        meant = nearest(column, self.headings)
        known = ", ".join(f"'{printable(one, 40)}'" for one in self.headings if one) or "none has a heading"
        hint = f"did you mean '{printable(meant, 40)}'? Columns" if meant else "columns"
        raise ValueError(f"the table has no column '{printable(column, 40)}'; {hint}: {known}")


def rows(reading: Reading, table: Element) -> list[Row]:
    """The rows of a table below its headings, which are its thead, else its first row if all of it is th, else none."""
    lines = _own(reading, table, "tr")
    heads = {id(one) for one in reading.css("thead > tr", table)} & {id(one) for one in lines}
    grid: list[dict[int, Element]] = []
    hanging: dict[int, tuple[int, Element]] = {}
    for line in lines:
        grid.append(_laid(reading, line, hanging))
    if not heads and lines and grid[0] and all(reading.name(cell) == "th" for cell in grid[0].values()):
        heads = {id(lines[0])}
    over = [cells for line, cells in zip(lines, grid, strict=True) if id(line) in heads]
    headings = _headings(reading, over)
    return [
        Row(line, cells, headings) for line, cells in zip(lines, grid, strict=True) if id(line) not in heads and cells
    ]


def beside(reading: Reading, scope: Element, label: str) -> list[Element]:
    """What stands beside a label: the next cell of its row in a table, or the dd behind its dt."""
    wanted, found = _plain(label), []
    for line in reading.css("tr", scope):
        cells = _cells(reading, line)
        names = [_plain(reading.text(cell)) for cell in cells[:-1]]
        found += [cells[number + 1] for number, name in enumerate(names) if name == wanted][:1]
    matched = False
    for one in reading.css("dt, dd", scope):
        if reading.name(one) == "dt":
            matched = _plain(reading.text(one)) == wanted
        elif matched:
            found.append(one)
    return found


def _laid(reading: Reading, line: Element, hanging: dict[int, tuple[int, Element]]) -> dict[int, Element]:
    """The cells of a row by their columns; `hanging` are those from above that still span rows."""
    laid: dict[int, Element] = {}
    for column, (left, cell) in list(hanging.items()):
        laid[column] = cell
        if left > 1:
            hanging[column] = (left - 1, cell)
        else:
            del hanging[column]
    column = 0
    for cell in _cells(reading, line):
        while column in laid:
            column += 1
        down = _span(reading, cell, "rowspan", _MOST_ROWS)
        for number in range(column, min(column + _span(reading, cell, "colspan", _MOST_COLUMNS), _MOST_COLUMNS)):
            laid[number] = cell
            if down > 1:
                hanging[number] = (down - 1, cell)
    return laid


def _cells(reading: Reading, line: Element) -> list[Element]:
    return _own(reading, line, "td, th")


def _own(reading: Reading, scope: Element, css: str) -> list[Element]:
    """What is found below a place, but in no table inside of it."""
    every, tables = reading.css(css, scope), reading.css("table", scope)  # held, so that an element keeps its identity
    inner: set[int] = set()
    covered: set[int] = set()
    for table in tables:
        # A table inside of another one has nothing that is not in that as well.
        if id(table) not in covered:
            covered |= {id(one) for one in reading.css("table", table)}
            inner |= {id(one) for one in reading.css(css, table)}
    return [one for one in every if id(one) not in inner]


def _headings(reading: Reading, over: list[dict[int, Element]]) -> tuple[str, ...]:
    width = max((max(cells, default=-1) + 1 for cells in over), default=0)
    made = []
    for column in range(width):
        texts = [_words(reading.text(cells[column])) for cells in over if column in cells]
        made.append(" ".join(dict.fromkeys(text for text in texts if text)))
    return tuple(made)


def _span(reading: Reading, cell: Element, name: str, most: int) -> int:
    text = (reading.attribute(cell, name) or "").strip()
    return max(1, min(int(text[:6]), most)) if text.isascii() and text[:6].isdigit() else 1


def _words(text: str) -> str:
    return " ".join(text.split())


def _plain(text: str) -> str:
    return _words(text).rstrip(":： ").casefold()
