"""Clean-up that waits for a real standby of PostgreSQL, in clusters of the test's own."""

from __future__ import annotations

import logging
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from automation.cleanup.clean import Work, clean
from automation.cleanup.rule import CleanupParams
from automation.database import make_engine
from automation.errors import JobFailed

NOW = datetime(2026, 1, 1, tzinfo=UTC)
Servers = dict[str, str]


@pytest.fixture(scope="module")
def servers(needs: Callable[[str], Any]) -> Iterator[Servers]:
    """URLs of a primary and of its standby."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    folder = programs[-1] if programs else Path(needs("initdb")).parent
    root = Path(tempfile.mkdtemp(prefix="replica"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, root, ignore_errors=True)
        if os.geteuid() == 0:
            shutil.chown(root, "postgres")
        _as_postgres(folder / "initdb", "-A", "trust", "-U", "postgres", "--no-sync", "-D", root / "primary")
        primary = _start(stack, folder, root, "primary")
        _as_postgres(
            folder / "pg_basebackup",
            "-R",
            "-d",
            f"{primary}?application_name=one",
            "-c",
            "fast",
            "-D",
            root / "standby",
        )
        yield {"primary": primary, "standby": _start(stack, folder, root, "standby")}


def _as_postgres(*command: Any) -> None:
    """A server of PostgreSQL refuses to be root."""
    before = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    subprocess.run([*before, *map(str, command)], check=True, stdout=subprocess.DEVNULL, cwd="/", timeout=120)


def _start(stack: ExitStack, folder: Path, root: Path, name: str) -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = (
        f"-p {port} -k {root} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=30 -c shared_buffers=16MB"
    )
    control = [folder / "pg_ctl", "-D", root / name, "-w", "-t", "100"]
    _as_postgres(*control, "-l", root / f"{name}.log", "-o", options, "start")
    stack.callback(_as_postgres, *control, "-m", "immediate", "stop")
    return f"postgresql://postgres@127.0.0.1:{port}/postgres"


@pytest.fixture
def primary(servers: Servers) -> Iterator[sa.Engine]:
    """With 2,000 rows to delete of 2,001, and a standby that has them."""
    engine = make_engine(servers["primary"], pooled=False)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE IF EXISTS t")
        connection.exec_driver_sql("CREATE TABLE t (id int PRIMARY KEY, made date)")
        connection.exec_driver_sql("INSERT INTO t SELECT n, '2020-01-01' FROM generate_series(1, 2000) n")
        connection.exec_driver_sql("INSERT INTO t VALUES (2001, '2025-12-31')")
    until(lambda: standby_has(servers, "SELECT count(*) FROM t") == 2001)
    yield engine
    pause(servers, "resume")


def standby_has(servers: Servers, query: str) -> Any:
    engine = make_engine(servers["standby"], pooled=False)
    try:
        with engine.connect() as connection:
            return connection.exec_driver_sql(query).scalar_one()
    except sa.exc.ProgrammingError:
        return None


def pause(servers: Servers, what: str) -> None:
    engine = make_engine(servers["standby"], pooled=False)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"SELECT pg_wal_replay_{what}()")


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 100
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def work(engine: sa.Engine, limit: str = "2s", done: list[int] | None = None, **pace: Any) -> dict[str, Any]:
    """Twenty batches, which take some seconds."""
    rule = {"table": "t", "batch": 100, "older_than": {"column": "made", "before": "2022-01-01"}}
    model = CleanupParams.model_validate({**rule, "pace": {"max_replica_lag": limit, **pace}})
    told = done if done is not None else []

    def progress(rows: int, _total: int) -> None:
        told.append(rows)
        time.sleep(0.2)

    log = logging.getLogger("automation.test")
    return clean(engine, model, Work(now=NOW, log=log, progress=progress, databases=opened))


def opened(url: str) -> sa.Engine:
    return make_engine(url, pooled=False)


@pytest.mark.slow
@pytest.mark.parametrize("asked", ["primary", "standby"])
def test_clean_up_waits_until_the_standby_has_caught_up(
    asked: str, servers: Servers, primary: sa.Engine, caplog: pytest.LogCaptureFixture
) -> None:
    """While its replay is paused rows stop going, long before the last; afterwards all of them go. The result says how long it waited."""
    pace = {"replica": servers["standby"]} if asked == "standby" else {}
    pause(servers, "pause")
    with primary.begin() as connection:
        connection.exec_driver_sql("UPDATE t SET made = '2025-12-30' WHERE id = 2001")
    done: list[int] = []
    result: dict[str, Any] = {}
    thread = threading.Thread(target=lambda: result.update(work(primary, "500ms", done, **pace)))
    caplog.set_level(logging.INFO)
    thread.start()
    try:
        until(lambda: "Paused: replica" in caplog.text or not thread.is_alive())
        held = len(done)
    finally:
        pause(servers, "resume")
        thread.join(100)

    assert "s behind, more than pace.max_replica_lag = 0.5s" in caplog.text
    assert "Going on" in caplog.text
    assert held < len(done)
    assert (result["deleted"], result["complete"]) == (2000, True)
    assert result["waited_for_replicas"] > 0


@pytest.mark.slow
def test_standby_that_keeps_up_holds_up_nothing(servers: Servers, primary: sa.Engine) -> None:
    """No pause is told where there was none."""
    result = work(primary, limit="30s")
    assert (result["deleted"], result["waited_for_replicas"]) == (2000, 0)


@pytest.mark.slow
def test_budget_ends_the_waiting(servers: Servers, primary: sa.Engine) -> None:
    """What is left is for the next run."""
    pause(servers, "pause")
    result = work(primary, limit="500ms", budget="3s")
    assert "budget of 3s is used up" in result["stopped"]
    assert result["deleted"] < 2000


@pytest.mark.slow
def test_server_that_is_no_replica_is_refused(servers: Servers, primary: sa.Engine) -> None:
    """It would never be behind."""
    with pytest.raises(JobFailed, match="is no replica"):
        work(primary, replica=servers["primary"])


@pytest.mark.slow
@pytest.mark.usefixtures("primary")
@pytest.mark.parametrize("pace", [{"max_replica_lag": "5s"}, {}])
def test_standby_loses_nothing(pace: dict[str, str], servers: Servers) -> None:
    """Who names a standby in place of the primary hears it at once."""
    rule = {"table": "t", "older_than": {"column": "made", "before": "2022-01-01"}, "pace": pace}
    engine = opened(servers["standby"])
    with pytest.raises(JobFailed, match=r"only be deleted on a primary|read-only transaction"):
        clean(
            engine,
            CleanupParams.model_validate(rule),
            Work(now=NOW, log=logging.getLogger("automation.test"), key="run"),
        )
    assert standby_has(servers, "SELECT count(*) FROM t") == 2001


@pytest.mark.slow
def test_replica_that_cannot_be_asked_is_waited_for(primary: sa.Engine, caplog: pytest.LogCaptureFixture) -> None:
    """Silence is no good sign."""
    result = work(primary, replica="postgresql://postgres@127.0.0.1:1/postgres", budget="2s")
    assert (result["deleted"], result["complete"]) == (0, False)
    assert "Paused: the replica cannot be asked" in caplog.text


@pytest.mark.slow
def test_mariadb_needs_a_replica_that_is_one(
    fresh_database: Callable[[str], str], open_database: Callable[[str], sa.Engine]
) -> None:
    """Its primary does not know."""
    url = fresh_database("mariadb")
    engine = open_database(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t (id int PRIMARY KEY, made date)")
        connection.exec_driver_sql("INSERT INTO t VALUES (1, '2020-01-01')")
    with pytest.raises(JobFailed, match="mysql does not know how far its replicas are behind"):
        work(engine)
    with pytest.raises(JobFailed, match="is no replica"):
        work(engine, replica=url)


def test_sqlite_has_no_replicas(tmp_path: Path, open_database: Callable[[str], sa.Engine]) -> None:
    """A limit that can never hold anything up is a mistake."""
    (tmp_path / "a.db").touch()
    engine = open_database(f"sqlite:///{tmp_path / 'a.db'}")
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t (id int PRIMARY KEY, made date)")
    with pytest.raises(JobFailed, match="SQLite has no replicas"):
        work(engine)
