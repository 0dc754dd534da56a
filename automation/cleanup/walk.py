"""The order in which a sweep goes over a table: along an index, from one key to a later one.

Owns: which columns it walks along, and finding where the next batch ends, outside the transaction that deletes it.
Never: deletes or locks.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from automation.cleanup.connection import later, up_to
from automation.cleanup.schema import Target

#: Where so great a share of a table goes, reading it in the order of its key costs less than jumping from an index.
_LARGE_SHARE = 0.2

Place = tuple[Any, ...]
_ANY = sa.types.NullType()


@dataclass(frozen=True)
class Stretch:
    """A batch to be: rows of the rule after `start` and up to `end`.

    Parameters
    ----------
    rows: how many there were when it was found.
    """

    start: Place | None
    end: Place
    rows: int


class Walk:
    """Columns that are unique together and of which an index begins with the first.

    Statements are built once and given other values for each batch, which costs a tenth of building them anew.

    Parameters
    ----------
    where: which rows go; asked anew of the database for each batch.
    """

    def __init__(self, root: Target, names: tuple[str, ...], where: sa.ColumnElement[bool]) -> None:
        self.root, self.names, self.where = root, names, where
        self.columns = root.columns(names)
        self._start = [sa.bindparam(f"after_{n}", None, _ANY) for n in range(len(names))]
        self._end = [sa.bindparam(f"up_to_{n}", None, _ANY) for n in range(len(names))]
        self._size, self._skipped = sa.bindparam("size", 0, sa.Integer), sa.bindparam("skipped", 0, sa.Integer)

    def within(self, *, started: bool) -> sa.ColumnElement[bool]:
        """Whether a row lies in a stretch, whose places are bound by `values`; `started`: it has a start."""
        end = up_to(self.columns, self._end)
        return sa.and_(later(self.columns, self._start), end) if started else end

    def values(self, stretch: Stretch) -> dict[str, Any]:
        """What `within` is bound to."""
        return self._ahead(stretch.start) | {f"up_to_{n}": value for n, value in enumerate(stretch.end)}

    def next(self, connection: sa.Connection, start: Place | None, size: int) -> Stretch | None:
        """The next so many rows of the rule; None when there is none left."""
        last, rest = self._queries[start is not None]
        found = connection.execute(last, {**self._ahead(start), "skipped": size - 1}).first()
        if found is not None:
            return Stretch(start, tuple(found), size)
        rows = connection.execute(rest, {**self._ahead(start), "size": size}).all()
        return Stretch(start, tuple(rows[-1]), len(rows)) if rows else None

    @cached_property
    def _queries(self) -> dict[bool, tuple[sa.Select[Any], sa.Select[Any]]]:
        """By whether there is a start: the last row of the next stretch, and all rows of one that is shorter."""
        query = sa.select(*self.columns).select_from(self.root.clause).where(self.where).order_by(*self.columns)
        ahead = query.where(later(self.columns, self._start))
        return {
            started: (one.limit(1).offset(self._skipped), one.limit(self._size))
            for started, one in ((False, query), (True, ahead))
        }

    def _ahead(self, start: Place | None) -> dict[str, Any]:
        return {} if start is None else {f"after_{n}": value for n, value in enumerate(start)}


def choose(root: Target, age: str | None, matched: int, total: int) -> tuple[str, ...]:
    """The columns to walk along: those of the key, or the age first where an index begins with it and few rows go.

    Parameters
    ----------
    age: the column of the age, where its own order is that of the moments.
    """
    if age is None or age not in root.leading or matched >= total * _LARGE_SHARE:
        return root.key
    return tuple(dict.fromkeys((age, *root.key)))
