"""An empty ledger on each database, with a clock that stands still."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from automation.clock import FrozenClock
from automation.ledger.ids import new_id
from automation.ledger.ledger import Ledger
from automation.ledger.rows import NewRun, RunRow
from automation.ledger.runs import Claimant
from automation.ledger.schema import open_engine, upgrade
from automation.ledger.states import Kind
from automation.ledger.tables import metadata

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LEASE = timedelta(seconds=20)


@dataclass
class Desk:
    """A ledger, its clock, and short words for what tests do all the time."""

    ledger: Ledger
    clock: FrozenClock

    def new(self, **values: Any) -> NewRun:
        now = self.clock.now()
        common = {
            "id": new_id(),
            "job": "books",
            "plugin": "scrape",
            "kind": Kind.MANUAL,
            "nominal_time": now,
            "window_start": now,
            "queued_at": now,
            "due_at": now,
            "max_attempts": 3,
            "queue": "default",
            "priority": 5,
            "spec": {"params": {"start": "https://example.com/"}},
        }
        return NewRun(**{**common, **values})

    def queued(self, **values: Any) -> str:
        run = self.new(**values)
        assert self.ledger.runs.add(run)
        return run.id

    def claim(self, run_id: str, worker: str = "w1") -> RunRow | None:
        return self.ledger.runs.claim(run_id, Claimant(worker, 42), LEASE, lambda _run: timedelta(minutes=5))

    def running(self, worker: str = "w1", **values: Any) -> RunRow:
        run = self.claim(self.queued(**values), worker)
        assert run is not None
        return run


@pytest.fixture(scope="session")
def engine_of(lasting_database: Callable[[str], str]) -> Iterator[Callable[[str], sa.Engine]]:
    """`engine_of(kind)`: an engine on a ledger without rows.

    One for all tests of a process, since migrations, connecting and compiling statements take longer than most tests.
    """
    engines: dict[str, sa.Engine] = {}

    def empty(kind: str) -> sa.Engine:
        if kind in engines:
            _empty(engines[kind])
        else:
            engine = open_engine(lasting_database(kind))
            upgrade(engine)
            engines[kind] = engine
        return engines[kind]

    yield empty
    for engine in engines.values():
        engine.dispose()


#: A table's numbers begin at 1 again; SQLite's do when it is empty.
_RESTART = {
    "postgresql": "SELECT setval(pg_get_serial_sequence('{0}', '{1}'), 1, false)",
    "mysql": "ALTER TABLE {0} AUTO_INCREMENT = 1",
}


def _empty(engine: sa.Engine) -> None:
    statement = _RESTART.get(engine.dialect.name, "")
    with engine.begin() as connection:
        used = [table for table in reversed(metadata.sorted_tables) if connection.execute(table.delete()).rowcount]
        for table in used:
            if statement and table.autoincrement_column is not None:
                connection.exec_driver_sql(statement.format(table.name, table.autoincrement_column.name))


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def desk(request: pytest.FixtureRequest, engine_of: Callable[[str], sa.Engine]) -> Desk:
    clock = FrozenClock(NOON)
    return Desk(Ledger(engine_of(request.param), clock), clock)


@pytest.fixture
def noon() -> datetime:
    """When the clock stands."""
    return NOON
