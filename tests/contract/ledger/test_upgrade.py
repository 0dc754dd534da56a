"""A ledger that an older program has worked with, on every database."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from alembic import command
from alembic.config import Config

import automation
from automation.clock import FrozenClock
from automation.ledger.ledger import Ledger
from automation.ledger.runs import Claimant
from automation.ledger.schema import head, open_engine, upgrade
from automation.ledger.states import State
from automation.ledger.tables import runs

LEASE = timedelta(seconds=20)
#: What a row had when the ledger's schema was the first.
FIRST = {"job": "books", "plugin": "scrape", "kind": "manual", "max_attempts": 3, "queue": "default", "priority": 5}


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def old(request: pytest.FixtureRequest, fresh_database: Callable[[str], str], noon):
    """A ledger of the first schema with a run in each state that is not the end, and one that ended."""
    engine = open_engine(fresh_database(request.param))
    config = Config()
    config.set_main_option("script_location", f"{automation.__path__[0]}/migrations")
    times = dict.fromkeys(("nominal_time", "window_start", "queued_at", "due_at"), noon)
    begun = {"attempt": 1, "started_at": noon, "worker": "w0", "lease_until": noon}
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    with engine.begin() as connection:
        for state in (State.QUEUED, State.RETRYING, State.RUNNING, State.SUCCEEDED):
            more = {} if state is State.QUEUED else begun
            connection.execute(
                runs.insert().values(id=state, state=state, spec={"params": {"a": 1}}, **FIRST, **times, **more)
            )
    yield engine
    engine.dispose()


def test_what_was_open_runs_once_after_an_upgrade(old, noon):
    """Nothing is lost and nothing doubled: eight that ask for each get it once, and the run at work keeps its lease."""
    assert upgrade(old) == ("0001", head())
    ledger = Ledger(old, FrozenClock(noon + timedelta(seconds=1)))
    assert {run.id for run in ledger.leases.unpublished()} == {"queued", "retrying"}
    assert [run.id for run in ledger.leases.expired()] == ["running"]

    def claim(run_id: str) -> bool:
        return ledger.runs.claim(run_id, Claimant("w1", 1), LEASE, lambda _run: LEASE) is not None

    with ThreadPoolExecutor(8) as pool:
        for run_id in ("queued", "retrying", "running", "succeeded"):
            assert sum(pool.map(claim, [run_id] * 8)) == (run_id in ("queued", "retrying"))


def test_what_was_open_counts_as_a_run_of_its_job(old, noon):
    """The next scheduled one sees it; what had ended counts for nothing."""
    upgrade(old)
    ledger = Ledger(old, FrozenClock(noon))
    assert {run.id for run in ledger.occurrences.open_runs(["books"])["books"]} == {"queued", "running", "retrying"}
    assert ledger.queries.run("succeeded").overlap_key is None
    assert ledger.queries.run("queued").max_running is None
