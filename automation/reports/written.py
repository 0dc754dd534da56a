"""Cells as they are shown, a column at a time.

Owns: a cell, a column of them, and rows of HTML.
Never: decides how a value is written.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from markupsafe import Markup, escape

#: A word so long may break after each so many letters; otherwise it pushes other columns off the page.
LONGEST_WORD = 40
_PIECE = 20
_LONG_WORD = re.compile(rf"(?<![^\s\0])[^\s\0]{{{LONGEST_WORD + 1},}}")
#: The mark of NULL.
NONE = "none"


@dataclass(frozen=True)
class Cell:
    """A value and how it is written; `empty` is NULL.

    Parameters
    ----------
    mark: what a page may show it by: `good`, `bad`, `heat3`.
    """

    value: Any
    text: str
    empty: bool = False
    mark: str = ""


@dataclass(frozen=True)
class Written:
    """A column's cells, which are many: three lists in place of an object each.

    Parameters
    ----------
    marks: of each cell, `none` for NULL; None where no cell has one, as in most columns.
    """

    values: Sequence[Any]
    texts: Sequence[str]
    marks: Sequence[str] | None = None

    def cell(self, at: int) -> Cell:
        """The cell of a row."""
        mark = self.marks[at] if self.marks else ""
        return Cell(self.values[at], self.texts[at], mark == NONE, "" if mark == NONE else mark)

    def first(self, rows: int) -> Written:
        """The same of so many rows."""
        return replace(
            self, values=self.values[:rows], texts=self.texts[:rows], marks=self.marks[:rows] if self.marks else None
        )

    def sides(self, side: str) -> list[str]:
        """Each cell's class: its side, and its mark where it has one."""
        return [f"{side} {mark}" if mark else side for mark in self.marks] if self.marks else [side] * len(self.texts)


def html_rows(columns: Sequence[Written], sides: Sequence[str]) -> Markup:
    """Rows of HTML; a column's texts are escaped all at once, since a template that goes by cell takes ten times as long.

    Parameters
    ----------
    sides: each column's class: `number` or `text`.
    """
    form, given = "", list[Sequence[str]]()
    for column, side in zip(columns, sides, strict=True):
        if column.marks:
            form += '<td class="%s">%s</td>'
            given.append(column.sides(side))
        else:
            form += f'<td class="{side}">%s</td>'
        given.append(_escaped(column.texts))
    rows = map(f"<tr>{form}</tr>".__mod__, zip(*given, strict=True))
    return Markup("\n".join(rows))  # noqa: S704  every text is escaped above, classes are ours


def _escaped(texts: Sequence[str]) -> Sequence[str]:
    """The texts as HTML; the same sequence where there is nothing to escape. Long words may break."""
    whole = "\0".join(texts)
    if _LONG_WORD.search(whole):
        return [_breakable(text) for text in texts]
    if whole.count("\0") >= len(texts):
        return [str(escape(text)) for text in texts]
    safe = str(escape(whole))
    return texts if len(safe) == len(whole) else safe.split("\0")


def _breakable(text: str) -> str:
    """The text as HTML, its long words in pieces."""
    parts, at = list[str](), 0
    for word in _LONG_WORD.finditer(text):
        pieces = (word[0][begin : begin + _PIECE] for begin in range(0, len(word[0]), _PIECE))
        parts += (str(escape(text[at : word.start()])), "<wbr>".join(str(escape(piece)) for piece in pieces))
        at = word.end()
    return "".join((*parts, str(escape(text[at:]))))
