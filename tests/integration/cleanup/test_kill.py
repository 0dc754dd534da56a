"""Clean-up in a process that is killed at any moment, on real databases."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from automation.cleanup.archive_forms import read

PROGRAM = """
import logging, sys
from datetime import UTC, datetime
from pathlib import Path
from automation.cleanup.clean import Work, clean
from automation.cleanup.rule import CleanupParams
from automation.database import make_engine

rule = {"table": "visit", "children": ["page"], "batch": 20, "older_than": {"column": "made", "before": "2022-01-01"}}
folder = Path(sys.argv[3]) if len(sys.argv) > 3 else Path()
if len(sys.argv) > 3:
    rule["archive"] = {"to": "jsonl", "folder": "old"}
clean(make_engine(sys.argv[1]), CleanupParams.model_validate(rule), Work(now=datetime(2026, 1, 1, tzinfo=UTC),
      log=logging.getLogger(), key=sys.argv[2], folder=folder, progress=lambda done, total: print(done, flush=True)))
"""
ROWS = 400
OLD = "SELECT count(*) FROM visit WHERE made < '2022-01-01'"


@pytest.mark.parametrize(
    ("kind", "kills"),
    [
        ("postgresql", 2),
        pytest.param("sqlite", 3, marks=pytest.mark.slow),
        pytest.param("mariadb", 3, marks=pytest.mark.slow),
        *(
            pytest.param(kind, 50, marks=[pytest.mark.soak, pytest.mark.timeout(3600)])
            for kind in ("sqlite", "postgresql", "mariadb")
        ),
    ],
)
def test_killed_clean_up_deletes_nothing_else_and_goes_on_where_it_was(
    kind: str,
    kills: int,
    fresh_database: Callable[[str], str],
    open_database: Callable[[str], sa.Engine],
    tmp_path: Path,
) -> None:
    """Killed between and inside batches: never half a family, never a row outside the rule; what went is recorded and archived."""
    url = fresh_database(kind)
    engine, rows, chance = open_database(url), 160 * (kills + 2), random.Random(kills)
    _fill(engine, rows)
    for _ in range(kills):
        _kill_after(url, tmp_path, chance.randint(1, 3), chance.random() / 50)
        gone = rows // 2 - _count(engine, OLD)
        assert (_outside(engine), _halves(engine), _recorded(engine)) == (rows // 2, 0, gone)
    assert 0 < _count(engine, OLD) < rows // 2

    subprocess.run([sys.executable, "-c", PROGRAM, url, "run", str(tmp_path)], stdout=subprocess.DEVNULL, check=True)

    assert (_count(engine, OLD), _outside(engine), _halves(engine), _recorded(engine)) == (0, rows // 2, 0, rows // 2)
    visits, pages = ([row[0] for row in read(tmp_path / "old" / f"{name}-run.jsonl")[1]] for name in ("visit", "page"))
    assert visits == list(range(1, rows, 2))
    assert sorted(pages) == [page for number in visits for page in (2 * number, 2 * number + 1)]


def _kill_after(url: str, folder: Path, batches: int, seconds: float) -> None:
    """Kill it some time after so many batches of its own: between two, inside one, or while it commits."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, url, "run", str(folder)], stdout=subprocess.PIPE, env=dict(os.environ)
    )
    assert process.stdout is not None
    for _ in range(batches):
        assert process.stdout.readline()
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()


def _fill(engine: sa.Engine, rows: int = ROWS) -> None:
    """Odd rows are old; each row has two pages."""
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE visit (id INTEGER PRIMARY KEY, made DATE)")
        connection.exec_driver_sql(
            "CREATE TABLE page (id INTEGER PRIMARY KEY, visit INTEGER NOT NULL, FOREIGN KEY (visit) REFERENCES visit (id))"
        )
        connection.exec_driver_sql("CREATE INDEX page_visit ON page (visit)")
        visits = [{"id": number, "made": "2020-01-01" if number % 2 else "2024-01-01"} for number in range(rows)]
        connection.execute(sa.text("INSERT INTO visit VALUES (:id, :made)"), visits)
        pages = [{"id": number, "visit": number // 2} for number in range(2 * rows)]
        connection.execute(sa.text("INSERT INTO page VALUES (:id, :visit)"), pages)


def _recorded(engine: sa.Engine) -> int:
    return _count(engine, "SELECT deleted FROM automation_cleanup")


def _count(engine: sa.Engine, query: str) -> int:
    with engine.connect() as connection:
        return int(connection.exec_driver_sql(query).scalar_one())


def _outside(engine: sa.Engine) -> int:
    return _count(engine, "SELECT count(*) FROM visit WHERE made >= '2022-01-01'")


def _halves(engine: sa.Engine) -> int:
    """Visits that do not have both of their pages."""
    return _count(engine, "SELECT count(*) FROM visit v WHERE (SELECT count(*) FROM page p WHERE p.visit = v.id) <> 2")


@pytest.mark.parametrize(
    "kind",
    [pytest.param("sqlite", marks=pytest.mark.slow), "postgresql", pytest.param("mariadb", marks=pytest.mark.slow)],
)
def test_two_clean_ups_at_once_do_the_work_of_one(
    kind: str, fresh_database: Callable[[str], str], open_database: Callable[[str], sa.Engine]
) -> None:
    """A late worker and its successor get in each other's way without harm, and neither fails."""
    url = fresh_database(kind)
    engine = open_database(url)
    _fill(engine)

    both = [
        subprocess.Popen([sys.executable, "-c", PROGRAM, url, f"run {one}"], stdout=subprocess.DEVNULL)
        for one in range(2)
    ]

    assert [process.wait(100) for process in both] == [0, 0]
    assert (_count(engine, "SELECT count(*) FROM visit"), _outside(engine), _halves(engine)) == (
        ROWS // 2,
        ROWS // 2,
        0,
    )
