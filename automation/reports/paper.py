"""How tables fit on paper: how large their letters may be, and whether the page lies on its side.

Owns: that arithmetic, from the lengths of what is written.
Never: lays out a page.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from automation.reports.written import LONGEST_WORD

#: The text of an A4 page in points, as `print.css` has its margins, upright and on its side.
_UPRIGHT, _ACROSS = 510.0, 757.0
#: A letter is about so wide, and what stands beside a cell, in parts of the letters' size.
_LETTER, _BESIDE = 0.62, 1.3
#: A heading's letters, in parts of the others.
_HEADING = 0.88
#: Letters of a table that fits, the smallest for which a page stays upright, and the smallest of all.
_FULL, _SMALL, _LEAST = 11.25, 7.0, 1.0
#: A text wraps; a column of texts is at least so many letters wide, or as its longest is.
_TEXT = 14


@dataclass(frozen=True)
class Paper:
    """What a page has to do for a table.

    Parameters
    ----------
    size: of its letters in points; None is the usual one.
    across: the page lies on its side.
    least: of each column the width below which words would break, in parts of a heading's letters; 0 where none does.
    """

    size: float | None = None
    across: bool = False
    least: tuple[float, ...] = ()


def paper_for(columns: Iterable[tuple[str, bool, Sequence[str]]]) -> Paper:
    """How a table fits.

    Parameters
    ----------
    columns: of each its title, whether its cells stay on one line, and what stands in them.
    """
    known = list(columns)
    # Whether all fits is mostly clear before words are counted.
    if _fits([_width(*column, LONGEST_WORD) for column in known]):
        return Paper()
    widths = [_width(*column, 0 if column[1] else _longest_word(column[2])) for column in known]
    least = tuple(
        0 if whole else round((_LETTER * width + _BESIDE) / _HEADING, 1)
        for (_, whole, _), width in zip(known, widths, strict=True)
    )
    parts = _LETTER * sum(widths) + _BESIDE * len(widths)
    upright = _UPRIGHT / parts if parts else _FULL
    if upright >= _FULL:
        return Paper()
    if upright >= _SMALL:
        return Paper(round(upright, 1), least=least)
    return Paper(round(min(_FULL, max(_LEAST, _ACROSS / parts)), 1), across=True, least=least)


def _fits(widths: Sequence[int]) -> bool:
    return _LETTER * sum(widths) + _BESIDE * len(widths) <= _UPRIGHT / _FULL


def _width(title: str, whole: bool, texts: Sequence[str], word: int) -> int:
    longest = max(map(len, texts), default=0)
    cells = longest if whole else min(longest, max(_TEXT, word))
    return max(cells, *map(len, title.split(" ")), 1)


def _longest_word(texts: Sequence[str]) -> int:
    """The letters that do not break, of a column's longest word."""
    return min(max(map(len, " ".join(texts).split()), default=0), LONGEST_WORD)
