"""The doctor's questions to real databases and a real Redis."""

from datetime import UTC, datetime, timedelta

import pytest

from automation.broker import Endpoints
from automation.broker.facts import facts
from automation.errors import BrokerUnavailable
from automation.health.check import Health
from automation.health.machine import check_clock
from automation.health.services import check_ledger, check_ledger_file, check_redis, database_now
from automation.ledger.schema import open_engine, upgrade


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_a_ledger_server_is_examined(fresh_database, kind):
    """A server's ledger is writable at this schema, and its clock is compared with ours."""
    engine = open_engine(fresh_database(kind))
    upgrade(engine)

    (check,) = check_ledger(engine)
    clock = check_clock(datetime.now(UTC), database_now(engine), timedelta(seconds=20))
    engine.dispose()

    assert (check.state, clock.state) == (Health.OK, Health.OK), (check, clock)
    assert "from the database's" in clock.message


@pytest.mark.parametrize("scheme", ["postgresql", "mysql"])
def test_a_server_that_is_away_is_named_without_its_password(scheme):
    """The sentence names the variable to look at, and keeps the password."""
    url = f"{scheme}://ann:hunter2@127.0.0.1:1/ledger"

    (check,) = check_ledger(open_engine(url))

    assert check_ledger_file(url) is None
    assert check.state is Health.FAIL
    assert "AUTOMATION_DATABASE_URL" in check.message
    assert "hunter2" not in check.message


def test_a_given_redis_is_judged_by_its_own_words(needs):
    """INFO of a real server has what the verdict needs."""
    url = needs("redis")

    check = check_redis(facts(Endpoints(url, url)), embedded=False)

    assert "append-only file" in check.message or "noeviction" in check.message


def test_a_redis_that_is_away_is_a_reason():
    """No answer is an error that says where nobody answered."""
    with pytest.raises(BrokerUnavailable, match=r"redis://127\.0\.0\.1:1/0 does not answer"):
        facts(Endpoints("redis://127.0.0.1:1/0", "redis://127.0.0.1:1/0"))
