"""When a worker takes the schedulers for gone."""

from __future__ import annotations

import signal
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from automation.clock import FrozenClock
from automation.services import Services, build_services
from automation.worker.task import StandInTask
from automation.worker.vigil import scheduler_leads

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def services(tmp_path: Path, give_ledger: Callable[[Path], None]) -> Services:
    """A project with an active configuration, whose leader reports now; who is given up after 15 s."""
    made = build_services(tmp_path, clock=FrozenClock(START), environ={})
    give_ledger(tmp_path)
    ledger = made.ledger
    ledger.occurrences.activate("digest", {}, "s1")
    ledger.processes.report("s1", "scheduler", "here", 1, START, {"leader": True})
    return made


def test_a_leader_that_left_in_order_has_led_until_then(services: Services) -> None:
    """The next one may be on its way: a deployment stops the one before it starts the other."""
    services.ledger.processes.stopped("s1")
    assert scheduler_leads(services)
    services.clock.sleep(16)
    assert not scheduler_leads(services)


def test_one_that_only_stands_by_leads_nobody(services: Services) -> None:
    """Nor does one that has not been heard of for as long as the setting says."""
    services.clock.sleep(16)
    services.ledger.processes.report("s2", "scheduler", "here", 2, START, {"leader": False})
    assert not scheduler_leads(services)


class Child:
    """What a task of a child process works with, as far as it matters here."""

    def __init__(self, services: Services, *, leaves: bool) -> None:
        self.services, self._leaves = services, leaves
        self.stand_in = self
        self.fired = 0

    def leaving(self) -> bool:
        return self._leaves

    def fire(self) -> None:
        self.fired += 1


@pytest.mark.parametrize(("leaves", "fired"), [(False, 1), (True, 0)])
def test_a_worker_that_leaves_fires_nothing_more(services: Services, leaves: bool, fired: int) -> None:
    """What it would fire then is nobody's at the end of a whole project's stop."""
    services.clock.sleep(16)
    child, task = Child(services, leaves=leaves), StandInTask()
    task.child = child  # type: ignore[assignment]
    heard = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)}
    try:
        task.run()
    finally:
        for number, handler in heard.items():
            signal.signal(number, handler)
    assert child.fired == fired
