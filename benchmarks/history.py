"""A ledger with the history that `growth.py` asks about, made by the database itself.

Owns: the rows, in a ledger of its own, in a folder or a database that is removed at the end.
Never: measures.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.schema import CreateIndex

from automation.clock import SystemClock
from automation.ledger.ledger import Ledger
from automation.ledger.schema import open_engine, upgrade
from automation.ledger.states import Kind
from automation.ledger.tables import metadata
from automation.project.load import load_project
from automation.project.model import Project
from automation.project.order import run_of
from automation.registry import load_registry

MOST_JOBS, DAYS = 1000, 91
FILES = 'plugin = "shell"\nevery = "1h"\nparams.command = "true"\n'
NUMBERS = (
    "WITH RECURSIVE n(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM n WHERE i < {last}), "
    "m AS MATERIALIZED (SELECT i, {moment} AS t FROM n)"
)
#: How each database says the moment of a number: the runs are spread evenly, the first is the oldest.
MOMENT = {
    "sqlite": "strftime('%Y-%m-%d %H:%M:%f000', 'now', '-' || ({days} * 86400.0 * ({rows} - i) / {rows}) || ' seconds')",
    "postgresql": "now() - make_interval(secs => {days} * 86400.0 * ({rows} - i) / {rows})",
}
#: Ids are as random as real ones.
TEXT = {
    "sqlite": "printf('%08x%012d', i * 2654435761 % 4294967296, i)",
    "postgresql": "lpad(to_hex(i::bigint * 2654435761 % 4294967296), 8, '0') || lpad(i::text, 12, '0')",
}
KEYS = {"runs": "id", "attempts": "run_id, attempt", "occurrences": "job, schedule, nominal_time"}
JOB = {"sqlite": "'job' || (i % {jobs})", "postgresql": "'job' || (i % {jobs})"}
AT_ONCE = 1_000_000


@contextmanager
def ledger_of(url: str | None, rows: int) -> Iterator[Ledger]:
    """A ledger with so many runs."""
    with tempfile.TemporaryDirectory(prefix="automation-growth-") as folder:
        name = f"growth_{secrets.token_hex(4)}"
        path = None if url else Path(folder, "ledger.db")
        server = (
            sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"), isolation_level="AUTOCOMMIT")
            if url
            else None
        )
        if server is not None:
            with server.connect() as connection:
                connection.exec_driver_sql(f"CREATE DATABASE {name}")
        engine = open_engine(f"{url.rpartition('/')[0]}/{name}" if url else f"sqlite:///{path}")
        try:
            upgrade(engine)
            fill(engine, rows)
            yield Ledger(engine, SystemClock())
        finally:
            engine.dispose()
            if server is not None:
                with server.connect() as connection:
                    connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")


def project_of(jobs: int) -> Project:
    """So many jobs like those of the history."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "schedules").mkdir()
        Path(folder, "schedules", "a.toml").write_text("".join(f"[jobs.job{n}]\n{FILES}" for n in range(jobs)))
        return load_project(Path(folder), load_registry(Path(folder)), {})


def fill(engine: sa.Engine, rows: int) -> None:
    """Make the rows, the indexes afterwards, which is faster."""
    dialect = engine.dialect.name
    statements = list(_inserts(dialect, rows))
    indexes = [
        index
        for table in metadata.sorted_tables
        for index in table.indexes
        if table.name in ("automation_runs", "automation_logs")
    ]
    with engine.begin() as connection:
        for index in indexes:
            index.drop(connection)
    if dialect == "sqlite":
        _fill_sqlite(engine, statements, indexes)
    else:
        _fill_postgresql(engine, statements, indexes)


def _inserts(dialect: str, rows: int) -> Iterator[str]:
    """The statements that make the rows, a million at a time."""
    moment = MOMENT[dialect].format(days=DAYS, rows=rows)
    young = f"i > {rows} * {DAYS - 30} / {DAYS}"
    for first in range(1, rows + 1, AT_ONCE):
        numbers = NUMBERS.format(moment=moment, first=first, last=min(first + AT_ONCE - 1, rows))
        for table, values in _values(dialect, rows, young).items():
            where = f" WHERE {young}" if table == "logs" else ""
            yield (
                f"INSERT INTO automation_{table} ({', '.join(values)}) {numbers} "
                f"SELECT {', '.join(values.values())} FROM m{where}"
            )


def _values(dialect: str, rows: int, young: str) -> dict[str, dict[str, str]]:
    """Each table's columns, and what stands in them for the number `i` at the moment `t`."""
    job = JOB[dialect].format(jobs=min(MOST_JOBS, rows // 100))
    now = SystemClock().now()
    example = run_of(project_of(1).jobs["job0"], kind=Kind.SCHEDULED, nominal_time=now, now=now)
    spec = json.dumps(dict(example.spec)).replace("'", "''")
    state = f"CASE WHEN i % 100 = 0 AND {young} THEN 'dead' ELSE 'succeeded' END"
    runs = {
        "id": TEXT[dialect], "job": job, "plugin": "'shell'", "schedule": "'main'", "kind": "'scheduled'",
        "nominal_time": "t", "window_start": "t", "queued_at": "t", "due_at": "t", "started_at": "t",
        "finished_at": "t", "state": state, "attempt": "1", "spent": "1", "losses": "0", "max_attempts": "3",
        "queue": "'default'", "priority": "5", "spec": f"'{spec}'", "revision": "1", "worker": "'w1'", "pid": "1",
        "rings": "0", "overlap_key": job, "max_running": "1",
    }  # fmt: skip
    attempts = {
        "run_id": TEXT[dialect], "attempt": "1", "worker": "'w1'", "pid": "1", "started_at": "t", "finished_at": "t",
        "outcome": "'succeeded'",
    }  # fmt: skip
    occurrences = {
        "job": job, "schedule": "'main'", "nominal_time": "t", "decision": "'queued'", "decided_at": "t", "revision": "1",
        "run_id": TEXT[dialect],
    }  # fmt: skip
    line = "'a line of some length of a log'"
    logs = {"run_id": TEXT[dialect], "attempt": "1", "at": "t", "level": "'info'", "message": line}
    return {"runs": runs, "attempts": attempts, "occurrences": occurrences, "logs": logs}


def _fill_sqlite(engine: sa.Engine, statements: Sequence[str], indexes: Sequence[sa.Index]) -> None:
    engine.dispose()
    with closing(sqlite3.connect(engine.url.database or "", isolation_level=None)) as quick:
        for setting in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -3000000", "locking_mode = EXCLUSIVE"):
            quick.execute(f"PRAGMA {setting}")
        for statement in statements:
            quick.execute(statement)
        for index in indexes:
            quick.execute(str(CreateIndex(index).compile(dialect=engine.dialect)))


def _fill_postgresql(engine: sa.Engine, statements: Sequence[str], indexes: Sequence[sa.Index]) -> None:
    with engine.begin() as connection:
        for table in KEYS:
            connection.exec_driver_sql(f"ALTER TABLE automation_{table} DROP CONSTRAINT pk_automation_{table}")
    for statement in statements:
        with engine.begin() as connection:
            connection.exec_driver_sql(statement.replace("%", "%%"))
    with engine.begin() as connection:
        for table, key in KEYS.items():
            connection.exec_driver_sql(
                f"ALTER TABLE automation_{table} ADD CONSTRAINT pk_automation_{table} PRIMARY KEY ({key})"
            )
        for index in indexes:
            index.create(connection)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE")
