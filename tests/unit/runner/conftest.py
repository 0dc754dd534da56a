"""A project's services on a ledger of SQLite, with a clock that stands still."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from automation.clock import FrozenClock
from automation.ledger.ids import new_id
from automation.ledger.rows import NewRun, RunRow
from automation.ledger.runs import Claimant
from automation.ledger.states import Kind
from automation.project.order import RunSpec
from automation.retry import RetryPolicy
from automation.services import Services, build_services

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def services(request: pytest.FixtureRequest, tmp_path: Path, give_ledger: Callable[[Path], None]) -> Iterator[Services]:
    """Those of a project that has the `FILES` of the tests' own module, if it names any."""
    for name, text in getattr(request.module, "FILES", {}).items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    made = build_services(tmp_path, clock=FrozenClock(NOON), environ={})
    give_ledger(tmp_path)
    yield made
    made.close()


@pytest.fixture
def running(services: Services) -> Callable[..., RunRow]:
    """`running(job=…)`: a run that this process has claimed."""

    def make(**values: Any) -> RunRow:
        spec = RunSpec({}, timedelta(minutes=1), timedelta(seconds=30), RetryPolicy(jitter="none"))
        common: dict[str, Any] = {
            "id": new_id(), "job": "books", "plugin": "scrape", "kind": Kind.MANUAL, "nominal_time": NOON,
            "window_start": NOON, "queued_at": NOON, "due_at": NOON, "max_attempts": 3, "queue": "default",
            "priority": 5, "spec": spec.to_json(),
        }  # fmt: skip
        run = NewRun(**{**common, **values})
        assert services.ledger.runs.add(run)
        claimed = services.ledger.runs.claim(
            run.id, Claimant("w1", 42), timedelta(seconds=20), lambda _run: timedelta(minutes=5)
        )
        assert claimed is not None
        return claimed

    return make
