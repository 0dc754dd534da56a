"""What a plugin's own Python says about rows before they go.

Owns: handing them over, and taking no for an answer.
Never: deletes; lets go what was not handed over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from automation.cleanup.rows import Rows
from automation.errors import FailureClass, JobFailed
from automation.text import printable

#: Gets the rows of a batch as dicts; gives those that may go, or None for all of them.
Before = Callable[[list[dict[str, Any]]], Iterable[dict[str, Any]] | None]


def allowed(before: Before, rows: Rows) -> Rows:
    """The rows that may go. Raises JobFailed when it gives anything else than rows that it got."""
    handed = [dict(zip(rows.names, row, strict=True)) for row in rows.rows]
    places = {id(one): place for place, one in enumerate(handed)}
    given = before(handed)
    if given is None:
        return rows
    chosen = set()
    for one in given:
        if id(one) not in places:
            raise JobFailed(
                f"before gave {printable(repr(one), 80)}; give back rows that it got, or None to let all of them go",
                FailureClass.DATA_INVALID,
                code="hook",
            )
        chosen.add(places[id(one)])
    return Rows(rows.names, [rows.rows[place] for place in sorted(chosen)])
