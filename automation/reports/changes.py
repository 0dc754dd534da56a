"""What is new, changed or gone between two answers.

Owns: how rows are told apart, and how the difference is shown.
Never: keeps an answer.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from automation.reports.answer import Answer
from automation.reports.compare import key_of
from automation.reports.gather import keys_of
from automation.reports.queries import QueryParams

COLUMN = "change"
NEW, CHANGED, GONE = "new", "changed", "gone"


def changes_of(now: Answer, before: Answer | None, query: QueryParams) -> Answer:
    """The rows that are not as they were, with the column `change` in front; without an answer before, all are new.

    A changed row has its values of now; gone rows stand at the end.
    """
    keys = [now.columns.index(name) for name in keys_of(now, query)] or list(range(len(now.columns)))
    same = before is not None and before.columns == now.columns
    old = {key_of(row, keys): row for row in before.rows} if before is not None and same else {}
    rows: list[tuple[Any, ...]] = []
    seen = set()
    for row in now.rows:
        key = key_of(row, keys)
        seen.add(key)
        if key not in old:
            rows.append((NEW, *row))
        elif old[key] != row:
            rows.append((CHANGED, *row))
    rows += [(GONE, *row) for key, row in old.items() if key not in seen]
    name = COLUMN if COLUMN not in now.columns else f"{COLUMN}_"
    return replace(now, columns=(name, *now.columns), rows=tuple(rows), found=len(rows), rest=None, said=name)
