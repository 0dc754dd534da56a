"""Removing the oldest million of two million rows beside a live writer: our sweep, one DELETE, naive batches, pt-archiver.

The table has a bigint key, `created_at` with an index and about 100 bytes of payload. While rows go, another process
inserts one row (its own commit) and reads one by key about every millisecond, and notes how long each insert took.
Each method has a table of its own. Databases are made and dropped: `--postgresql` and `--mariadb` name the servers.

Owns: the table, the writer, the methods and that each leaves the same rows.
Never: measures on a database of somebody else's.
"""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import os
import resource
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from automation.cleanup.clean import Work, clean
from automation.cleanup.rule import CleanupParams
from automation.database import make_engine

BEGIN = 1_600_000_000
NOW = datetime(2026, 1, 1, tzinfo=UTC)
COLUMNS = "id BIGINT PRIMARY KEY, created_at BIGINT NOT NULL, payload VARCHAR(120) NOT NULL"


def fill(engine: sa.Engine, rows: int) -> None:
    """The table anew, a second between two rows."""
    kind = COLUMNS.replace("BIGINT PRIMARY", "INTEGER PRIMARY") if engine.dialect.name == "sqlite" else COLUMNS
    payload = "x" * 100
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE IF EXISTS t")
        connection.exec_driver_sql("DROP TABLE IF EXISTS automation_cleanup")
        connection.exec_driver_sql(f"CREATE TABLE t ({kind})")
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql(
                f"INSERT INTO t SELECT n, {BEGIN} + n, '{payload}' FROM generate_series(0, {rows - 1}) n"
            )
        elif engine.dialect.name == "sqlite":
            connection.exec_driver_sql(
                f"WITH RECURSIVE s(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM s WHERE n < {rows - 1}) "
                f"INSERT INTO t SELECT n, {BEGIN} + n, '{payload}' FROM s"
            )
        else:
            connection.exec_driver_sql(f"INSERT INTO t SELECT seq, {BEGIN} + seq, '{payload}' FROM seq_0_to_{rows - 1}")
        connection.exec_driver_sql("CREATE INDEX by_created ON t (created_at)")
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE t")


def opened(url: str) -> sa.Engine:
    """An engine; SQLite as a busy program would set it."""
    engine = make_engine(url)
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", lambda raw, _: raw.execute("PRAGMA synchronous = NORMAL"))
    return engine


def write(url: str, first: int, ready: Any, stop: Any, answers: Any) -> None:
    """The live writer: an insert and a read about every millisecond; milliseconds of each insert."""
    engine = opened(url)
    taken: list[float] = []
    with engine.connect() as connection:
        number = first
        while not stop.is_set():
            began = time.perf_counter()
            with connection.begin():
                connection.exec_driver_sql(f"INSERT INTO t VALUES ({number}, {BEGIN + number}, 'new')")
            taken.append((time.perf_counter() - began) * 1000)
            with connection.execution_options(reads_only=True).begin():
                connection.exec_driver_sql(f"SELECT payload FROM t WHERE id = {number}").one()
            connection.execution_options(reads_only=False)
            ready.set()
            number += 1
            time.sleep(0.001)
    answers.put(taken)


@contextmanager
def writer(url: str, first: int) -> Iterator[list[float]]:
    """Beside the block; the list has its inserts' milliseconds afterwards."""
    ready, stop, answers = multiprocessing.Event(), multiprocessing.Event(), multiprocessing.Queue()
    process = multiprocessing.Process(target=write, args=(url, first, ready, stop, answers))
    process.start()
    ready.wait(60)
    taken: list[float] = []
    try:
        yield taken
    finally:
        stop.set()
        taken += answers.get(timeout=120)
        process.join()


def single(engine: sa.Engine, cut: int, _folder: Path) -> None:
    """One statement."""
    with engine.begin() as connection:
        connection.exec_driver_sql(f"DELETE FROM t WHERE created_at < {BEGIN + cut}")


def naive(engine: sa.Engine, cut: int, _folder: Path) -> None:
    """5,000 rows a commit, found anew by a subquery, back to back."""
    inner = f"SELECT id FROM t WHERE created_at < {BEGIN + cut} ORDER BY created_at LIMIT 5000"
    if engine.dialect.name in ("mysql", "mariadb"):
        inner = f"SELECT id FROM ({inner}) AS some"
    while True:
        with engine.begin() as connection:
            if not connection.exec_driver_sql(f"DELETE FROM t WHERE id IN ({inner})").rowcount:
                return


def ours(archive: dict[str, Any] | None = None) -> Callable[[sa.Engine, int, Path], None]:
    """Our clean-up with its defaults: plan, guards, sweep, its marks."""

    def sweep(engine: sa.Engine, cut: int, folder: Path) -> None:
        before = datetime.fromtimestamp(BEGIN + cut, UTC).isoformat()
        rule = {"table": "t", "older_than": {"column": "created_at", "before": before, "unit": "s"}, "archive": archive}
        work = Work(now=NOW, log=logging.getLogger("bench"), key="bench", folder=folder)
        result = clean(engine, CleanupParams.model_validate(rule), work)
        print(f"    sweep alone {result['seconds']:.2f} s, {result['batches']} batches")

    return sweep


def archiver(*more: str) -> Callable[[sa.Engine, int, Path], None]:
    """pt-archiver --bulk-delete, 5,000 rows a commit."""

    def run(engine: sa.Engine, cut: int, folder: Path) -> None:
        place = f"h={engine.url.host},P={engine.url.port or 3306},u={engine.url.username},D={engine.url.database},t=t"
        where = f"created_at < {BEGIN + cut}"
        options = [option.format(folder=folder) for option in more]
        command = [
            "pt-archiver",
            "--source",
            place,
            "--where",
            where,
            "--limit",
            "5000",
            "--commit-each",
            "--bulk-delete",
        ]
        subprocess.run([*command, "--no-check-charset", *(options or ["--purge"])], check=True)

    return run


def methods(kind: str) -> dict[str, Callable[[sa.Engine, int, Path], None]]:
    """What is compared on a database."""
    found = {
        "one DELETE": single,
        "naive batches": naive,
        "automation": ours(),
        "automation + jsonl": ours({"to": "jsonl"}),
    }
    if kind == "mariadb" and shutil.which("pt-archiver"):
        found |= {"pt-archiver": archiver(), "pt-archiver + file": archiver("--file", "{folder}/archived")}
    return found


def measure(url: str, kind: str, rows: int, only: str) -> None:
    """A line for each method."""
    engine = opened(url)
    if kind == "sqlite":
        with engine.connect() as connection:
            connection.connection.execute("PRAGMA journal_mode = WAL")
    for name, method in methods(kind).items():
        if only and only not in name:
            continue
        fill(engine, rows)
        with tempfile.TemporaryDirectory() as folder, writer(url, rows) as taken:
            time.sleep(0.2)
            began, used = time.perf_counter(), time.process_time()
            method(engine, rows // 2, Path(folder))
            seconds, used = time.perf_counter() - began, time.process_time() - used
        with engine.connect() as connection:
            left = connection.exec_driver_sql(f"SELECT count(*), min(id) FROM t WHERE id < {rows}").one()
        assert tuple(left) == (rows - rows // 2, rows // 2), left
        taken.sort()
        print(
            f"  {kind:10} {name:20} {seconds:7.2f} s ({used:.2f} s of this process' processor), {rows / 2 / seconds:10,.0f} rows/s; "
            f"writer: {len(taken)} inserts, p50 {statistics.median(taken):.2f}, p99 {taken[int(len(taken) * 0.99)]:.1f}, "
            f"longest {taken[-1]:.1f} ms; most memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB; "
            f"load {os.getloadavg()[0]:.1f}",
            flush=True,
        )
    engine.dispose()


def main() -> None:
    """Measure each database that was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--only", default="", help="methods with this in their name")
    parser.add_argument("--databases", nargs="+", default=["sqlite", "postgresql", "mariadb"])
    parser.add_argument("--postgresql", default="postgresql://postgres@127.0.0.1:5432/postgres")
    parser.add_argument("--mariadb", default="mysql://root@127.0.0.1:3306/mysql")
    given = parser.parse_args()
    name = f"bench_cleanup_{os.getpid()}"
    for kind in given.databases:
        if kind == "sqlite":
            with tempfile.TemporaryDirectory() as folder:
                measure(f"sqlite:///{folder}/bench.db", kind, given.rows, given.only)
            continue
        server = make_engine(getattr(given, kind)).execution_options(isolation_level="AUTOCOMMIT")
        url = server.url.set(database=name).render_as_string(hide_password=False)
        with server.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
            try:
                measure(url, kind, given.rows, given.only)
            finally:
                connection.exec_driver_sql(f"DROP DATABASE {name}")
        server.dispose()


if __name__ == "__main__":
    multiprocessing.set_start_method("spawn")
    main()
