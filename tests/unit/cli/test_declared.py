"""`check`, `list`, `next`, `plugins`: what the project declares, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., tuple[int, str, str]]
PLUGIN = '''from automation import Context, plugin
print("loading")
@plugin("work")
def work(ctx: Context, days: int, names: list[str] = [], mode: str | None = None) -> None:
    """Do the work.

    With care.
    """
'''
GOOD = """
[jobs.nightly]
plugin = "work"
cron = "30 2 * * *"
timezone = "Europe/Berlin"
tags = ["a", "b"]
dst_gap = "shift"
dst_overlap = "first"
params.days = 1
[jobs.often]
plugin = "work"
every = "6h"
params.days = 1
[jobs.off]
plugin = "work"
every = "1m"
enabled = false
params.days = 1
[jobs.hand]
plugin = "work"
params.days = 1
"""
BAD = GOOD + '[jobs.bad]\nplugin = "work"\nevery = "1m"\n'


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """`project(text)`: stand in a project with this schedule file and one plugin."""

    def make(text: str) -> None:
        (tmp_path / "schedules").mkdir()
        (tmp_path / "jobs").mkdir()
        (tmp_path / "schedules" / "a.toml").write_text(text)
        (tmp_path / "jobs" / "work.py").write_text(PLUGIN)
        monkeypatch.chdir(tmp_path / "jobs")

    return make


def test_check_of_a_good_project_is_one_line(run: Run, project: Callable[[str], None]) -> None:
    """Nothing to say but how much was checked; what a plugin prints is not in the answer."""
    project(GOOD)

    assert run("check") == (0, "4 jobs, no error\n", "loading\n")


def test_check_prints_each_problem_on_one_line(run: Run, project: Callable[[str], None]) -> None:
    """Path, line, column and sentence, however long, and exit code 2."""
    project(BAD.replace("days = 1", 'days = "' + "x" * 300 + '"', 1))
    code, out, _ = run("check")

    assert code == 2
    assert [line.partition(": ")[0] for line in out.splitlines()[:-1]] == [
        "schedules/a.toml:9:15", "schedules/a.toml:22:1",
    ]  # fmt: skip
    assert out.splitlines()[-1] == "5 jobs, 2 of them disabled by a problem, 2 errors"


def test_check_with_warnings_alone_ends_well(run: Run, project: Callable[[str], None]) -> None:
    """A warning says so, and stops nothing."""
    project(GOOD.replace("Europe/Berlin", "CET"))
    code, out, _ = run("check")

    assert code == 0
    assert out.startswith("schedules/a.toml:5:12: warning: jobs.nightly.timezone: time zone 'CET'")


@pytest.mark.parametrize(("options", "code"), [([], 2), (["--allow-empty"], 0)])
def test_check_of_an_empty_project(run: Run, project: Callable[[str], None], options: list[str], code: int) -> None:
    """Nothing to run is most often a mistake, unless one says that it is none."""
    project("# nothing yet\n")
    ended, out, _ = run("check", *options)

    assert ended == code
    assert "warning: no jobs in this file" in out


def test_check_looks_at_the_time_to_come(run: Run, project: Callable[[str], None]) -> None:
    """A rule that never fires again in years is an error here, before anything is started."""
    project(GOOD + 'start_at = 8000-01-01\nevery = "1h"\n')
    code, out, _ = run("check")

    assert code == 2
    assert "jobs.hand: does not fire before 8000-01-01" in out
    assert out.endswith("4 jobs, 1 of them disabled by a problem, 1 error\n")


def test_list_shows_the_clocks_of_the_schedule_that_fires_next(run: Run, project: Callable[[str], None]) -> None:
    """Of several schedules, each in its zone, the earliest is shown in its own."""
    zones = {"a": "Asia/Tokyo", "b": "America/New_York"}
    project(
        '[jobs.two]\nplugin = "work"\nparams.days = 1\n'
        + "".join(
            f'[[jobs.two.schedules]]\nid = "{name}"\ncron = "0 12 * * *"\ntimezone = "{zone}"\n'
            for name, zone in zones.items()
        )
    )
    (row,) = json.loads(run("list", "--json")[1])

    assert row["local_time"][11:16] == "12:00"
    assert row["schedule"] == "at 12:00 every day, Asia/Tokyo; at 12:00 every day, America/New_York"


def test_next_shows_every_schedule_and_both_passes(run: Run, project: Callable[[str], None]) -> None:
    """Each fire with the id of its schedule and what the clocks did to it."""
    project(
        '[jobs.two]\nplugin = "work"\nparams.days = 1\ntimezone = "Europe/Berlin"\n'
        '[[jobs.two.schedules]]\nid = "night"\ncron = "30 2 * * *"\ndst_overlap = "both"\n'
        '[[jobs.two.schedules]]\nid = "pulse"\nevery = "1h"\nanchor = 2026-01-01T00:45:00Z\n'
    )
    rows = json.loads(run("next", "two", "--from", "2026-10-25T00:00Z", "-n", "4", "--json")[1])

    assert [(row["schedule"], row["local_time"][11:], row["marks"]) for row in rows] == [
        ("night", "02:30:00+02:00", ["overlap:first"]), ("pulse", "02:45:00+02:00", []),
        ("night", "02:30:00+01:00", ["overlap:second"]), ("pulse", "02:45:00+01:00", []),
    ]  # fmt: skip


def test_check_tells_programs_the_same(run: Run, project: Callable[[str], None]) -> None:
    """An array of problems, each with its place."""
    project(BAD)
    code, out, _ = run("check", "--json")
    (problem,) = json.loads(out)

    assert code == 2
    assert (problem["path"], problem["line"], problem["column"]) == ("schedules/a.toml", 22, 1)
    assert (problem["severity"], problem["key"]) == ("error", "jobs.bad.params")


def test_list_shows_every_job_and_whether_it_may_run(run: Run, project: Callable[[str], None]) -> None:
    """A job with a problem is there with its reason, and a notice says where to look."""
    project(BAD)
    code, out, _ = run("list", "--json")
    jobs = {job["job"]: job for job in json.loads(out)}

    assert code == 0
    assert {name: job["state"] for name, job in jobs.items()} == {
        "nightly": "enabled", "often": "enabled", "off": "disabled", "hand": "enabled", "bad": "problem",
    }  # fmt: skip
    assert jobs["bad"]["reason"].startswith("schedules/a.toml:22:1: ")
    assert jobs["nightly"]["tags"] == ["a", "b"]
    assert (jobs["off"]["next_time"], jobs["hand"]["schedule"]) == (None, "by hand")
    assert "1 problem in the project; see: automation check" in run("list")[2]


def test_list_says_that_it_was_cut(run: Run, project: Callable[[str], None]) -> None:
    """A limit leaves nothing out in silence."""
    project(GOOD)
    _, out, err = run("list", "-n", "1")

    assert len(out.splitlines()) == 2
    assert "3 more; show them with -n 4." in err


def test_next_shows_each_fire_in_utc_and_by_its_own_clocks(run: Run, project: Callable[[str], None]) -> None:
    """Soonest first over all jobs that fire; a shifted fire is marked."""
    project(GOOD)
    _, out, _ = run("next", "--json", "--from", "2026-03-29T00:00:00Z", "--to", "2026-03-29T06:00:01Z")

    assert [(fire["job"], fire["nominal_time"]) for fire in json.loads(out)] == [
        ("often", "2026-03-29T00:00:00Z"), ("nightly", "2026-03-29T01:00:00Z"), ("often", "2026-03-29T06:00:00Z"),
    ]  # fmt: skip
    assert json.loads(out)[1] == {
        "job": "nightly",
        "schedule": "main",
        "nominal_time": "2026-03-29T01:00:00Z",
        "planned_time": "2026-03-29T01:00:00Z",
        "local_time": "2026-03-29T03:00:00+02:00",
        "planned_local_time": "2026-03-29T03:00:00+02:00",
        "marks": ["gap:shifted"],
    }


def test_next_of_one_job(run: Run, project: Callable[[str], None]) -> None:
    """As many as were asked for, and a word that there are more."""
    project(GOOD)
    code, out, err = run("next", "nightly", "-n", "2", "--from", "2026-10-24T12:00:00Z")

    assert code == 0
    assert [line.split()[3] for line in out.splitlines()[1:]] == ["00:30:00Z", "01:30:00Z"]
    assert "There are more" in err


@pytest.mark.parametrize(
    ("job", "code", "said"),
    [
        ("off", 0, "is disabled (enabled = false)"),
        ("hand", 0, "has no schedule; start it with `automation run hand`"),
        ("bad", 2, "The job 'bad' has a problem: schedules/a.toml:22:1: "),
        ("nigthly", 2, "There is no job 'nigthly'; did you mean 'nightly'?"),
    ],
)
def test_next_of_a_job_that_does_not_fire_says_why(
    run: Run, project: Callable[[str], None], job: str, code: int, said: str
) -> None:
    """Disabled, by hand, broken or unknown: the reason is on standard error."""
    project(BAD)
    ended, _, err = run("next", job)

    assert ended == code
    assert said in err


def test_plugins_lists_where_each_comes_from(run: Run, project: Callable[[str], None], tmp_path: Path) -> None:
    """The project's own beside the shipped; a broken file with its reason."""
    project(GOOD)
    (tmp_path / "jobs" / "broken.py").write_text("raise ValueError('boom')\n")
    rows = {row["plugin"]: row for row in json.loads(run("plugins", "--json")[1])}

    assert (rows["work"]["description"], rows["work"]["origin"]) == ("Do the work.", "project")
    assert rows["jobs/broken.py"]["problem"] == "jobs/broken.py:1:1: cannot be loaded: ValueError: boom"
    assert "jobs/broken.py:1:1: cannot be loaded" in run("plugins")[2]


def test_plugin_shows_its_help_and_parameters(run: Run, project: Callable[[str], None]) -> None:
    """Name, type, whether it is required, and the default of each."""
    project(GOOD)
    shown = json.loads(run("plugins", "work", "--json")[1])

    assert shown["help"] == "Do the work.\n\nWith care."
    assert [(row["parameter"], row["type"], row["required"]) for row in shown["parameters"]] == [
        ("days", "integer", True), ("names", "list of string", False), ("mode", "string or null", False),
    ]  # fmt: skip
    assert "days" in run("plugins", "work")[1]


def test_schema_holds_the_plugins_of_the_project(run: Run, project: Callable[[str], None], tmp_path: Path) -> None:
    """It is JSON alone on standard output, its own plugins and their parameters in it; a broken one is a notice."""
    project(GOOD)
    (tmp_path / "jobs" / "broken.py").write_text("raise ValueError('boom')\n")
    code, out, err = run("schema")
    schema = json.loads(out)

    assert code == 0
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert set(schema["$defs"]["params-work"]["properties"]) == {"days", "names", "mode"}
    assert "jobs/broken.py:1:1" in err


def test_place_without_a_project_says_how_to_begin(run: Run) -> None:
    """No traceback, exit code 2, and the way out."""
    code, out, err = run("check")

    assert (code, out) == (2, "")
    assert "automation init DIR" in err


def test_plugin_shows_parameters_as_toml_writes_them(run: Run, project: Callable[[str], None]) -> None:
    """TOML has no null, and its durations are words."""
    project(GOOD)
    lines = run("plugins", "scrape")[1].splitlines()
    delay = next(line.split() for line in lines if line.startswith("delay"))

    assert delay[:4] == ["delay", "string", "no", "1s"]
    assert not any("or null" in line for line in lines)
