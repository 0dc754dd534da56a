"""Clean-up in a process that is killed at any moment, on real databases."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

PROGRAM = """
import logging, sys
from datetime import UTC, datetime
from automation.cleanup.clean import clean
from automation.cleanup.rule import CleanupParams
from automation.database import make_engine

rule = {"table": "visit", "children": ["page"], "batch": 20, "older_than": {"column": "made", "before": "2022-01-01"}}
clean(make_engine(sys.argv[1]), CleanupParams.model_validate(rule), now=datetime(2026, 1, 1, tzinfo=UTC),
      log=logging.getLogger(), progress=lambda done, total: print(done, flush=True))
"""
ROWS = 3000


@pytest.mark.parametrize(
    "kind",
    [pytest.param("sqlite", marks=pytest.mark.slow), "postgresql", pytest.param("mariadb", marks=pytest.mark.slow)],
)
def test_killed_clean_up_deletes_nothing_else_and_is_finished_by_the_next(
    kind: str,
    fresh_database: Callable[[str], str],
    open_database: Callable[[str], sa.Engine],
    sweep: Callable[..., dict[str, Any]],
) -> None:
    """Killed several times: never half a family, never a row outside the rule; the next run does the rest."""
    url = fresh_database(kind)
    engine = open_database(url)
    _fill(engine)
    for batches in (3, 7, 12):
        _kill_after(url, batches)
        assert _outside(engine) == ROWS // 2
        assert _halves(engine) == 0
    left = _count(engine, "SELECT count(*) FROM visit WHERE made < '2022-01-01'")
    assert 0 < left < ROWS // 2

    result = sweep(engine, table="visit", children=["page"])

    assert (result["deleted"], result["remaining"], _outside(engine), _halves(engine)) == (
        left,
        ROWS // 2,
        ROWS // 2,
        0,
    )


def _kill_after(url: str, batches: int) -> None:
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, url], stdout=subprocess.PIPE, env=dict(os.environ))
    assert process.stdout is not None
    until = time.monotonic() + 60
    for _ in range(batches):
        assert process.stdout.readline()
        assert time.monotonic() < until
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()


def _fill(engine: sa.Engine) -> None:
    """Odd rows are old; each row has two pages."""
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE visit (id INTEGER PRIMARY KEY, made DATE)")
        connection.exec_driver_sql(
            "CREATE TABLE page (id INTEGER PRIMARY KEY, visit INTEGER NOT NULL, FOREIGN KEY (visit) REFERENCES visit (id))"
        )
        connection.exec_driver_sql("CREATE INDEX page_visit ON page (visit)")
        visits = [{"id": number, "made": "2020-01-01" if number % 2 else "2024-01-01"} for number in range(ROWS)]
        connection.execute(sa.text("INSERT INTO visit VALUES (:id, :made)"), visits)
        pages = [{"id": number, "visit": number // 2} for number in range(2 * ROWS)]
        connection.execute(sa.text("INSERT INTO page VALUES (:id, :visit)"), pages)


def _count(engine: sa.Engine, query: str) -> int:
    with engine.connect() as connection:
        return int(connection.exec_driver_sql(query).scalar_one())


def _outside(engine: sa.Engine) -> int:
    return _count(engine, "SELECT count(*) FROM visit WHERE made >= '2022-01-01'")


def _halves(engine: sa.Engine) -> int:
    """Visits that do not have both of their pages."""
    return _count(engine, "SELECT count(*) FROM visit v WHERE (SELECT count(*) FROM page p WHERE p.visit = v.id) <> 2")


@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "mariadb"])
def test_two_clean_ups_at_once_do_the_work_of_one(
    kind: str, fresh_database: Callable[[str], str], open_database: Callable[[str], sa.Engine]
) -> None:
    """A late worker and its successor get in each other's way without harm, and neither fails."""
    url = fresh_database(kind)
    engine = open_database(url)
    _fill(engine)

    both = [subprocess.Popen([sys.executable, "-c", PROGRAM, url], stdout=subprocess.DEVNULL) for _ in range(2)]

    assert [process.wait(100) for process in both] == [0, 0]
    assert (_count(engine, "SELECT count(*) FROM visit"), _outside(engine), _halves(engine)) == (
        ROWS // 2,
        ROWS // 2,
        0,
    )
