"""A page over a ledger that somebody else keeps locked."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from automation.ledger.ledger import Ledger
from automation.ledger.schema import open_engine, upgrade
from automation.web.patience import bound_waits

LOCK = {
    "postgresql": "LOCK TABLE automation_runs IN ACCESS EXCLUSIVE MODE",
    "mariadb": "LOCK TABLES automation_runs WRITE",
}


@pytest.mark.parametrize("kind", [*LOCK])
def test_a_migration_that_goes_on_hangs_no_page(fresh_database, clock, kind):
    """What reads a table that is locked as a whole gives up, so that there is an answer; later it reads on."""
    engine = open_engine(fresh_database(kind))
    upgrade(engine)
    ledger, other = Ledger(engine, clock), open_engine(engine.url)
    bound_waits(engine, seconds=1)
    with other.connect() as connection:
        connection.execute(sa.text(LOCK[kind]))
        with pytest.raises(sa.exc.OperationalError):
            ledger.queries.counts()
        connection.execute(sa.text("UNLOCK TABLES" if kind == "mariadb" else "SELECT 1"))
        connection.rollback()
        assert ledger.queries.counts() == {}
    other.dispose()
    ledger.close()
