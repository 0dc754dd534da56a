"""How far a sweep came, kept beside the rows that it deletes.

Owns: the table `automation_cleanup` of the target database: its row changes in the same transaction as a batch. Where
    the table may not be made, it says so, and a file of ours follows each commit.
Never: decides anything.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.exc import DBAPIError

from automation.cleanup.connection import Session
from automation.cleanup.kept_mark import KeptMark
from automation.cleanup.values import dumps, loads
from automation.database import insert_or_ignore, transient

_KEPT = timedelta(days=30)
_LONG = sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")

#: Moments are ISO text in UTC, so that the same table serves each database.
table = sa.Table(
    "automation_cleanup",
    sa.MetaData(),
    sa.Column("sweep", sa.String(190), primary_key=True),
    sa.Column("table_name", sa.String(255), nullable=False),
    sa.Column("place", _LONG),
    sa.Column("deleted", sa.BigInteger, nullable=False),
    sa.Column("counts", _LONG, nullable=False),
    sa.Column("batches", sa.BigInteger, nullable=False),
    sa.Column("started_at", sa.String(40), nullable=False),
    sa.Column("updated_at", sa.String(40), nullable=False),
    sa.Column("done", sa.Boolean, nullable=False),
)


@dataclass
class Mark:
    """What is recorded of a sweep.

    Parameters
    ----------
    place: the cursor: key values of the last row of the last batch; None before the first and after a whole pass.
    along: the columns that these are values of.
    deleted: rows of the root; `children` those of other tables, by name.
    archived: what the archive needs to go on, by file or table.
    kept: rows of the root that a plugin's own Python did not let go.
    done: the sweep has ended, its archive too; another attempt of the run has only to tell of it.
    """

    place: tuple[Any, ...] | None = None
    deleted: int = 0
    batches: int = 0
    children: dict[str, int] = field(default_factory=dict)
    archived: dict[str, Any] = field(default_factory=dict)
    kept: int = 0
    done: bool = False
    along: tuple[str, ...] = ()


class Checkpoint:
    """The row of one sweep.

    Parameters
    ----------
    key: names the sweep: the same for each attempt of a run. None: nothing is recorded.
    folder: of the files that stand in for the table; None: there are none.
    """

    def __init__(self, session: Session, key: str | None, name: str, now: datetime, folder: Path | None = None) -> None:
        self._session, self._key, self._name, self._now = session, key, name, now
        self.recorded = False
        self.refused: str | None = None
        self._kept: KeptMark | None = None
        self._folder = folder

    def known(self) -> bool:
        """Whether an earlier attempt left a mark; makes nothing."""
        if self._key is None:
            return False
        try:
            with self._session.transaction(writes=False) as connection:
                if sa.inspect(connection).has_table(table.name):
                    query = sa.select(table.c.deleted).where(table.c.sweep == self._key)
                    return connection.execute(query).first() is not None
        except DBAPIError as error:
            if transient(error):
                raise
        return self._folder is not None and KeptMark(self._folder, self._key).exists()

    def open(self) -> Mark:
        """The mark of an earlier attempt, or a new one; `refused` says why nothing can be recorded."""
        if self._key is None:
            return Mark()
        try:
            return self._open()
        except DBAPIError as error:
            if transient(error):
                raise
            self.refused = str(error.orig)
            if self._folder is None:
                return Mark()
            self._kept = KeptMark(self._folder, self._key)
            return Mark(**self._kept.load(self._now) or {})

    def _open(self) -> Mark:
        with self._session.transaction(writes=False) as connection:
            exists = sa.inspect(connection).has_table(table.name)
        if not exists:
            with self._session.transaction(writes=True) as connection:
                connection.execute(sa.schema.CreateTable(table, if_not_exists=True))
        old = (self._now - _KEPT).isoformat()
        with self._session.transaction(writes=True) as connection:
            connection.execute(sa.delete(table).where(table.c.updated_at < old, table.c.sweep != self._key))
            fresh = {"sweep": self._key, "table_name": self._name, "deleted": 0, "counts": "{}", "batches": 0}
            times = {"started_at": self._now.isoformat(), "updated_at": self._now.isoformat(), "done": False}
            connection.execute(insert_or_ignore(table, connection.dialect.name).values({**fresh, **times}))
            row = connection.execute(sa.select(table).where(table.c.sweep == self._key)).one()
        self.recorded = True
        counts = loads_counts(row.counts)
        place = None if row.place is None else tuple(loads(row.place))
        return Mark(
            place, row.deleted, row.batches, counts.get("children", {}), counts.get("archived", {}),
            counts.get("kept", 0), bool(row.done), tuple(counts.get("along", ())),
        )  # fmt: skip

    def write(self, connection: sa.Connection, mark: Mark) -> None:
        """Put the mark into the transaction of its batch."""
        if not self.recorded:
            return
        told = {"children": mark.children, "archived": mark.archived, "kept": mark.kept, "along": mark.along}
        counts = json.dumps(told)
        values = {
            "place": None if mark.place is None else dumps(mark.place), "deleted": mark.deleted, "counts": counts,
            "batches": mark.batches, "updated_at": self._now.isoformat(), "done": mark.done,
        }  # fmt: skip
        connection.execute(sa.update(table).where(table.c.sweep == self._key).values(values))

    def committed(self, mark: Mark) -> None:
        """The transaction of a batch has ended well: the file may follow."""
        if self._kept is not None:
            self._kept.save(asdict(mark))

    def finish(self, mark: Mark) -> None:
        """Record that the sweep has ended."""
        mark.done = True
        self.committed(mark)
        if self.recorded:
            with self._session.transaction(writes=True) as connection:
                self.write(connection, mark)


def loads_counts(text: str) -> dict[str, Any]:
    """The JSON object of a row's counts."""
    found: dict[str, Any] = json.loads(text or "{}")
    return found
