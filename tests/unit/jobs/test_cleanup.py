"""The plugin `cleanup`: what it hands to the engine and what a run keeps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from automation.database import make_engine
from automation.errors import Snooze

Do = Callable[..., dict[str, Any]]


@pytest.fixture
def asked(tmp_path: Path) -> dict[str, Any]:
    """A context with one database of two rows, which remembers how it was asked for."""
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    with make_engine(url).begin() as connection:
        connection.exec_driver_sql("CREATE TABLE visit (id INTEGER PRIMARY KEY, made TEXT)")
        connection.exec_driver_sql("INSERT INTO visit VALUES (1, '2025-12-30'), (2, '2025-12-31')")
    calls: list[tuple[str | None, bool]] = []

    def databases(name: str | None, read_only: bool) -> sa.Engine:
        calls.append((name, read_only))
        return make_engine(url, read_only=read_only)

    return {"databases": databases, "calls": calls}


def test_ages_count_from_the_nominal_time(do: Do, asked: dict[str, Any], kept: Any) -> None:
    """The run of noon, 1 January deletes what ended 36 hours before, whenever it runs."""
    calls = asked.pop("calls")
    result = do("cleanup", ctx=asked, database="shop", table="visit", older_than={"column": "made", "age": "36h"})

    assert (result["cutoff"], result["deleted"], result["remaining"]) == ("2025-12-31T00:00:00Z", 1, 1)
    assert (calls, kept.told) == ([("shop", False)], [(1, 1)])


@pytest.mark.parametrize(("ctx", "params"), [({"dry_run": True}, {}), ({}, {"dry_run": True})])
def test_dry_run_cannot_write(do: Do, asked: dict[str, Any], ctx: dict[str, Any], params: dict[str, Any]) -> None:
    """Asked for by the run or by the job, it gets a database that refuses writes."""
    calls = asked.pop("calls")
    result = do("cleanup", ctx={**asked, **ctx}, table="visit", older_than={"column": "made", "age": "36h"}, **params)

    assert (result["dry_run"], result["matched"], result["deleted"]) == (True, 1, 0)
    assert calls == [(None, True)]


def test_stopped_run_says_how_far_it_came_and_is_continued(do: Do, asked: dict[str, Any], kept: Any) -> None:
    """A worker that leaves hands the rest back; no attempt is spent, and what was deleted stays so."""
    asked.pop("calls")
    rule = {"table": "visit", "older_than": {"column": "made", "age": "12h"}, "batch": 1}
    kept.stop = lambda: bool(kept.told)

    with pytest.raises(Snooze, match="stopped after 1 of 2 rows"):
        do("cleanup", ctx=asked, **rule)
    kept.stop = lambda: False
    assert do("cleanup", ctx=asked, **rule)["deleted"] == 1
