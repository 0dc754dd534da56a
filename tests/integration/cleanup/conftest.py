"""What clean-up tests need: a database of their own, and a clean-up in one line."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from automation.cleanup.clean import Work, clean
from automation.cleanup.rule import CleanupParams
from automation.clock import FrozenClock
from automation.database import make_engine

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def open_database(request: pytest.FixtureRequest) -> Any:
    """`open_database(url)`: an engine that is closed when the test ends, before its database is dropped."""

    def open_it(url: str) -> sa.Engine:
        engine = make_engine(url, pooled=False)
        request.addfinalizer(engine.dispose)
        return engine

    return open_it


@pytest.fixture
def sweep() -> Callable[..., dict[str, Any]]:
    """`sweep(engine, table=…, …)`: a clean-up of rows before 2022 by `made`, unless said otherwise."""

    def run(engine: sa.Engine, *, now: datetime = NOW, **params: Any) -> dict[str, Any]:
        hooks = {
            name: params.pop(name)
            for name in ("cancelled", "progress", "clock", "key", "folder", "databases", "marks", "before")
            if name in params
        }
        if not params.keys() & {"rules", "keep_last", "orphans_of", "duplicates_by", "soft_deleted"}:
            params.setdefault("older_than", {"column": "made", "before": "2022-01-01"})
        model = CleanupParams.model_validate(params)
        log = logging.getLogger("automation.test")
        return clean(engine, model, Work(now=now, log=log, **{"clock": FrozenClock(now), **hooks}))

    return run
