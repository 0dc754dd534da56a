"""What a query gave: the rows that pages show, and all of them for files.

Owns: the answer, and going through it in portions of flat size.
Never: asks a database, or writes a value for people.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

Row = tuple[Any, ...]
PORTION = 1000


class Rest(Protocol):
    """All rows of an answer that memory does not hold, in portions, as often as they are asked for."""

    def portions(self) -> Iterator[Sequence[Row]]: ...


@dataclass(frozen=True)
class Answer:
    """What a query gave.

    Parameters
    ----------
    columns: unique; a name that comes twice gets a number.
    rows: the first ones, as many as a page may show.
    truncated: there were more rows than these.
    seconds: from asking to the last row.
    found: how many rows files have; that is `rows`, where nothing else is kept.
    cut: there were more rows than files may have, too.
    rest: where all `found` rows are, when `rows` has not all of them.
    compared: the columns behind which stand what they were, the difference and the change.
    said: the column whose values are words of ours, which pages show in their language.
    """

    name: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    truncated: bool = False
    seconds: float = 0.0
    found: int = -1
    cut: bool = False
    rest: Rest | None = None
    compared: tuple[str, ...] = ()
    said: str = ""

    def __post_init__(self) -> None:
        if self.found < 0:
            object.__setattr__(self, "found", len(self.rows))
            object.__setattr__(self, "cut", self.truncated)

    def records(self) -> list[dict[str, Any]]:
        """The rows that pages show, by column name."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]

    def portions(self) -> Iterator[Sequence[Row]]:
        """All rows for a file, in portions, so that a million of them need no more memory than a thousand."""
        if self.rest is not None:
            yield from self.rest.portions()
            return
        for start in range(0, len(self.rows), PORTION):
            yield self.rows[start : start + PORTION]
