"""Firing without a scheduler: the same decisions, and only for the configuration that is the active one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from automation.clock import FrozenClock
from automation.scheduler.activate import activate
from automation.scheduler.stand_in import StandIn
from automation.services import Services, build_services
from automation.testing.bell import Bell

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTELY = '[jobs.tidy]\nplugin = "shell"\nevery = "1m"\noverlap = "allow"\nparams = { command = "true" }\n'


def declare(services: Services, text: str) -> None:
    folder = services.settings.project / "schedules"
    folder.mkdir(exist_ok=True)
    (folder / "jobs.toml").write_text(text)


def pass_time(services: Services, **span: float) -> None:
    assert isinstance(services.clock, FrozenClock)
    services.clock.sleep(timedelta(**span).total_seconds())


@pytest.fixture
def services(tmp_path: Path, give_ledger: Callable[[Path], None]) -> Services:
    """A project that a scheduler has led with once."""
    made = build_services(tmp_path, clock=FrozenClock(START), environ={})
    declare(made, MINUTELY)
    give_ledger(tmp_path)
    activate(made, made.read_project(), "a scheduler")
    return made


def fired(services: Services) -> list[datetime | None]:
    return sorted(run.nominal_time for run in services.ledger.queries.runs(limit=100) if run.nominal_time)


def test_what_is_due_is_recorded_once_however_many_stand_in(services: Services) -> None:
    """Two workers that do it at the same time record, and ring for, each due time once."""
    bells = [Bell(), Bell()]
    workers = [StandIn(services, bell) for bell in bells]
    for _ in range(3):
        for worker in workers:
            worker.fire()
        pass_time(services, minutes=1)
    for worker in workers:
        worker.fire()

    assert fired(services) == [START + timedelta(minutes=n) for n in (1, 2, 3)]
    assert len(bells[0].messages + bells[1].messages) == 3


def test_nothing_is_fired_of_other_files(services: Services) -> None:
    """Until they are the active configuration again; that is looked for now and then."""
    declare(services, MINUTELY.replace("1m", "30s"))
    worker = StandIn(services, Bell())
    pass_time(services, minutes=1)
    worker.fire()
    assert fired(services) == []
    declare(services, MINUTELY)
    pass_time(services, seconds=11)
    worker.fire()

    assert fired(services) == [START + timedelta(minutes=1)]


def test_a_newer_configuration_is_learnt_and_the_older_one_is_not_fired(services: Services) -> None:
    """A scheduler came back for a moment, with changed files."""
    worker = StandIn(services, Bell())
    worker.fire()
    declare(services, MINUTELY.replace("tidy", "other"))
    activate(services, services.read_project(), "a scheduler")
    pass_time(services, minutes=1)
    worker.fire()

    assert {run.job for run in services.ledger.queries.runs(limit=100)} == {"other"}


class LeapingClock(FrozenClock):
    """Leaps ahead by two hours just before it is read for the n-th time."""

    reads_left = -1

    def now(self) -> datetime:
        self.reads_left -= 1
        if self.reads_left == 0:
            self._now += timedelta(hours=2)
        return super().now()


@pytest.mark.parametrize("reads", [1, 5, 8, 10, 11])
def test_a_clock_that_leaps_in_the_midst_of_a_round_decides_nothing_by_it(
    tmp_path: Path, give_ledger: Callable[[Path], None], reads: int
) -> None:
    """Whatever was looked at just before: in the two hours that may be taken back, nothing is fired."""
    clock = LeapingClock(START)
    services = build_services(tmp_path, clock=clock, environ={})
    declare(services, MINUTELY)
    give_ledger(tmp_path)
    activate(services, services.read_project(), "a scheduler")
    worker = StandIn(services, Bell())
    clock.reads_left = reads
    for _ in range(3):
        worker.fire()
        pass_time(services, seconds=1)

    assert clock.reads_left <= 0
    assert fired(services) == []


def test_before_any_scheduler_has_led_there_is_nothing_to_stand_in_for(
    tmp_path: Path, give_ledger: Callable[[Path], None]
) -> None:
    """Which files count has not been said yet."""
    services = build_services(tmp_path, clock=FrozenClock(START), environ={})
    declare(services, MINUTELY)
    give_ledger(tmp_path)
    worker = StandIn(services, Bell())
    worker.fire()
    pass_time(services, minutes=5)
    worker.fire()

    assert fired(services) == []
