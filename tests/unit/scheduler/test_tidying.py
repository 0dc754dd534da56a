"""Retention beside firing: who does it, how often, and that a mistake only makes it wait."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

import pytest

from automation.clock import FrozenClock
from automation.ledger.ids import new_id
from automation.ledger.rows import NewRun
from automation.ledger.states import Kind, State
from automation.scheduler.tidying import Tidying
from automation.services import build_services

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def services(tmp_path, give_ledger):
    """A ledger with two runs that were missed long ago, of which one stays."""
    (tmp_path / "schedules").mkdir()
    (tmp_path / "automation.toml").write_text("[retention]\nkeep_last = 1\n")
    clock = FrozenClock(NOON)
    services = build_services(tmp_path, clock=clock, environ={})
    give_ledger(tmp_path)
    ledger = services.ledger
    common = {"max_attempts": 1, "queue": "default", "priority": 5, "spec": {}, "state": State.MISSED}
    for days in (20, 19):
        at = NOON - timedelta(days=days)
        ledger.runs.add(NewRun(new_id(), "books", "shell", Kind.MANUAL, at, at, at, at, **common))
    yield services
    services.close()


def go_on(services, tidying, seconds, *, leads=True):
    """As many rounds, a second each; how many runs are left."""
    for _ in range(seconds):
        tidying.step(leads=leads)
        services.clock.advance(seconds=1)
    return len(services.ledger.queries.runs())


def test_the_leader_takes_out_what_is_old(services, caplog):
    """Not in its first minute, in which there is enough to do; and it says what went."""
    tidying = Tidying(services)
    assert go_on(services, tidying, 60) == 2
    with caplog.at_level(logging.INFO):
        assert go_on(services, tidying, 60) == 1
    assert "Retention took out runs: 1" in caplog.text


def test_who_does_not_lead_deletes_nothing(services):
    """And begins anew when it leads."""
    tidying = Tidying(services)
    go_on(services, tidying, 61)
    assert go_on(services, tidying, 300, leads=False) == 2
    assert go_on(services, tidying, 60) == 1


def test_a_mistake_makes_it_wait_until_it_is_mended(services, caplog):
    """Nothing is deleted by an age that nobody wrote."""
    (services.settings.project / "automation.toml").write_text("[retention]\nkeep_lst = 1\n")
    tidying = Tidying(services)
    assert go_on(services, tidying, 300) == 2
    assert [line for line in caplog.messages if "unknown key 'keep_lst'" in line] != []
    (services.settings.project / "automation.toml").write_text("[retention]\nkeep_last = 1\n")
    assert go_on(services, tidying, 600) == 1
