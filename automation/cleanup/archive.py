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
    """Where copies go.

    Parameters
    ----------
    writes_ahead: copies can be secured before the transaction of a batch begins, by `ahead`.
    """

    writes_ahead: bool

    def open(self, state: dict[str, Any], *, trusted: bool) -> None:
        """Go on where an earlier attempt was; `trusted`: the state was committed with the last batch that went."""
        ...

    def keep(self, connection: sa.Connection, target: Target, rows: Rows) -> None:
        """Take the rows of a batch, whose transaction this is; several calls, one for each table."""
        ...

    def ahead(self) -> None:
        """Put what was taken so far beyond any loss; what the transaction gives again as it was needs no more waiting."""
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
        """The sweep is at its end: rows by table or file, and the files that are finished. Once more after a kill, too."""
        ...

    def pause(self) -> None:
        """This attempt ends before the sweep does: leave what counts where people and another attempt find it."""
        ...

    def settled(self) -> None:
        """That end was recorded: what was kept to finish once more can go."""
        ...

    def finished(self, state: dict[str, Any]) -> tuple[dict[str, int], list[Path]]:
        """What `finish` said in an earlier attempt, whose state this is; files that somebody took away are left out."""
        ...
