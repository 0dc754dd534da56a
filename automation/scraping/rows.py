"""The rows that a `for_query` begins with.

Owns: running the query, once, before the first page.
Never: writes; makes addresses of rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from automation.errors import FailureClass, JobFailed
from automation.scraping.source import ForQuery
from automation.text import printable

#: More pages than this are no list of a query any more.
_MOST = 100_000


def read_rows(engine: sa.Engine, asked: ForQuery) -> list[Mapping[str, Any]]:
    """All rows of the query. Raises JobFailed when it fails or has too many."""
    try:
        with engine.connect() as connection:
            found = connection.execute(sa.text(asked.sql), dict(asked.params)).mappings().fetchmany(_MOST + 1)
    except sa.exc.SQLAlchemyError as error:
        problem = str(getattr(error, "orig", None) or error)
        raise JobFailed(f"for_query: {printable(problem, 300)}", FailureClass.CONFIG, code="for_query") from error
    if len(found) > _MOST:
        raise JobFailed(f"for_query: more than {_MOST:,} rows; add a LIMIT", FailureClass.CONFIG, code="for_query")
    return [dict(row) for row in found]
