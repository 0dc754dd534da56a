"""Tables on a terminal: what gives way where there is little room.

Owns: which columns are left out, which texts stand below their row, where a text is folded.
Never: cuts a value off: an id on the screen can be copied whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

#: Names and times are up to this wide; what is wider is text, which may be folded.
_NAME = 25
#: A text is not folded into less than this; it then stands below its row.
_LEAST = 24
_GAP = 2


@dataclass(frozen=True)
class Laid:
    """A table as lines, the titles first.

    Parameters
    ----------
    left_out: the titles of columns that had no room.
    """

    lines: tuple[str, ...]
    left_out: tuple[str, ...] = ()


def lay_out(titles: Sequence[str], rows: Sequence[Sequence[str]], room: int, spare: Sequence[str] = ()) -> Laid:
    """The table in so many columns of a terminal.

    Parameters
    ----------
    spare: titles of columns that may be left out, the first to go first.

    1. Wide texts share what the rest leaves, folded.
    2. Where that is too little for them, they stand below their rows, and columns without a word are left out.
    3. Where the rest is too wide without them, the spare columns go, one by one.
    4. What still does not fit stays as it is: the terminal breaks the line, and nothing is lost.
    """
    table = _Table(
        titles, rows, {number: max(map(_width, one)) for number, one in enumerate(zip(titles, *rows, strict=True))}
    )
    table.place_texts(room)
    left_out = tuple(table.leave_out(spare, room))
    return Laid(tuple(table.lines(room)), left_out)


class _Table:
    """Which columns stand beside each other, how wide, and which below."""

    def __init__(self, titles: Sequence[str], rows: Sequence[Sequence[str]], widths: dict[int, int]) -> None:
        self.titles, self.rows, self.widths = titles, rows, widths
        self.beside = list(widths)
        self.below: list[int] = []

    def place_texts(self, room: int) -> None:
        """Beside the others, where there is room to fold them; else below, the last column where there is no text."""
        texts = [number for number in self.beside if self.widths[number] > _NAME]
        names = [number for number in self.beside if number not in texts]
        shares = _shares({number: self.widths[number] for number in texts}, room - _taken(self.widths, names))
        if _taken(self.widths | shares, self.beside) - _GAP <= room:
            self.widths |= shares
            return
        self.below = texts or self.beside[-1:]
        spoken = [number for number in self.beside if any(row[number] for row in self.rows)]
        self.beside = [number for number in spoken if number not in self.below]

    def leave_out(self, spare: Sequence[str], room: int) -> Iterator[str]:
        """The titles of what goes, one by one, until the others fit."""
        for number in map(list(self.titles).index, spare):
            if number in self.beside and _taken(self.widths, self.beside) - _GAP > room:
                self.beside.remove(number)
                yield self.titles[number]

    def lines(self, room: int) -> Iterator[str]:
        """The titles, and each row with what stands below it."""
        widths = [self.widths[number] for number in self.beside]
        yield _line([self.titles[number] for number in self.beside], widths)
        for row in self.rows:
            yield from _row([row[number] for number in self.beside], widths)
            yield from _below([f"{self.titles[number]}: {row[number]}" for number in self.below if row[number]], room)


def _taken(widths: dict[int, int], columns: Iterable[int]) -> int:
    """The room of these columns, each with the gap behind it."""
    return sum(widths[number] + _GAP for number in columns)


def _row(cells: Sequence[str], widths: Sequence[int]) -> list[str]:
    """A row as lines: as many as its most folded cell has."""
    folded = [_folded(cell, width) for cell, width in zip(cells, widths, strict=True)]
    return [_line(parts, widths) for parts in zip_longest(*folded, fillvalue="")]


def _below(texts: Sequence[str], room: int) -> list[str]:
    """What stands below a row: on one line where that is long enough, else a paragraph each."""
    width = max(room - _GAP, _LEAST)
    together = (" " * _GAP).join(texts)
    paragraphs = [together] if _width(together) <= width else texts
    return [" " * _GAP + part for text in paragraphs if text for part in _folded(text, width)]


def _shares(texts: dict[int, int], left: int) -> dict[int, int]:
    """What each text gets of the room that is left, the narrowest first; nothing where it is too little for one."""
    shares: dict[int, int] = {}
    waiting = sorted(texts, key=texts.__getitem__)
    while waiting:
        fair = (left + _GAP) // len(waiting) - _GAP
        number = waiting.pop(0)
        shares[number] = min(texts[number], fair)
        if fair < _LEAST:
            return {}
        left -= shares[number] + _GAP
    return shares


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [cell + " " * (width - _width(cell)) for cell, width in zip(cells, widths, strict=True)]
    return (" " * _GAP).join(padded).rstrip()


def _folded(text: str, width: int) -> list[str]:
    """The text in lines of at most this width, broken between words where there are any."""
    if _width(text) <= width:
        return [text]
    lines = [""]
    for word in text.split(" "):
        joined = f"{lines[-1]} {word}" if lines[-1] else word
        if _width(joined) <= width:
            lines[-1] = joined
            continue
        lines += [word] if lines[-1] else []
        lines[-1] = lines[-1] or word
        while _width(lines[-1]) > width:
            head = _head(lines[-1], width)
            lines[-1:] = [head, lines[-1][len(head) :]]
    return lines


def _head(text: str, width: int) -> str:
    """The longest beginning of the text that is no wider, at least one character."""
    end = len(text)
    while end > 1 and _width(text[:end]) > width:
        end -= 1
    return text[:end]


def _width(text: str) -> int:
    """How many columns of a terminal the text takes; signs of East Asian scripts take two."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)
