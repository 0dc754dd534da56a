"""`automation next`: planned times, marks, counts and pauses, with a ledger and without."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from automation.clock import FrozenClock
from automation.ledger.occurrences import Decided
from automation.ledger.states import Kind
from automation.project.order import run_of
from automation.services import Services, build_services

Run = Callable[..., tuple[int, str, str]]
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
JOBS = """
[calendars.weekend]
weekly = ["sat 00:00-24:00", "sun 00:00-24:00"]
[jobs.plain]
plugin = "shell"
cron = "0 7 * * *"
params.command = "true"
[jobs.moved]
plugin = "shell"
cron = "0 7 * * *"
jitter = "10m"
tags = ["shop"]
params.command = "true"
[jobs.workdays]
plugin = "shell"
cron = "0 7 * * *"
not_during = ["weekend"]
params.command = "true"
[jobs.monday]
plugin = "shell"
cron = "0 7 * * *"
not_during = ["weekend"]
on_blackout = "defer"
params.command = "true"
[jobs.after]
plugin = "shell"
fixed_delay = "10m"
params.command = "true"
[jobs.thrice]
plugin = "shell"
every = "1h"
max_fires = 3
params.command = "true"
"""
CLOSED = """
[calendars.week]
weekly = ["mon-sun"]
[jobs.never]
plugin = "shell"
cron = "0 7 * * *"
timezone = "Asia/Tokyo"
not_during = ["week"]
params.command = "true"
"""


@pytest.fixture
def services(project: Path, give_ledger: Callable[[Path], None]) -> Services:
    """The project's services with a ledger, at noon of a day that has passed."""
    give_ledger(project)
    return build_services(project, clock=FrozenClock(NOON), environ={})


def rows(run: Run, *arguments: str) -> list[dict[str, Any]]:
    """What `next --json` prints."""
    found: list[dict[str, Any]] = json.loads(run("next", *arguments, "--json")[1])
    return found


def test_jitter_is_shown_where_it_moves_a_fire(run: Run, project: Path) -> None:
    """Nominal and planned time differ, and the table has a column for that; without jitter it has none."""
    (row,) = rows(run, "moved", "-n", "1", "--from", "2026-03-11T00:00Z")
    moved = datetime.fromisoformat(row["planned_time"]) - datetime.fromisoformat(row["nominal_time"])

    assert timedelta() < moved < timedelta(minutes=10)
    assert (row["local_time"], row["marks"]) == ("2026-03-11T07:00:00+00:00", ["jitter"])
    assert "planned time" in run("next", "moved", "-n", "1")[1].splitlines()[0]
    assert "planned time" not in run("next", "plain", "-n", "1")[1].splitlines()[0]


def test_a_fire_in_a_blackout_is_shown_as_one_that_will_not_run(run: Run, project: Path) -> None:
    """Friday runs, Saturday and Sunday are marked with the calendar's name."""
    found = rows(run, "workdays", "-n", "3", "--from", "2026-03-13T00:00Z")

    assert [row["marks"] for row in found] == [[], ["blackout:weekend"], ["blackout:weekend"]]


def test_deferred_fires_are_shown_at_the_end_of_the_blackout(run: Run, project: Path) -> None:
    """Asked on Sunday, Saturday's fire is still to come; of both the last one runs."""
    found = rows(run, "monday", "-n", "3", "--from", "2026-03-15T12:00Z")

    assert [(row["nominal_time"][8:10], row["planned_time"], row["marks"]) for row in found] == [
        ("14", "2026-03-16T00:00:00Z", ["deferred", "merged"]),
        ("15", "2026-03-16T00:00:00Z", ["deferred"]),
        ("16", "2026-03-16T07:00:00Z", []),
    ]


def test_the_planned_time_is_shown_on_the_clocks_of_the_schedule(run: Run, project: Path) -> None:
    """Who waits for a deferred fire reads it as the clock on the wall will show it."""
    local = JOBS.replace("[jobs.monday]\n", '[jobs.monday]\ntimezone = "Europe/Madrid"\n')
    (project / "schedules" / "a.toml").write_text(local)
    line = run("next", "monday", "-n", "1", "--from", "2026-03-15T12:00Z")[1].splitlines()[1]

    assert line.endswith("2026-03-16 00:00:00Z  2026-03-16 01:00:00+01:00  deferred, merged")


def test_fires_that_do_not_run_are_one_line_of_the_table(run: Run, project: Path) -> None:
    """The weekend is told once, so that the fires that run are seen; a program gets each."""
    arguments = ("workdays", "-n", "3", "--from", "2026-03-13T00:00Z")
    lines = run("next", *arguments)[1].splitlines()[1:]

    assert [line.split()[2] for line in lines] == ["2026-03-13", "2026-03-14", "2026-03-16"]
    assert lines[1].endswith("blackout:weekend, 2 fires until 2026-03-15 07:00:00Z")
    assert len(rows(run, *arguments)) == 3


def test_a_fixed_delay_is_one_estimate(run: Run, project: Path) -> None:
    """It counts from the end of a run that nobody knows yet."""
    (row,) = rows(run, "after", "--from", "2026-03-11T00:00Z")

    assert (row["nominal_time"], row["marks"]) == ("2026-03-11T00:10:00Z", ["estimated"])


def test_a_fixed_delay_counts_from_the_end_of_the_last_run(run: Run, services: Services) -> None:
    """The ledger knows when that was; before the first run it counts from the deploy. It is not told twice."""
    job = services.project.job("after")
    services.ledger.occurrences.activate("d", {("after", "main"): job.schedules[0].spec}, "s")

    assert [row["nominal_time"] for row in rows(run, "after")] == ["2026-03-10T12:10:00Z"]

    services.clock.sleep(3600)
    done = run_of(job, kind=Kind.MANUAL, nominal_time=NOON, now=services.clock.now())
    services.ledger.runs.add(done)
    services.ledger.runs.request_cancel(done.id)

    assert [row["nominal_time"] for row in rows(run, "after")] == ["2026-03-10T13:10:00Z"]
    assert rows(run, "after", "--from", "2100-01-01") == []


def test_max_fires_ends_the_list(run: Run, services: Services) -> None:
    """Three fires where nothing was decided; two when the ledger has one of them."""
    assert len(rows(run, "thrice")) == 3

    job = services.project.job("thrice")
    had = run_of(job, kind=Kind.SCHEDULED, nominal_time=NOON, now=NOON, schedule="main")
    revision = services.ledger.occurrences.activate("d", {("thrice", "main"): job.schedules[0].spec}, "s")
    services.ledger.occurrences.record([Decided("thrice", "main", [had], NOON)], revision)

    assert len(rows(run, "thrice")) == 2


def test_list_shows_what_is_left_and_what_will_not_run(run: Run, project: Path, services: Services) -> None:
    """A schedule that has had its runs has no next fire; one on a closed day says so; the zone stands beside."""
    (project / "schedules" / "a.toml").write_text(JOBS.replace("max_fires = 3", "max_fires = 1"))
    job = services.project.job("thrice")
    had = run_of(job, kind=Kind.SCHEDULED, nominal_time=NOON, now=NOON, schedule="main")
    revision = services.ledger.occurrences.activate("d", {("thrice", "main"): job.schedules[0].spec}, "s")
    services.ledger.occurrences.record([Decided("thrice", "main", [had], NOON)], revision)
    (project / "schedules" / "b.toml").write_text(CLOSED)
    found = {row["job"]: row for row in json.loads(run("list", "--json")[1])}
    (line,) = (line for line in run("list")[1].splitlines() if line.startswith("never"))

    assert (found["thrice"]["next_time"], found["plain"]["next_time"] is None) == (None, False)
    assert "07:00+09:00 blackout:week" in line


def test_paused_schedules_are_marked(run: Run, services: Services) -> None:
    """By a tag of the job, until an instant: what is planned before it is marked, what comes after is not."""
    services.ledger.pauses.pause("tag", "shop", "the shop moves", "ada", datetime(2100, 1, 1, tzinfo=UTC))

    assert rows(run, "moved", "-n", "1")[0]["marks"] == ["jitter", "paused"]
    assert rows(run, "moved", "-n", "1", "--from", "2100-01-02")[0]["marks"] == ["jitter"]
    assert rows(run, "plain", "-n", "1")[0]["marks"] == []
    assert "1 pause in force; see: automation pauses" in run("next", "moved", "-n", "1")[2]


def test_a_look_makes_no_ledger(run: Run, project: Path) -> None:
    """Where there is none there is none afterwards."""
    assert run("next")[0] == 0
    assert not (project / ".automation").exists()


def test_a_ledger_that_cannot_be_used_is_a_notice(run: Run, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fires are shown all the same."""
    (project / "broken.db").write_text("this is no database, but long enough to be taken for one" * 20)
    monkeypatch.setenv("AUTOMATION_DATABASE_URL", f"sqlite:///{project / 'broken.db'}")
    code, out, err = run("next", "plain", "-n", "1")

    assert (code, len(out.splitlines())) == (0, 2)
    assert "What is paused, or has fired before, is not known: The ledger" in err


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_a_database_without_tables_is_no_ledger_yet(
    run: Run, project: Path, fresh_database: Callable[[str], str], monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Nothing is said of it, and nothing is made in it."""
    monkeypatch.setenv("AUTOMATION_DATABASE_URL", fresh_database(kind))

    assert run("next", "plain", "-n", "1")[2] == "There are more; these are the first 1. Show more with -n.\n"
    assert "There is no ledger yet" in run("why", "plain")[1]
