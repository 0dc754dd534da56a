"""Rows as they were read, with the names of their values.

Owns: giving some of their columns, in any order, as tuples.
Never: reads them; changes a value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any


@dataclass(frozen=True)
class Rows:
    """Some rows.

    Parameters
    ----------
    names: of the values of each row, in order.
    """

    names: Sequence[str] = ()
    rows: Sequence[Sequence[Any]] = field(default=())

    def __len__(self) -> int:
        return len(self.rows)

    def of(self, names: Sequence[str]) -> list[tuple[Any, ...]]:
        """These columns of each row."""
        places = [self.names.index(name) for name in names] if self.rows else []
        if len(places) == 1:
            place = places[0]
            return [(row[place],) for row in self.rows]
        return list(map(itemgetter(*places), self.rows)) if places else [() for _ in self.rows]
