"""Making a project the active configuration."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from automation.clock import FrozenClock
from automation.ledger import limit_counts
from automation.ledger.limit import Limit
from automation.project.model import Project
from automation.scheduler.activate import activate, digest, renamed
from automation.services import Services, build_services

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
JOBS = """
[jobs.books]
plugin = "shell"
every = "1h"
run_on_start = true
params.command = "true"
[jobs.off]
plugin = "shell"
every = "1h"
enabled = false
run_on_start = true
params.command = "true"
"""


@pytest.fixture
def services(tmp_path: Path, give_ledger: Callable[[Path], None]) -> Iterator[Services]:
    made = build_services(tmp_path, clock=FrozenClock(NOON), environ={})
    give_ledger(tmp_path)
    yield made
    made.close()


def project(services: Services, text: str = JOBS) -> Project:
    folder = services.settings.project / "schedules"
    folder.mkdir(exist_ok=True)
    (folder / "a.toml").write_text(text)
    return services.read_project()


def test_active_schedules_count_from_now(services: Services) -> None:
    """Those of enabled jobs; the same project again is the same revision."""
    revision, _ = activate(services, project(services), "s1")
    services.clock.advance(seconds=60)

    assert activate(services, project(services), "s2")[0] == revision
    states = services.ledger.occurrences.states()
    assert {key: state.cursor for key, state in states.items()} == {("books", "main"): NOON}


def test_run_on_start_is_once_for_a_revision(services: Services) -> None:
    """However many schedulers start, and however often; a change of the project is a new start."""
    waiting = [activate(services, project(services), name)[1] for name in ("s1", "s2")]
    assert [len(one) for one in waiting] == [1, 0]
    run = services.ledger.queries.run(waiting[0][0].id)
    assert (run.job, run.schedule, run.kind, run.nominal_time) == ("books", "start", "scheduled", NOON)
    services.clock.advance(seconds=60)
    revision, _ = activate(services, project(services, JOBS.replace('"true"', '"echo"')), "s1")

    started = services.ledger.queries.runs(job="books")
    assert [one.state for one in started] == ["skipped", "queued"]
    assert started[0].reason == f"overlap: run {run.id} of this job was still open"
    assert revision > 1


def test_run_on_start_is_not_for_jobs_that_stay_as_they_are(services: Services) -> None:
    """A file is saved often; what runs on start does so when it is itself new or changed."""
    assert len(activate(services, project(services), "s1")[1]) == 1
    services.clock.advance(seconds=60)

    revision, started = activate(services, project(services, JOBS.replace("enabled = false", "")), "s1")

    assert (revision, len(started)) == (2, 1)
    assert [run.job for run in services.ledger.queries.runs()] == ["off", "books"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"1h"', '"2h"'), ('command = "true"', 'command = "false"'), ("enabled = false", "enabled = true"),
        ("run_on_start = true", "run_on_start = false"), ('every = "1h"', 'every = "1h"\nqueue = "slow"'),
        ('every = "1h"', 'every = "1h"\ntimeout = "1m"'), ('every = "1h"', 'every = "1h"\nretry.max_attempts = 5'),
        ('every = "1h"', 'every = "1h"\npriority = 9'), ("[jobs.off]", "[jobs.aus]"),
        ('every = "1h"', 'every = "1h"\noverlap = "allow"'), ('every = "1h"', 'every = "1h"\ncatchup = "all"'),
    ],
)  # fmt: skip
def test_change_of_what_runs_changes_the_digest(services: Services, old: str, new: str) -> None:
    """Rules, params and policies."""
    assert digest(project(services)) != digest(project(services, JOBS.replace(old, new)))


def test_change_of_words_does_not(services: Services) -> None:
    """Comments, order, and where a job stands."""
    first, name, second = JOBS.partition("[jobs.off]")
    moved = f"# In another order\n{name}{second}\n{first}"

    assert digest(project(services)) == digest(project(services, moved))


@pytest.mark.parametrize(("level", "target"), [("all", ""), ("job", "books"), ("job", "other")])
def test_run_on_start_obeys_a_pause(services: Services, level: str, target: str) -> None:
    """Of the job or of everything; it is recorded as paused, and not made good later."""
    services.ledger.pauses.pause(level, target, "maintenance", "ana")
    _, waiting = activate(services, project(services), "s1")
    [run] = services.ledger.queries.runs(job="books")

    assert bool(waiting) == (target == "other")
    assert (run.reason or "").startswith("paused: ") == (target != "other")


def test_run_on_start_obeys_the_overlap_of_its_job(services: Services) -> None:
    """One that may overlap starts beside the run that is open."""
    free = JOBS.replace('every = "1h"\nrun_on_start', 'every = "1h"\noverlap = "allow"\nrun_on_start', 1)
    activate(services, project(services, free), "s1")
    services.clock.advance(seconds=60)
    activate(services, project(services, free.replace('"true"', '"echo"')), "s1")

    assert [run.state for run in services.ledger.queries.runs(job="books")] == ["queued", "queued"]


MOVED = """
[jobs.volumes]
plugin = "shell"
replaces = "books"
params.command = "true"
[[jobs.volumes.schedules]]
id = "hourly"
replaces = "main"
every = "1h"
[[jobs.volumes.schedules]]
id = "daily"
cron = "0 0 * * *"
"""


@pytest.mark.parametrize(
    ("known", "found"),
    [
        ({("books", "main")}, {("volumes", "hourly"): ("books", "main")}),
        ({("books", "daily"), ("books", "hourly")}, {("volumes", "daily"): ("books", "daily"), ("volumes", "hourly"): ("books", "hourly")}),
        ({("volumes", "main")}, {("volumes", "hourly"): ("volumes", "main")}),
        ({("volumes", "hourly"), ("books", "main")}, {}),
        (set(), {}),
    ],
)  # fmt: skip
def test_a_new_name_takes_over_from_the_one_that_the_ledger_knows(
    services: Services, known: set[tuple[str, str]], found: dict[tuple[str, str], tuple[str, str]]
) -> None:
    """Of the job, of the schedule, or of both; a line that stays behind after the change does nothing."""
    assert renamed(project(services, MOVED), known) == found


def test_the_configuration_is_kept_as_it_was_declared(services: Services) -> None:
    """So that the next one can be compared with it."""
    activate(services, project(services), "s1")

    assert set(services.ledger.occurrences.declared()) == {"books", "off"}


def test_another_description_is_recorded_and_no_change(services: Services) -> None:
    """What people read is as the files say it; what runs goes on."""
    activate(services, project(services), "s1")
    told = JOBS.replace("[jobs.off]", '[jobs.off]\ndescription = "Rests"')
    assert activate(services, project(services, told), "s1")[0] == 1
    assert services.ledger.occurrences.declared()["off"]["description"] == "Rests"


def test_a_limit_that_came_back_by_an_older_run_is_brought_in_step(services: Services) -> None:
    """Also where nothing else has changed since."""
    activate(services, project(services), "s1")
    with services.ledger.engine.begin() as connection:
        limit_counts.lock(connection, Limit("limit shop", "limit shop", max_running=3))
    activate(services, project(services), "s1")
    with services.ledger.engine.begin() as connection:
        held = limit_counts.look(connection, "limit shop")
    assert held is not None
    assert held.max_running is None
