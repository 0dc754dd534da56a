"""One read-only query, under its limits, and its answer.

Owns: bound values, the limits of time and rows, and what a failure tells.
Never: puts a value into SQL text; changes a database; formats anything.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError

from automation.clock import Clock
from automation.database import transient
from automation.errors import FailureClass, JobFailed
from automation.reports.answer import PORTION, Answer, Row
from automation.reports.statement import STREAMED, first_word, reading_statement
from automation.reports.stored import Spool
from automation.text import format_duration, nearest, printable

#: SQLSTATE and MySQL numbers: the statement was stopped for its time; it wanted to write.
_TIMED_OUT = {"57014", 1969, 3024, 1317}
_WANTED_TO_WRITE = {"25006", 1792, 1290, 1836}
#: Steps of SQLite's virtual machine between two looks at the clock.
_STEPS = 10_000


def run_values(nominal_time: datetime, window_start: datetime, window_end: datetime) -> dict[str, datetime]:
    """What every query may use as `:nominal_time`, `:window_start` and `:window_end`; in UTC."""
    return {"nominal_time": nominal_time, "window_start": window_start, "window_end": window_end}


def ask(
    engine: sa.Engine,
    name: str,
    sql: str,
    values: Mapping[str, Any],
    *,
    max_rows: int,
    time_limit: timedelta,
    clock: Clock,
    own: Sequence[str] = (),
    spool: Spool | None = None,
) -> Answer:
    """Run a query in a read-only transaction and hold at most `max_rows` of its rows in memory.

    Parameters
    ----------
    engine: made with `read_only=True`.
    values: what `:name` in the SQL stands for; a list serves `IN :name`. Moments are bound in UTC; for SQLite as
        text of the form 2026-11-02 08:00:00.
    own: names among the values that the query declares itself, and so must use.
    spool: takes the rows, those beyond `max_rows` too, up to its own limit.

    Raises JobFailed, naming the query: `config` for SQL that cannot be run or does not only read, `timeout`,
    `transport` or `db_lock` for the rest.
    """
    dialect = engine.dialect.name
    try:
        sql = reading_statement(sql, dialect)
    except ValueError as error:
        raise JobFailed(f"query '{name}': {error}", FailureClass.CONFIG) from None
    statement = _bind(name, sql, values, own, dialect)
    began = clock.monotonic()
    deadline = began + time_limit.total_seconds()
    if first_word(sql, dialect) in STREAMED:
        statement = statement.execution_options(stream_results=True)
    with (
        _named(name, time_limit),
        _connected(engine) as connection,
        _limited(connection, time_limit, deadline, max(max_rows, spool.limit if spool else 0), clock),
    ):
        result = connection.execute(statement)
        if not result.returns_rows:
            raise JobFailed(f"query '{name}': gives no table; begin it with SELECT", FailureClass.CONFIG)
        columns = unique_names(tuple(result.keys()))
        if spool:
            spool.begin(name, columns)
        rows, more = _fetch(name, result, max_rows, _Patience(time_limit, deadline, clock), spool)
        result.close()
    seconds = clock.monotonic() - began
    if spool is None:
        return Answer(name, columns, tuple(rows), truncated=more, seconds=seconds)
    hidden = more or spool.rows > len(rows)
    spool.end(truncated=hidden, cut=more, seconds=seconds)
    rest = spool if spool.rows > len(rows) else None
    return Answer(name, columns, tuple(rows), hidden, seconds, found=spool.rows, cut=more, rest=rest)


def _bind(name: str, sql: str, values: Mapping[str, Any], own: Sequence[str], dialect: str) -> sa.TextClause:
    statement = sa.text(sql)
    wanted = set(statement.compile().params)
    for missing in sorted(wanted - set(values)):
        meant = nearest(missing, values)
        hint = f"did you mean ':{meant}'?" if meant else rf"set it in params, or write \:{missing} for a plain colon"
        raise JobFailed(f"query '{name}': nothing sets ':{missing}'; {hint}", FailureClass.CONFIG)
    for unused in sorted(set(own) - wanted):
        raise JobFailed(f"query '{name}': the SQL does not use ':{unused}'; remove it from params", FailureClass.CONFIG)
    bound: list[sa.BindParameter[Any]] = [
        sa.bindparam(key, [_native(item, dialect) for item in values[key]], expanding=True)
        if isinstance(values[key], (list, tuple))
        else sa.bindparam(key, _native(values[key], dialect))
        for key in wanted
    ]
    return statement.bindparams(*bound)


def _native(value: Any, dialect: str) -> Any:
    """A moment as the driver takes it, always in UTC."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        value = value.astimezone(UTC)
        if dialect == "postgresql":
            return value
        value = value.replace(tzinfo=None)
    if dialect == "sqlite" and isinstance(value, (date, time)):
        return value.isoformat(" ") if isinstance(value, datetime) else value.isoformat()
    return value


@contextmanager
def _connected(engine: sa.Engine) -> Iterator[sa.Connection]:
    try:
        connection = engine.connect()
    except OperationalError as error:
        # A file may be made yet, by the first run of the job that fills it; a server may come back.
        kind = FailureClass.EMPTY if engine.dialect.name == "sqlite" else FailureClass.TRANSPORT
        raise JobFailed(_unopened(engine.url, error), kind) from error
    with connection:
        # What we set for the session must not stay in the caller's pool.
        if connection.dialect.name in ("mysql", "mariadb"):
            connection.detach()
        yield connection.execution_options(reads_only=True)


def _unopened(url: sa.URL, error: OperationalError) -> str:
    """Why there is no connection: a file by its path, a server by its URL without the password."""
    where = url.render_as_string(hide_password=True)
    if url.get_backend_name() == "sqlite" and url.database:
        path = Path(unquote(url.database.removeprefix("file://")))
        if not path.exists():
            return f"the database {path} is not there yet; the first run that writes into it makes it"
        where = str(path)
    return f"cannot open {where}: {_reason(error)}"


@contextmanager
def _limited(
    connection: sa.Connection, limit: timedelta, deadline: float, max_rows: int, clock: Clock
) -> Iterator[None]:
    """Make the database itself stop after the time."""
    dialect = connection.dialect.name
    milliseconds = max(1, round(limit.total_seconds() * 1000))
    if dialect == "postgresql":
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = {milliseconds}")
        connection.exec_driver_sql("SET LOCAL TIME ZONE 'UTC'")
    elif dialect == "sqlite":
        raw = connection.connection.driver_connection
        assert isinstance(raw, sqlite3.Connection)
        raw.set_progress_handler(lambda: clock.monotonic() > deadline, _STEPS)
        try:
            yield
        finally:
            raw.set_progress_handler(None, 0)
        return
    else:
        mariadb = getattr(connection.dialect, "is_mariadb", False)
        setting = f"max_statement_time = {milliseconds / 1000}" if mariadb else f"max_execution_time = {milliseconds}"
        connection.exec_driver_sql(f"SET SESSION {setting}, sql_select_limit = {max_rows + 1}, time_zone = '+00:00'")
    yield


@dataclass(frozen=True)
class _Patience:
    """How long rows may take to come."""

    limit: timedelta
    deadline: float
    clock: Clock


def _fetch(
    name: str, result: sa.CursorResult[Any], max_rows: int, patience: _Patience, spool: Spool | None
) -> tuple[list[Row], bool]:
    """The first rows, and whether there are more than anybody takes; the spool gets all that it takes."""
    rows: list[Row] = []
    most = max(max_rows, spool.limit if spool else 0)
    seen = 0
    while seen <= most:
        portion = [tuple(row) for row in result.fetchmany(min(PORTION, most + 1 - seen))]
        if not portion:
            break
        seen += len(portion)
        rows.extend(portion[: max(0, max_rows - len(rows))])
        if spool:
            spool.add(portion)
        if patience.clock.monotonic() > patience.deadline:
            raise _too_slow(name, patience.limit)
    return rows, seen > most


@contextmanager
def _named(name: str, limit: timedelta) -> Iterator[None]:
    """Turn what the database says into one sentence that begins with the query's name."""
    try:
        yield
    except DBAPIError as error:
        codes = {getattr(error.orig, "sqlstate", None), *(getattr(error.orig, "args", None) or ())[:1]}
        reason = _reason(error)
        if codes & _TIMED_OUT or reason == "interrupted":
            raise _too_slow(name, limit) from error
        if codes & _WANTED_TO_WRITE or "readonly database" in reason:
            raise JobFailed(
                f"query '{name}': it tries to change the database ({reason}); a query only reads", FailureClass.CONFIG
            ) from error
        if error.connection_invalidated:
            raise JobFailed(f"query '{name}': the connection was lost: {reason}", FailureClass.TRANSPORT) from error
        kind = FailureClass.DB_LOCK if transient(error) else FailureClass.CONFIG
        raise JobFailed(f"query '{name}': {reason}", kind) from error
    except SQLAlchemyError as error:
        raise JobFailed(f"query '{name}': {printable(str(error).splitlines()[0], 300)}", FailureClass.CONFIG) from error
    except JobFailed as error:
        if f"query '{name}'" in str(error):
            raise
        raise JobFailed(f"query '{name}': {error}", error.failure_class) from error


def _too_slow(name: str, limit: timedelta) -> JobFailed:
    shown = format_duration(limit)
    return JobFailed(
        f"query '{name}': stopped after {shown}; make it faster (an index?) or raise its time_limit",
        FailureClass.TIMEOUT,
    )


def _reason(error: DBAPIError) -> str:
    """What the database said, on one line, without the SQL and its values."""
    parts = [str(part) for part in getattr(error.orig, "args", ()) if isinstance(part, str)]
    text = " ".join((parts[-1] if parts else str(error.orig)).split())
    return printable(text, 400)


def unique_names(names: Sequence[str]) -> tuple[str, ...]:
    """Every column under a name of its own: `total`, `total_2`; a name that the query gives itself is not taken."""
    taken: set[str] = set()
    unique = []
    for position, given in enumerate(names, start=1):
        name = base = given or f"column_{position}"
        number = 2
        while name in taken or (number > 2 and name in names):
            name, number = f"{base}_{number}", number + 1
        taken.add(name)
        unique.append(name)
    return tuple(unique)
