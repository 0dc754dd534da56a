"""A table of items that is made, or grows with the fields of its job; each column added is recorded.

Owns: missing tables, columns and unique keys, and `automation_migrations`, which tells who added what and when.
Never: changes or removes a column; writes an item.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from automation.errors import FailureClass, JobFailed
from automation.scraping.columns import migrations_table


class Growth:
    """What a run does to its table before it writes there.

    Parameters
    ----------
    may_grow: False refuses a table that lacks a column.
    """

    def __init__(
        self,
        table: sa.Table,
        key: Sequence[str],
        *,
        may_grow: bool,
        run_id: str,
        moment: datetime,
        log: logging.Logger | logging.LoggerAdapter[logging.Logger],
    ) -> None:
        self._table, self._key, self._may_grow = table, tuple(key), may_grow
        self._run_id, self._moment, self._log = run_id, moment, log
        self._migrations = migrations_table(table.schema)
        self.added: set[str] = set()

    def grow(self, connection: sa.Connection) -> None:
        """Make the table, or add the columns it lacks, and hold its key unique; `added` has what this run added.

        Raises JobFailed (CONFIG) when an existing table lacks a key column, or any while it may not grow.
        """
        inspector, table = sa.inspect(connection), self._table
        self._migrations.create(connection, checkfirst=True)
        if not inspector.has_table(table.name, table.schema):
            table.create(connection)
            return
        present = {column["name"].lower() for column in inspector.get_columns(table.name, table.schema)}
        missing = [column for column in table.columns if column.name.lower() not in present]
        self._refuse(missing)
        for column in missing:
            self._add(connection, column)
        if self._key and not _is_unique(inspector, table, self._key):
            sa.Index(f"uq_{table.name}_key", *(table.c[name] for name in self._key), unique=True).create(connection)
            self._log.info("Made %s unique in the table '%s'", ", ".join(self._key), table.fullname)
        log = self._migrations.c
        mine = sa.select(log.column_name).where(log.run_id == self._run_id, log.items_table == table.name)
        self.added = set(connection.execute(mine).scalars())

    def _refuse(self, missing: Sequence[sa.Column[object]]) -> None:
        name = self._table.fullname
        lost = [column.name for column in missing if column.name in self._key]
        if lost:
            raise JobFailed(
                f"The table '{name}' is there and has no column '{lost[0]}', which is a key; "
                "name another table, or add and fill that column",
                FailureClass.CONFIG,
                code="store",
            )
        if missing and not self._may_grow:
            raise JobFailed(
                f"The table '{name}' lacks {', '.join(repr(column.name) for column in missing)}, and new_columns is "
                '"refuse"; add what is missing, or write new_columns = "add"',
                FailureClass.CONFIG,
                code="store",
            )

    def _add(self, connection: sa.Connection, column: sa.Column[object]) -> None:
        quote = connection.dialect.identifier_preparer
        kind = column.type.compile(dialect=connection.dialect)
        place = f"{quote.format_table(self._table)} ADD COLUMN {quote.format_column(column)}"
        statement = f"ALTER TABLE {place} {kind}"
        connection.exec_driver_sql(statement)
        record = {"items_table": self._table.name, "column_name": column.name, "statement": statement}
        connection.execute(sa.insert(self._migrations).values(**record, run_id=self._run_id, at=self._moment))
        self._log.info("Added the column '%s' to the table '%s'", column.name, self._table.fullname)


def _is_unique(inspector: sa.Inspector, table: sa.Table, key: Sequence[str]) -> bool:
    place = (table.name, table.schema)
    sets = [set(inspector.get_pk_constraint(*place)["constrained_columns"])]
    sets += [{name or "" for name in one["column_names"]} for one in inspector.get_indexes(*place) if one["unique"]]
    sets += [set(one["column_names"]) for one in inspector.get_unique_constraints(*place)]
    return set(key) in sets
