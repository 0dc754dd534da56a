"""Archives in a table, of the same database or of another one.

Owns: making the table, putting rows there so that doing it twice is doing it once, and comparing them with the originals.
Never: deletes a row that is no copy.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from automation.cleanup.archive_kinds import Kinds
from automation.cleanup.connection import Session, among, raw
from automation.cleanup.rows import Rows
from automation.cleanup.schema import Target
from automation.database import transient
from automation.errors import FailureClass, JobFailed
from automation.text import printable

_VALUES_AT_ONCE = 400


class TableArchive:
    """A table for each member of the family.

    Parameters
    ----------
    name: of the archive of the first member; those of children have the same ending.
    engine: of another database; None: the same, in the transaction of the batch.
    kinds: how the columns of a member are kept.
    """

    writes_ahead = False

    def __init__(
        self, name: str, members: Sequence[Target], engine: sa.Engine | None, kinds: Callable[[Target], Kinds]
    ) -> None:
        root = members[0]
        self._kinds = {member.name: kinds(member) for member in members}
        ending = name.removeprefix(root.name.table) if name.startswith(root.name.table) else "_archive"
        self._names = {m.name: name if m.name == root.name else m.name.table + (ending or "_archive") for m in members}
        for member in members:
            if self._names[member.name] == member.name.table and engine is None:
                raise _wrong(f"'{name}' is the table itself; name another one")
            if not member.primary:
                raise _wrong(f"'{member.name.table}' has no primary key, by which an archive's rows are told apart")
        self._session = Session(engine) if engine is not None else None
        self._stack = ExitStack()
        self._elsewhere: sa.Connection | None = None
        self._ready: set[Any] = set()
        self._counts = {member.name.table: 0 for member in members}
        self._pending: dict[str, int] = {}

    def open(self, state: dict[str, Any], *, trusted: bool) -> None:  # noqa: ARG002
        """See Archive."""
        self._counts.update({name: rows for name, rows in state.items() if name in self._counts})

    def keep(self, connection: sa.Connection, target: Target, rows: Rows) -> None:
        """Insert, replacing an earlier copy; read back; compare."""
        if not rows:
            return
        if self._session is not None:
            if self._elsewhere is None:
                self._elsewhere = self._stack.enter_context(self._session.transaction(writes=True))
            connection = self._elsewhere
        copy = self._copy(connection, target)
        try:
            self._put(connection, copy, target, rows)
        except DBAPIError as error:
            if transient(error):
                raise
            raise _wrong(f"archive '{copy.name}' does not take the rows: {printable(str(error.orig), 200)}") from error
        except (ArithmeticError, TypeError, ValueError) as error:
            raise _wrong(f"archive '{copy.name}' does not take the rows: {printable(str(error), 200)}") from error
        self._pending[target.name.table] = self._pending.get(target.name.table, 0) + len(rows)

    def _put(self, connection: sa.Connection, copy: sa.TableClause, target: Target, rows: Rows) -> None:
        key, names, kinds = [copy.c[name] for name in target.primary], list(target.types), self._kinds[target.name]
        whole = rows.of(names)
        keys = [tuple(map(kinds.put, target.primary, one)) for one in rows.of(target.primary)]
        size = max(1, _VALUES_AT_ONCE // len(names))
        wanted: dict[int, int] = {}
        for row in whole:
            crc = zlib.crc32(kinds.same(names, row))
            wanted[crc] = wanted.get(crc, 0) + 1
        for start in range(0, len(rows), size):
            chosen = among(key, keys[start : start + size])
            connection.execute(sa.delete(copy).where(chosen))
            values = [
                {name: raw(kinds.put(name, value)) for name, value in zip(names, row, strict=True)}
                for row in whole[start : start + size]
            ]
            connection.execute(sa.insert(copy).values(values))
            for back in connection.execute(
                sa.select(*(kinds.read(target, name, copy.c[name]) for name in names)).where(chosen)
            ):
                crc = zlib.crc32(kinds.same(names, tuple(back)))
                wanted[crc] = wanted.get(crc, 0) - 1
        if any(wanted.values()):
            raise _wrong(f"rows of archive '{copy.name}' are not what was put there; are its columns narrower?")

    def _copy(self, connection: sa.Connection, target: Target) -> sa.TableClause:
        name = self._names[target.name]
        schema = getattr(target.clause, "schema", None) if self._session is None else None
        if target.name not in self._ready:
            inspector = sa.inspect(connection)
            if not inspector.has_table(name, schema=schema):
                kinds = self._kinds[target.name]
                columns = [sa.Column(one, kinds.type_of(one), autoincrement=False) for one in target.types]
                primary = sa.PrimaryKeyConstraint(*target.primary)
                connection.execute(
                    sa.schema.CreateTable(sa.Table(name, sa.MetaData(), *columns, primary, schema=schema))
                )
            else:
                there = {column["name"] for column in inspector.get_columns(name, schema=schema)}
                if missing := [one for one in target.types if one not in there]:
                    raise _wrong(f"archive '{name}' has no column '{missing[0]}'; add it, or name another table")
            self._ready.add(target.name)
        return sa.table(name, *map(sa.column, target.types), schema=schema)

    def secured(self) -> dict[str, Any]:
        """In another database, the copies are committed before the batch is."""
        self._elsewhere = None
        self._stack.close()
        return {name: rows + self._pending.get(name, 0) for name, rows in self._counts.items()}

    def committed(self) -> None:
        """See Archive."""
        for name, rows in self._pending.items():
            self._counts[name] += rows
        self._pending = {}

    def roll_back(self) -> None:
        """What was committed elsewhere stays, and is replaced when its row goes."""
        self._pending, self._elsewhere = {}, None
        self._ready.clear()
        undo = _Undo()
        self._stack.__exit__(type(undo), undo, None)

    def finish(self) -> tuple[dict[str, int], list[Path]]:
        """See Archive."""
        if self._session is not None:
            self._session.close()
        return dict(self._counts), []

    def ahead(self) -> None:
        """See Archive."""

    def pause(self) -> None:
        """See Archive."""

    def settled(self) -> None:
        """See Archive."""

    def finished(self, state: dict[str, Any]) -> tuple[dict[str, int], list[Path]]:
        """See Archive."""
        return {name: state.get(name, 0) for name in self._counts}, []


class _Undo(Exception):
    """Ends the transaction of the other database without a commit."""


def _wrong(text: str) -> JobFailed:
    return JobFailed(f"{text}; nothing of this batch was deleted", FailureClass.CONFIG)
