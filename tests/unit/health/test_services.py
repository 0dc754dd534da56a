"""What the doctor says about ledger, broker, scheduler and workers."""

import shutil
from datetime import UTC, datetime, timedelta

import pytest

from automation.database import make_engine
from automation.errors import BrokerUnavailable
from automation.health.check import Health
from automation.health.services import (
    check_ledger,
    check_ledger_file,
    check_queue,
    check_redis,
    check_scheduler,
    check_workers,
)
from automation.ledger.rows import ProcessRow
from automation.ledger.schema import head

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def process(name, *, seconds_ago=2, **info):
    return ProcessRow(name, name[0], "host", 7, NOW, NOW - timedelta(seconds=seconds_ago), None, info)


@pytest.fixture
def ledger_url(tmp_path, empty_ledger):
    return f"sqlite:///{shutil.copyfile(empty_ledger, tmp_path / 'ledger.db')}"


def test_a_ledger_that_can_be_written_is_fine(ledger_url):
    """The schema's version is shown."""
    (check,) = check_ledger(make_engine(ledger_url, pooled=False))

    assert check.state is Health.OK
    assert f"schema {head()}" in check.message


def test_a_ledger_that_cannot_be_written_is_said(ledger_url):
    """A read-only ledger fails before a worker finds out."""
    (check,) = check_ledger(make_engine(ledger_url, pooled=False, read_only=True))

    assert check.state is Health.FAIL
    assert "readonly" in check.message


def test_a_ledger_without_tables_names_the_command(tmp_path):
    """An empty database is not a ledger yet."""
    (check,) = check_ledger(make_engine(f"sqlite:///{tmp_path / 'empty.db'}", pooled=False))

    assert check.state is Health.FAIL
    assert "automation db upgrade" in check.message


def test_a_damaged_ledger_is_not_taken_for_a_good_one(tmp_path):
    """A file that is no database fails with a sentence, not with a traceback."""
    (tmp_path / "ledger.db").write_bytes(b"no database at all " * 500)

    (check,) = check_ledger(make_engine(f"sqlite:///{tmp_path / 'ledger.db'}", pooled=False))

    assert check.state is Health.FAIL
    assert "AUTOMATION_DATABASE_URL" in check.message


@pytest.mark.parametrize(
    ("info", "embedded", "state", "said"),
    [
        (
            {"valkey_version": "9.1.2", "server_name": "valkey", "aof_enabled": 1},
            True,
            Health.OK,
            "valkey 9.1.2, embedded",
        ),
        ({"redis_version": "7.2.0", "aof_enabled": 0}, False, Health.WARN, "append-only"),
        ({"redis_version": "7.2.0", "maxmemory_policy": "allkeys-lru"}, False, Health.FAIL, "noeviction"),
        (BrokerUnavailable("Refused."), True, Health.FAIL, "Refused; start it with: automation up"),
        (BrokerUnavailable("Refused."), False, Health.FAIL, "AUTOMATION_BROKER_URL"),
    ],
)
def test_a_redis_is_judged_by_what_it_says(info, embedded, state, said):
    """A broker that forgets, evicts or does not answer is told from a good one."""
    check = check_redis(info, embedded=embedded)

    assert check.state is state
    assert said in check.message


def test_a_queue_that_does_not_answer_fails():
    """A broker that is no Redis is judged by whether its queue can be asked."""
    assert check_queue(3).message == "answers, 3 messages waiting"
    assert check_queue(BrokerUnavailable("no")).state is Health.FAIL


def test_looking_for_a_ledger_does_not_make_one(tmp_path):
    """The doctor of a project that never ran says so, and leaves no file."""
    check = check_ledger_file(f"sqlite:///{tmp_path / 'ledger.db'}")

    assert check.state is Health.FAIL
    assert "automation db upgrade" in check.message
    assert list(tmp_path.iterdir()) == []


def test_workers_are_counted_by_their_heartbeat():
    """No worker is a failure; living ones are named with the age of their sign of life."""
    assert check_workers([], NOW).state is Health.FAIL
    assert check_workers([process("w1")], NOW).message == "1 worker: w1 (2s ago)"


@pytest.mark.parametrize(
    ("rows", "state"),
    [
        ([], Health.FAIL),
        ([process("s1", leader=False)], Health.WARN),
        ([process("s1", leader=True), process("s2", leader=False)], Health.OK),
    ],
)
def test_a_scheduler_must_lead(rows, state):
    """Nothing fires without a leader ."""
    assert check_scheduler(rows, NOW).state is state
