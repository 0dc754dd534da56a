"""`automation plan`: what a deploy changes, for people and for programs, and what it says of herds."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from automation.project.definition import definition
from automation.services import build_services

Run = Callable[..., tuple[int, str, str]]
Deploy = Callable[[], None]
JOBS = """
[jobs.books]
plugin = "http"
cron = "0 7 * * *"
params.url = "https://shop.example/books"
[jobs.toys]
plugin = "http"
cron = "0 7 * * *"
params.url = "https://shop.example/toys"
"""


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """`write(text)`: stand in a project with this schedule file."""

    def make(text: str) -> None:
        (tmp_path / "schedules").mkdir(exist_ok=True)
        (tmp_path / "schedules" / "a.toml").write_text(text)
        monkeypatch.chdir(tmp_path)

    return make


@pytest.fixture
def deploy(tmp_path: Path, give_ledger: Callable[[Path], None]) -> Deploy:
    """`deploy()`: the files as they are become the active configuration, as the scheduler makes them so."""

    def make() -> None:
        give_ledger(tmp_path)
        services = build_services(tmp_path, environ={})
        jobs = services.project.jobs.values()
        specs = {(job.name, schedule.id): schedule.spec for job in jobs if job.active for schedule in job.schedules}
        definitions = {job.name: definition(job) for job in jobs}
        services.ledger.occurrences.activate("d", specs, "scheduler@host", definitions=definitions)
        services.close()

    return make


def test_without_a_ledger_everything_is_added(run: Run, write: Callable[[str], None], tmp_path: Path) -> None:
    """Each job with its plugin, its rule and its fires of the week; nothing is made by looking."""
    write(JOBS)
    code, out, _ = run("plan")

    assert code == 0
    assert out.startswith(
        "2 added, compared with an empty ledger: no configuration is active yet; fires of the next 7 days:"
    )
    assert "\n+ books  http: at 07:00 every day, UTC\n         fires: +7 (first: +" in out
    assert not (tmp_path / ".automation").exists()


def test_what_is_active_changes_nothing(run: Run, write: Callable[[str], None], deploy: Deploy) -> None:
    """It says so, and names the revision."""
    write(JOBS)
    deploy()

    assert run("plan")[1].splitlines()[0] == "Nothing changes: the files are what is active, revision 1"
    assert json.loads(run("plan", "--json")[1])["changes"] == []


def test_a_change_is_told_with_keys_and_fires(run: Run, write: Callable[[str], None], deploy: Deploy) -> None:
    """Old and new value, how many fires appear and vanish, the first of them on the schedule's clocks."""
    write(JOBS)
    deploy()
    write(JOBS.replace("0 7", "0 8", 1).replace("toys", "games") + 'replaces = "toys"\ntimeout = "5m"\n')
    out = run("plan")[1]

    assert out.startswith("1 renamed, 1 changed, compared with revision 1;")
    assert '\n~ books  cron "0 7 * * *" → "0 8 * * *"\n         fires: +7 −7 (first: −' in out
    assert "\n         counts from the deploy on\n" in out
    assert (
        '\n> games  was toys\n         params.url "https://shop.example/toys" → "https://shop.example/games"\n' in out
    )
    assert "\n         timeout 1h → 5m\n" in out


def test_a_calendar_is_told_by_name_and_entries(run: Run, write: Callable[[str], None], deploy: Deploy) -> None:
    """Not as the ledger has it."""
    calendar = "[calendars.shut]\ndates = [2026-12-24]\n"
    write(calendar + JOBS)
    deploy()
    write(calendar + JOBS.replace("[jobs.toys]", '[jobs.toys]\nnot_during = ["shut"]'))

    assert "\n~ toys  not_during (none) → shut (1 date; UTC)\n" in run("plan")[1]


def test_a_calendar_with_other_days_is_a_change(run: Run, write: Callable[[str], None], deploy: Deploy) -> None:
    """Though it is described in the same words."""
    text = "[calendars.shut]\ndates = [2026-12-24]\n" + JOBS.replace(
        "[jobs.toys]", '[jobs.toys]\nnot_during = ["shut"]'
    )
    write(text)
    deploy()
    write(text.replace("12-24", "12-25"))

    assert "~ toys  not_during shut (1 date; UTC) → shut (1 date; UTC), with other days\n" in run("plan")[1]


def test_programs_get_the_same(run: Run, write: Callable[[str], None], deploy: Deploy) -> None:
    """Keys, counts and instants under stable names; durations in seconds."""
    write(JOBS)
    deploy()
    write(JOBS.replace("0 7", "0 8", 1).replace("[jobs.toys]", '[jobs.toys]\ntimeout = "5m"'))
    found: dict[str, Any] = json.loads(run("plan", "--json")[1])
    books, toys = found["changes"]

    assert (books["job"], books["change"], books["appear"], books["vanish"]) == ("books", "changed", 7, 7)
    assert [(one["sign"], one["nominal_time"][11:]) for one in books["first"][:2]] == [
        ("-", "07:00:00Z"),
        ("+", "08:00:00Z"),
    ]
    assert (books["counts_anew"], toys["counts_anew"]) == (["main"], [])
    assert toys["keys"] == [{"key": "timeout", "old": 3600.0, "new": 300.0}]


def test_days_say_how_far_fires_are_compared(run: Run, write: Callable[[str], None]) -> None:
    """A day of a daily rule is one fire."""
    write(JOBS)

    assert "fires: +1 (first: +" in run("plan", "--days", "1")[1]


def test_errors_are_told_first_and_exit_2(run: Run, write: Callable[[str], None], deploy: Deploy) -> None:
    """What would change is shown all the same; a running scheduler does not take it over."""
    write(JOBS)
    deploy()
    write(JOBS.replace('plugin = "http"', 'plugin = "htp"', 1))
    code, out, err = run("plan")

    assert code == 2
    assert out.startswith("schedules/a.toml:3:")
    assert "keeps the active configuration" in err


def test_herds_are_shown_with_what_would_spread_them(run: Run, write: Callable[[str], None]) -> None:
    """The fullest minute, and the same at one host, with a line for the second job."""
    write(JOBS)
    out = run("plan")[1]
    found = json.loads(run("plan", "--json")[1])

    assert 'Z  2 jobs: books, toys\n    spread: toys: cron = "30 7 * * *"' in out
    assert "Z  shop.example  2 jobs: books, toys\n" in out
    assert found["herds"][0]["proposals"] == [{"job": "toys", "schedule": "main", "line": 'cron = "30 7 * * *"'}]
    assert found["hosts"][0]["host"] == "shop.example"


def test_a_list_that_is_cut_says_so(run: Run, write: Callable[[str], None]) -> None:
    """A limit leaves nothing out in silence."""
    write(JOBS)

    assert "1 more; show them with -n 2." in run("plan", "-n", "1")[2]
