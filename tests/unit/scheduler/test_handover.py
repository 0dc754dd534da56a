"""A rule changes while a fire of the old one is put off: it starts when it was planned, and once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from automation.clock import FrozenClock
from automation.ledger.rows import NewRun
from automation.project.model import Project
from automation.scheduler.activate import activate
from automation.scheduler.handover import put_off
from automation.services import Services, build_services

BEGIN = datetime(2026, 3, 2, 11, 50, tzinfo=UTC)
NOW = datetime(2026, 3, 2, 12, 10, tzinfo=UTC)
CALENDAR = '[calendars.work]\nweekly = ["mon 09:00-18:00"]\n'
RULES = {
    "deferred": 'cron = "*/5 * * * *"\nnot_during = ["work"]\non_blackout = "defer"',
    "jittered": 'cron = "0 * * * *"\njitter = "30m"\njitter_mode = "stable"',
    "plain": 'cron = "0 * * * *"',
}


@pytest.fixture
def services(tmp_path: Path, give_ledger: Callable[[Path], None]) -> Iterator[Services]:
    made = build_services(tmp_path, clock=FrozenClock(BEGIN), environ={})
    give_ledger(tmp_path)
    yield made
    made.close()


def project(services: Services, rule: str, name: str = "books", more: str = "") -> Project:
    folder = services.settings.project / "schedules"
    folder.mkdir(exist_ok=True)
    text = f'{CALENDAR}[jobs.{name}]\nplugin = "shell"\n{rule}\n{more}\nparams.command = "true"\n'
    (folder / "a.toml").write_text(text)
    found = services.read_project()
    assert not found.errors
    return found


def owed(services: Services, rule: str, after: Project) -> list[NewRun]:
    """What is recorded as the project changes 20 minutes after its begin; nothing was due in between."""
    before = project(services, rule)
    activate(services, before, "s")
    services.clock.advance(minutes=20)
    return [run for one in put_off(services.ledger, before, after, NOW) for run in one.runs]


def queued(runs: list[NewRun]) -> list[NewRun]:
    return [run for run in runs if run.state == "queued"]


@pytest.mark.parametrize("name", ["books", "renamed"])
def test_a_deferred_fire_runs_at_the_end_of_the_blackout(services: Services, name: str) -> None:
    """One run for all that were put off to that instant; also where the job gets another name."""
    after = project(services, 'cron = "1 2 * * *"', name, 'replaces = "books"' if name != "books" else "")

    runs = owed(services, RULES["deferred"], after)
    assert [(run.nominal_time, run.due_at) for run in queued(runs)] == [(NOW, NOW.replace(hour=18, minute=0))]
    assert {run.queued_at for run in runs} == {NOW}
    assert [run.nominal_time for run in runs] == [BEGIN + n * timedelta(minutes=5) for n in range(1, 5)]
    assert all(run.reason.startswith("merged: ") for run in runs[:-1])


def test_a_jittered_fire_keeps_its_planned_time(services: Services) -> None:
    """If that lies ahead; else it was decided before."""
    before = project(services, RULES["jittered"])
    planned = before.job("books").schedules[0].planned(NOW.replace(minute=0)).time
    after = project(services, 'cron = "1 2 * * *"')

    runs = owed(services, RULES["jittered"], after)
    assert [(run.nominal_time.minute, run.planned_time, run.due_at) for run in runs] == [
        (0, planned, max(NOW, planned))
    ]


def test_a_rule_that_stays_owes_nothing(services: Services) -> None:
    """It decides its own fires."""
    assert owed(services, RULES["deferred"], project(services, RULES["deferred"])) == []


@pytest.mark.parametrize(
    ("after", "name", "said"),
    [
        (RULES["plain"], "other", "removed: the job was taken out of the files before it was to start"),
        (f"{RULES['plain']}\nenabled = false", "books", "removed: the job was disabled before it was to start"),
        ("schedules = [{ id = 'b', every = '1h' }]", "books", "removed: its schedule was taken out of the files before it was to start"),
    ],
)  # fmt: skip
def test_what_was_put_off_by_a_schedule_that_goes_is_skipped_with_the_reason(
    services: Services, after: str, name: str, said: str
) -> None:
    """Nothing that fell due leaves no record."""
    runs = owed(services, RULES["deferred"], project(services, after, name))
    assert [run.nominal_time for run in runs] == [BEGIN + n * timedelta(minutes=5) for n in range(1, 5)]
    assert {run.state for run in runs} == {"skipped"}
    assert runs[-1].reason == said


def test_a_file_that_cannot_be_read_takes_no_schedule_out(services: Services) -> None:
    """What is put off then waits for the file."""
    before = project(services, RULES["deferred"])
    activate(services, before, "s")
    (services.settings.project / "schedules" / "a.toml").write_text("[jobs.books")
    services.clock.advance(minutes=20)
    assert put_off(services.ledger, before, services.read_project(), NOW) == []
