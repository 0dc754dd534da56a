"""A process as others see it."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from automation.ledger.rows import ProcessRow
from automation.sight import Sight, running


@pytest.fixture
def row() -> ProcessRow:
    """This process, as it reported itself."""
    sight = Sight("worker", {"queues": ["a"]})
    now = datetime.now(UTC)
    return ProcessRow(sight.name, sight.kind, sight.host, sight.pid, sight.started_at, now, None, sight.info)


def test_process_that_runs_is_alive(row: ProcessRow) -> None:
    """The same pid, started at the same moment, to a second."""
    assert row.pid == os.getpid()
    assert Sight.is_alive(row)
    assert Sight.is_alive(replace(row, started_at=row.started_at + timedelta(milliseconds=500)))


def test_process_is_alive_after_the_clock_was_set(row: ProcessRow) -> None:
    """Its start is an hour away by the clock then, and the same from the boot; else all its runs would be done twice."""
    reported = replace(row, info={"since_boot": Sight("worker").since_boot})

    assert Sight.is_alive(replace(reported, started_at=row.started_at - timedelta(hours=1)))
    assert not Sight.is_alive(replace(reported, info={"since_boot": reported.info["since_boot"] - 2}))


def test_pid_of_another_process_is_not_it(row: ProcessRow) -> None:
    """After a restart of the machine the pid may be somebody else's; or nobody's."""
    assert not Sight.is_alive(replace(row, started_at=row.started_at - timedelta(seconds=2)))
    assert not Sight.is_alive(replace(row, pid=2**22 + 1))


def test_names_are_never_used_twice() -> None:
    """Not even by the same process, and they fit their column."""
    names = {Sight("worker").name for _ in range(20)}

    assert len(names) == 20
    assert all(name.startswith("worker@") and len(name) <= 120 for name in names)


def test_report_says_who_and_where() -> None:
    """Once for each sign of life."""
    told: list[tuple[Any, ...]] = []

    class Processes:
        def report(self, *given: Any) -> None:
            told.append(given)

    sight = Sight("scheduler", {"queues": []})
    sight.report(Processes())  # type: ignore[arg-type]

    info = {"queues": [], "since_boot": sight.since_boot}
    assert told == [(sight.name, "scheduler", sight.host, os.getpid(), sight.started_at, info)]


def test_a_process_that_was_killed_here_does_not_count(row: ProcessRow) -> None:
    """Its sign of life is a moment old, and its pid is gone; of another host nobody can tell."""
    killed = replace(row, pid=2**22 + 1)
    elsewhere = replace(killed, host="elsewhere")
    assert running([row, killed, elsewhere]) == [row, elsewhere]
