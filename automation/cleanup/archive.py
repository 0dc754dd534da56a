"""Copies of rows that are about to go: what a sweep asks of them, and the order in which things happen.

Owns: that order. Rows leave only after their copy is on disk or in its table and was read back and compared.
Never: writes anything itself; see `archive_file` and `archive_table`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import sqlalchemy as sa

from automation.cleanup.rows import Rows
from automation.cleanup.schema import Target


class Archive(Protocol):
    """Where copies go."""

    def open(self, state: dict[str, Any], *, trusted: bool) -> None:
        """Go on where an earlier attempt was; `trusted`: the state was committed with the last batch that went."""
        ...

    def keep(self, connection: sa.Connection, target: Target, rows: Rows) -> None:
        """Take the rows of a batch, whose transaction this is; several calls, one for each table."""
        ...

    def secured(self) -> dict[str, Any]:
        """Put what was taken beyond any loss, compare it, and return the state to commit with the batch.

        Raises JobFailed when count or checksum disagree.
        """
        ...

    def committed(self) -> None:
        """The batch has gone."""
        ...

    def roll_back(self) -> None:
        """The batch has not gone: forget what was taken for it."""
        ...

    def finish(self) -> tuple[dict[str, int], list[Path]]:
        """The sweep is at its end: rows by table or file, and the files that are finished."""
        ...
