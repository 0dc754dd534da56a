"""CSV and Parquet files that another job left, asked in SQL as the table `files`.

Owns: the engine for that (DuckDB), which sees these files and nothing else.
Never: writes one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from automation.clock import Clock
from automation.errors import FailureClass, InvalidInput, JobFailed
from automation.reports.answer import PORTION, Answer, Row
from automation.reports.queries import QueryParams
from automation.reports.query import unique_names
from automation.reports.statement import reading_statement
from automation.reports.stored import Spool
from automation.text import nearest, printable

_READERS = {".csv": "read_csv", ".parquet": "read_parquet"}


def ask_files(
    paths: Sequence[Path],
    name: str,
    query: QueryParams,
    values: Mapping[str, Any],
    *,
    max_rows: int,
    clock: Clock,
    spool: Spool,
) -> Answer:
    """Run a query over files, under the same limits as over a database.

    Raises JobFailed, naming the query: `empty` where there is no file, `config` for SQL that cannot be run, `timeout`.
    """
    try:
        import duckdb
    except ModuleNotFoundError as error:
        raise InvalidInput("Queries over files need duckdb; run: pip install 'automation[files]'") from error
    statement, bound = _bound(name, query.sql, values)
    began = clock.monotonic()
    deadline = began + query.time_limit.total_seconds()
    with duckdb.connect(":memory:") as connection:
        try:
            # Not the machine's zone: a report is the same wherever it is made.
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute(_view(name, paths, query))
            _lock(connection, paths)
            connection.execute(statement, bound)
            columns = unique_names([column[0] for column in connection.description or ()])
            spool.begin(name, columns)
            rows: list[Row] = []
            while spool.rows < spool.limit and (portion := connection.fetchmany(PORTION)):
                rows.extend(portion[: max(0, max_rows - len(rows))])
                spool.add(portion)
                if clock.monotonic() > deadline:
                    raise JobFailed(f"query '{name}': stopped at its time_limit", FailureClass.TIMEOUT)
            more = connection.fetchone() is not None
        except duckdb.Error as error:
            reason = printable(" ".join(str(error).split()), 400)
            raise JobFailed(f"query '{name}': {reason}", FailureClass.CONFIG) from error
    seconds = clock.monotonic() - began
    hidden = more or spool.rows > len(rows)
    spool.end(truncated=hidden, cut=more, seconds=seconds)
    rest = spool if spool.rows > len(rows) else None
    return Answer(name, columns, tuple(rows), hidden, seconds, found=spool.rows, cut=more, rest=rest)


def _view(name: str, paths: Sequence[Path], query: QueryParams) -> str:
    if not paths:
        assert query.files
        raise JobFailed(
            f"query '{name}': the job '{query.files.job}' left no file that fits '{query.files.pattern}'; run it first",
            FailureClass.EMPTY,
        )
    reader = _READERS.get(paths[0].suffix.lower())
    if reader is None or any(path.suffix.lower() != paths[0].suffix.lower() for path in paths):
        raise JobFailed(
            f"query '{name}': files are all CSV or all Parquet; found {', '.join(sorted(path.name for path in paths))}",
            FailureClass.CONFIG,
        )
    quoted = ", ".join("'" + str(path).replace("'", "''") + "'" for path in paths)
    return f"CREATE VIEW files AS SELECT * FROM {reader}([{quoted}])"  # noqa: S608  our own files, quoted


def _lock(connection: Any, paths: Sequence[Path]) -> None:
    """From here on the engine opens these files and nothing else, and no statement can change that."""
    quoted = ", ".join("'" + str(path).replace("'", "''") + "'" for path in paths)
    connection.execute(f"SET allowed_paths = [{quoted}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def _bound(name: str, sql: str, values: Mapping[str, Any]) -> tuple[str, list[Any]]:
    """The statement with a mark for each value, and the values in that order."""
    try:
        sql = reading_statement(sql, "postgresql")
    except ValueError as error:
        raise JobFailed(f"query '{name}': {error}", FailureClass.CONFIG) from None
    text = sa.text(sql)
    for missing in sorted(set(text.compile().params) - set(values)):
        meant = nearest(missing, values)
        hint = f"; did you mean ':{meant}'?" if meant else ""
        raise JobFailed(f"query '{name}': nothing sets ':{missing}'{hint}", FailureClass.CONFIG)
    from sqlalchemy.dialects import sqlite

    compiled = text.compile(dialect=sqlite.dialect(paramstyle="qmark"))
    return str(compiled), [values[key] for key in compiled.positiontup or ()]
