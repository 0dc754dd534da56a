"""What a scheduler does now and then: how often, and what makes it look at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from automation.clock import FrozenClock, StepWatch
from automation.queue.enqueue import Request, record
from automation.scheduler.housekeeping import Housekeeping
from automation.services import Services, build_services
from automation.sight import Sight

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LOST = {("books", "main")}


class Entries:
    """In place of RedBeat's: what is missing, and what was written again."""

    def __init__(self) -> None:
        self.missing: set[tuple[str, str]] = set()
        self.looks = 0
        self.installed: list[dict[tuple[str, str], datetime]] = []

    def some_missing(self) -> set[tuple[str, str]]:
        self.looks += 1
        return self.missing

    def install(self, cursors: dict[tuple[str, str], datetime]) -> None:
        self.installed.append(cursors)


class Bell:
    """Counts how often it was asked to ring."""

    def __init__(self) -> None:
        self.rung = 0

    def ring(self, _ledger: object, _waiting: object) -> int:
        self.rung += 1
        return 0

    def ring_silent(self, _ledger: object) -> None:
        """Nothing is silent here."""


@pytest.fixture
def services(tmp_path: Path, give_ledger: Callable[[Path], None]) -> Iterator[Services]:
    """A project with one job, which has a run that waits."""
    (tmp_path / "schedules").mkdir()
    (tmp_path / "schedules" / "a.toml").write_text('[jobs.books]\nplugin = "shell"\nparams.command = "true"\n')
    made = build_services(tmp_path, clock=FrozenClock(NOON), environ={})
    give_ledger(tmp_path)
    record(made, Request("books", {}))
    yield made
    made.close()


class House:
    """A scheduler's housekeeping with all that it looks at."""

    def __init__(self, services: Services) -> None:
        self.services, self.entries, self.bell, self.sight = services, Entries(), Bell(), Sight("scheduler")
        watch = StepWatch(services.clock, timedelta(seconds=20))
        self.keeping = Housekeeping(services, self.entries, self.bell, self.sight, watch)  # type: ignore[arg-type]

    def keep(self, seconds: float) -> None:
        """Ten rounds a second, for so long."""
        for _ in range(int(seconds * 10)):
            self.keeping.keep()
            self.services.clock.sleep(0.1)

    def reported(self) -> list[object]:
        return [row.info.get("leader") for row in self.services.ledger.processes.alive("scheduler")]


@pytest.fixture
def house(services: Services) -> House:
    return House(services)


def test_runs_are_looked_at_each_second_and_entries_each_ten(house: House) -> None:
    """However often the scheduler goes round."""
    house.keep(20)

    assert 18 <= house.bell.rung <= 20
    assert house.entries.looks == 2


def test_a_doubt_or_a_run_that_waits_is_looked_at_in_the_next_round(house: House) -> None:
    """A lock that was lost, or a retry that falls due, does not wait for its turn."""
    house.keep(0.1)
    house.keeping.doubt_entries()
    house.keeping.look_next_time()
    house.keep(0.1)

    assert (house.bell.rung, house.entries.looks) == (2, 2)


def test_entries_that_are_lost_are_written_as_the_ledger_has_them(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    """And it is said how many they were; what the ledger does not know is not made up."""
    house.services.ledger.occurrences.activate("d", {("books", "main"): {"every": "1h"}}, "scheduler@host")
    house.entries.missing = LOST
    house.keep(0.1)

    assert house.entries.installed == [{("books", "main"): NOON}]
    assert "1 entry missing or changed in Redis; restored from the ledger" in caplog.text


def test_a_change_of_what_is_told_is_reported_at_once(house: House) -> None:
    """A new leader is seen before its next sign of life is due; what stays the same waits for it."""
    told = []
    for leads in (False, False, True):
        house.keeping.report({"leader": leads})
        told.append(house.reported())

    assert told == [[False], [False], [True]]
