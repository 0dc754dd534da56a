"""The plugin `cleanup`: what it hands to the engine and what a run keeps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from automation.cleanup.runs import from_python
from automation.database import make_engine
from automation.errors import GiveUp, InvalidInput, JobFailed, Snooze
from automation.plugin import Context

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
    result = do(
        "cleanup",
        ctx=asked,
        unattended=True,
        database="shop",
        table="visit",
        older_than={"column": "made", "age": "36h"},
    )

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
    rule = {"table": "visit", "older_than": {"column": "made", "age": "12h"}, "batch": 1, "unattended": True}
    kept.stop = lambda: bool(kept.told)

    with pytest.raises(Snooze, match="stopped after 1 of 2"):
        do("cleanup", ctx=asked, **rule)
    kept.stop = lambda: False
    result = do("cleanup", ctx=asked, **rule)
    assert (result["deleted"], result["matched"], result["resumed"], result["deleted_is"]) == (2, 2, True, "exact")


def test_nothing_goes_before_the_plan_is_approved(do: Do, asked: dict[str, Any], kept: Any) -> None:
    """The first run makes a plan and says how to approve it; approved, the same rule deletes, and a changed one asks again."""
    calls = asked.pop("calls")
    rule = {"table": "visit", "older_than": {"column": "made", "age": "12h"}}

    held = do("cleanup", ctx=asked, **rule)
    assert (held["deleted"], held["matched"], kept.plans) == (0, 2, {held["plan"]: held})
    assert (calls, "automation approve nightly" in kept.lines[-1]) == ([(None, True)], True)

    kept.approvals.add(held["plan"])
    assert do("cleanup", ctx=asked, **rule, guard={"max_rows": 9})["dry_run"] is True
    assert do("cleanup", ctx=asked, **rule, pace={"budget": "1h"})["deleted"] == 2


def test_many_more_rows_than_ever_are_refused(do: Do, asked: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """What the last runs of the same rule found is remembered, and is what `max_drift` compares with."""
    asked.pop("calls")
    monkeypatch.setattr("automation.cleanup.guards._USUAL", 0)
    state: dict[str, Any] = {}
    rule = {"table": "visit", "older_than": {"column": "made", "age": "36h"}, "guard": {"max_drift": 5}}
    assert do("cleanup", ctx={**asked, "state": state}, unattended=True, **rule)["deleted"] == 1
    with asked["databases"](None, False).begin() as connection:
        for number in range(10, 16):
            connection.exec_driver_sql(f"INSERT INTO visit VALUES ({number}, '2025-01-01')")

    with pytest.raises(
        GiveUp, match=r"6 rows of 'visit' would go, more than guard\.max_drift = 5 times the 1 that went"
    ):
        do("cleanup", ctx={**asked, "state": state}, unattended=True, **rule)


def test_own_python_has_the_last_word(asked: dict[str, Any], context: Callable[..., Context], kept: Any) -> None:
    """`ctx.clean` plans first and asks nobody; approved, it lets go what `before` gives back, each call by itself."""
    asked.pop("calls")
    ctx = context(**asked, cleaner=from_python)
    rule = {"table": "visit", "older_than": {"column": "made", "age": "12h"}}
    seen: list[Any] = []

    held = ctx.clean(before=seen.extend, **rule)
    assert (held["matched"], held["deleted"], seen, kept.plans) == (2, 0, [], {held["plan"]: held})
    kept.approvals.add(held["plan"])
    with pytest.raises(JobFailed, match=r"before gave \{'id': 1\}; give back rows that it got"):
        ctx.clean(before=lambda _rows: [{"id": 1}], **rule)
    result = ctx.clean(before=lambda rows: rows[:1], **rule)
    assert (result["deleted"], result["kept"], result["remaining"]) == (1, 1, 1)
    assert ctx.clean(before=lambda _rows: None, **rule, unattended=True, max_rows=5)["deleted"] == 1
    assert list(ctx.state["matched"]) == [result["plan"], ctx.clean(**rule, max_rows=5, dry_run=True)["plan"]]


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"table": "visit"}, "ctx.clean: parameters: Value error, nothing says which rows"),
        ({"tabel": "visit"}, "tabel: Extra inputs"),
        ({"files": {"folder": "logs", "age": "1d"}}, "'before' is for rows"),
    ],
)
def test_own_python_is_told_what_is_wrong(context: Callable[..., Context], params: dict[str, Any], said: str) -> None:
    """Parameters are those of the plugin."""
    with pytest.raises(InvalidInput, match=said):
        context(cleaner=from_python).clean(before=lambda _rows: None, **params)
