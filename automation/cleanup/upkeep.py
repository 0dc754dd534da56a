"""What a table needs after many of its rows went.

Owns: ANALYZE, VACUUM and OPTIMIZE as each database has them, and how much space came back.
Never: deletes a row; a statement that fails is told and fails no clean-up that is done.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from automation.cleanup.batch import table_of
from automation.cleanup.schema import Target, quoted
from automation.secrets import mask_urls
from automation.text import printable, size

STATEMENTS = {
    "sqlite": {"analyze": "ANALYZE {table}", "vacuum": "VACUUM", "optimize": "PRAGMA optimize"},
    "postgresql": {"analyze": "ANALYZE {table}", "vacuum": "VACUUM {table}", "optimize": "VACUUM (ANALYZE) {table}"},
    "mysql": {"analyze": "ANALYZE TABLE {table}", "vacuum": "OPTIMIZE TABLE {table}", "optimize": "OPTIMIZE TABLE {table}"},
}  # fmt: skip
_SIZES = {
    "sqlite": "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
    "postgresql": "SELECT pg_total_relation_size(CAST(:name AS regclass))",
    "mysql": (
        "SELECT DATA_LENGTH + INDEX_LENGTH FROM information_schema.TABLES "
        "WHERE TABLE_SCHEMA = :schema AND TABLE_NAME = :table"
    ),
}


def keep_up(
    engine: sa.Engine,
    members: Sequence[Target],
    wanted: Sequence[str],
    log: logging.Logger | logging.LoggerAdapter[Any],
) -> list[dict[str, Any]]:
    """Do what was asked for each table; returns for each statement the bytes before and after, as the database says."""
    done: list[dict[str, Any]] = []
    # None of these may stand in a transaction.
    with engine.connect() as connection:
        raw = connection.connection.dbapi_connection
        assert raw is not None
        if engine.dialect.name == "postgresql":
            raw.autocommit = True
        cursor = raw.cursor()
        for name in wanted:
            for statement, member in _statements(engine, members, name):
                before = _size(engine, member)
                try:
                    cursor.execute(statement)
                    rows = cursor.fetchall() if cursor.description else ()
                except engine.dialect.loaded_dbapi.Error as error:
                    log.warning("%s: %s", statement, printable(mask_urls(str(error)), 200))
                    continue
                if refused := _refused(rows):
                    log.warning("%s: %s", statement, printable(refused, 200))
                    continue
                after = _size(engine, member)
                log.info("%s: %s before, %s now", statement, size(before), size(after))
                done.append({"did": statement, "bytes_before": before, "bytes_after": after})
        cursor.close()
        connection.invalidate()
    return done


def _refused(rows: Sequence[Any]) -> str | None:
    """MariaDB says what went wrong in a row (table, what was done, kind, text), and calls it a success."""
    return next((str(row[3]) for row in rows if len(row) == 4 and str(row[2]).lower() == "error"), None)


def _statements(engine: sa.Engine, members: Sequence[Target], name: str) -> list[tuple[str, Target]]:
    kind = "mysql" if engine.dialect.name == "mariadb" else engine.dialect.name
    pattern = STATEMENTS[kind][name]
    found = [(pattern.format(table=quoted(engine.dialect, table_of(member))), member) for member in members]
    return list({text: (text, member) for text, member in found}.values())


def _size(engine: sa.Engine, member: Target) -> int:
    kind = "mysql" if engine.dialect.name == "mariadb" else engine.dialect.name
    values = {
        "name": quoted(engine.dialect, table_of(member)),
        "schema": member.name.schema,
        "table": member.name.table,
    }
    query = sa.text(_SIZES[kind])
    try:
        with engine.connect().execution_options(reads_only=True) as connection:
            found = connection.execute(query, {name: values[name] for name in query.compile().params})
            return int(found.scalar() or 0)
    except DBAPIError:
        return 0
