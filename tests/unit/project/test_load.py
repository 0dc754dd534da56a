"""A whole project: what its jobs become, which defaults they inherit, and names that are taken."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from automation.errors import Problem
from automation.project.load import load_databases
from automation.registry import Registry
from automation.retry import RetryPolicy
from automation.triggers.cron import CronTrigger

JOB = '[jobs.books]\nplugin = "scrape"\nparams.start = "https://example.com/"\n'
FULL = """
[jobs.books]
plugin = "scrape"
cron = "0 7 * * mon"
timezone = "Europe/Madrid"
run_on_start = true
queue = "scraping"
priority = 9
timeout = "5m"
kill_after = "10s"
max_memory = "1.5GB"
tags = ["shop", "daily run"]
description = "Prices"
[jobs.books.retry]
max_attempts = 5
backoff = ["1m", "5m"]
give_up_on = ["http:404", "parse_drift", "requests.Timeout"]
[jobs.books.params]
start = "https://example.com/"
fields.price = { css = ".price", type = "money" }
"""


def test_job_is_what_its_table_says(load: Callable[..., Any]) -> None:
    """Every key of the table is found in the job, durations as spans, and there is no problem."""
    project = load(FULL)
    job = project.job("books")

    assert project.problems == ()
    assert (job.queue, job.priority, job.run_on_start, job.tags) == ("scraping", 9, True, ("shop", "daily run"))
    assert (job.timeout, job.kill_after) == (timedelta(minutes=5), timedelta(seconds=10))
    assert job.max_memory == 1_500_000_000
    assert (job.retry.max_attempts, job.retry.backoff) == (5, (timedelta(minutes=1), timedelta(minutes=5)))
    assert job.params["fields"]["price"] == {"css": ".price", "type": "money"}
    assert (job.path.name, job.line, job.problem, job.active) == ("a.toml", 2, None, True)


def test_single_schedule_is_called_main(load: Callable[..., Any]) -> None:
    """Its specification is what the trigger was made of, zone included."""
    (schedule,) = load(FULL).job("books").schedules

    assert (schedule.id, schedule.timezone) == ("main", "Europe/Madrid")
    assert schedule.spec == {"cron": "0 7 * * mon", "timezone": "Europe/Madrid"}
    assert schedule.trigger == CronTrigger("0 7 * * mon", "Europe/Madrid")


def test_job_without_schedule_is_run_by_hand(load: Callable[..., Any]) -> None:
    """It is a job like any other, with the retry policy that nobody wrote down, and never fires."""
    job = load(JOB).job("books")

    assert (job.schedules, job.next_after(datetime(2026, 1, 1, tzinfo=UTC)), job.retry) == ((), None, RetryPolicy())


def test_nearest_default_wins(load: Callable[..., Any]) -> None:
    """The job's own value stands before its file's, and that before the project's; `retry` is merged key by key."""
    project = '[defaults]\nqueue = "far"\npriority = 1\ntimezone = "Asia/Tokyo"\n[defaults.retry]\nmax_attempts = 9\nfirst = "1s"\n'
    file = '[defaults]\nqueue = "near"\ntags = ["file"]\nenabled = false\nretry.first = "2s"\n'
    job = load(file + JOB + 'priority = 7\ncron = "0 7 * * *"\n', {"automation.toml": project}).job("books")

    assert (job.queue, job.priority, job.tags, job.enabled) == ("near", 7, ("file",), False)
    assert job.schedules[0].timezone == "Asia/Tokyo"
    assert (job.retry.max_attempts, job.retry.first) == (9, timedelta(seconds=2))


def test_wrong_default_is_told_once_and_stops_who_inherits_it(load: Callable[..., Any]) -> None:
    """The problem is at the default; a job with a value of its own is not touched."""
    text = '[defaults]\ntimeout = "5 min"\n' + JOB + JOB.replace("books", "own") + 'timeout = "1m"\n'
    project = load(text)

    assert [str(problem)[:40] for problem in project.problems] == ["schedules/a.toml:2:11: defaults.timeout:"]
    assert "defaults.timeout" in project.job("books").problem
    assert project.job("own").problem is None


@pytest.mark.parametrize("broken", ["[defaults\n", "defaults = 5\n"])
def test_project_file_that_cannot_be_used_stops_all_jobs(load: Callable[..., Any], broken: str) -> None:
    """Their zone and limits may stand in it, so that none may run as if it were not there."""
    project = load(JOB, {"automation.toml": broken})

    assert project.job("books").problem.startswith("automation.toml:1:")
    assert len(project.errors) == 1


def test_one_bad_job_disables_only_itself(load: Callable[..., Any]) -> None:
    """Its problem is its reason; its neighbour in the same file stays valid."""
    project = load(JOB + "timeout = 5\n" + JOB.replace("books", "fine"))

    assert not project.job("books").active
    assert project.job("books").problem == str(project.problems[0])
    assert project.job("fine").active


def test_every_file_is_read_and_every_problem_told_in_order(load: Callable[..., Any]) -> None:
    """Files in folders count, files beginning with a dot do not; one bad file does not hide another."""
    wrong = JOB + "priority = 10\n"
    files = {
        "schedules/z.toml": wrong.replace("books", "z"),
        "schedules/sub/b.toml": wrong.replace("books", "b"),
        "schedules/broken.toml": "[jobs",
        "schedules/.#a.toml": "[[[",
        "schedules/notes.md": "[[[",
    }
    project = load(wrong, files)

    assert [str(problem.path) for problem in project.problems] == [
        "schedules/a.toml", "schedules/broken.toml", "schedules/sub/b.toml", "schedules/z.toml",
    ]  # fmt: skip


def test_problem_is_one_line_whatever_is_in_it(problems: Callable[..., list[str]]) -> None:
    """Neither a file's name nor a plugin's own message can break the form `path:line:column: message`."""
    (line,) = problems(files={"schedules/a\nb.toml": JOB + '"x\\ny" = 1\n'})

    assert line.startswith("schedules/a\\nb.toml:4:1: jobs.books.")
    assert "\n" not in line


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "[defaults]\nqueue = 'x'\n", "[jobs]\n"])
def test_file_without_a_job_is_a_warning(load: Callable[..., Any], text: str) -> None:
    """Nothing is wrong with it, and somebody may want to know."""
    project = load(text)

    assert project.errors == ()
    assert any("job" in problem.message for problem in project.warnings)


def test_project_without_files_says_where_to_write(load: Callable[..., Any]) -> None:
    """An empty `schedules/` is a warning that shows how a job begins."""
    assert [str(problem) for problem in load().problems] == [
        "schedules:1:1: warning: no file declares a job; write a [jobs.NAME]"
    ]


@pytest.mark.parametrize("second", ["books", "Books", "BOOKS"])
def test_name_taken_twice_disables_both_and_names_both_places(load: Callable[..., Any], second: str) -> None:
    """Names that differ in case are one, because file systems and people take them for one."""
    project = load(JOB, {"schedules/b.toml": "\n" + JOB.replace("books", second)})

    assert [str(problem).partition(": ")[0] for problem in project.problems] == [
        "schedules/a.toml:1:1", "schedules/b.toml:2:2",
    ]  # fmt: skip
    assert "schedules/b.toml:2" in project.problems[0].message
    assert "schedules/a.toml:1" in project.problems[1].message
    assert list(project.jobs) == ["books"]
    assert not project.job("books").active


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a/b", "U\\+002F"),
        ("..", "begins with '.'"),
        ("-x", "begins with '-'"),
        ("books ", "U\\+0020 \\(space\\)"),
        ("caf\u00e9", "U\\+00E9 \\(latin small letter e with acute\\)"),
        ("cafe\u0301", "U\\+0301"),
        ("bo\u200boks", "U\\+200B \\(zero width space\\)"),
        ("\U0001f980", "U\\+1F980"),
        ("a\\u0000b", "U\\+0000"),
        ("", "is empty"),
        ("x" * 300, "has 300 characters"),
    ],
)
def test_unsafe_name_is_refused_with_the_character(problems: Callable[..., list[str]], name: str, said: str) -> None:
    """A name that could leave a folder, or that looks like another, is no job; the rest of the file goes on."""
    (line,) = problems(JOB.replace("books", f'"{name}"') + JOB)

    assert line.startswith("schedules/a.toml:1:2: jobs")
    assert re.search(said, line)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("jobs = 5", "1:8: jobs: found a value; write tables: [jobs.NAME]"),
        ("[jobs]\nbooks = 5", "2:9: jobs.books: found a value; write a table: [jobs.books]"),
        ("[jbos.x]\n", "1:2: jbos: unknown key 'jbos'; did you mean 'jobs'?"),
        ("[groups.x]\n", "1:2: groups: 'groups' is not available yet; remove it"),
        ("[databases.x]\n", "1:2: databases: unknown key 'databases'; databases belong into automation.toml"),
    ],
)
def test_wrong_top_of_a_file_is_told(problems: Callable[..., list[str]], text: str, said: str) -> None:
    """Unknown tables, misplaced ones and values in place of tables have their line and the way out."""
    assert f"schedules/a.toml:{said}" in problems(text)


def test_jobs_in_the_project_file_are_sent_to_schedules(problems: Callable[..., list[str]]) -> None:
    """`automation.toml` holds no job."""
    assert any("a file of schedules/" in line for line in problems(JOB, {"automation.toml": JOB}))


def test_broken_plugin_disables_its_jobs_with_the_reason(load: Callable[..., Any]) -> None:
    """The problem stands at the job, and once at the plugin's own file."""
    broken = Registry({}, {"scrape": Problem("jobs/scrape.py", "cannot be loaded: ValueError: boom", line=3)})
    project = load(JOB, plugins=broken)

    assert "could not be loaded: jobs/scrape.py:3:1: cannot be loaded: ValueError: boom" in project.job("books").problem
    assert [str(problem.path) for problem in project.errors] == ["jobs/scrape.py", "schedules/a.toml"]


def test_databases_are_known_by_name_with_their_references(load: Callable[..., Any], tmp_path: Any) -> None:
    """The URL stays as it was written; what it names never enters the project."""
    text = '[databases.shop]\nurl = "postgresql://shop:${env:PW}@db/shop"\n'
    project = load(JOB, {"automation.toml": text}, {"PW": "s3cret-word"})

    assert project.problems == ()
    assert project.databases == load_databases(tmp_path) == {"shop": "postgresql://shop:${env:PW}@db/shop"}
    assert "shop:" not in repr(project)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[databases.shop]\nurl = "oracle://h/x"', "2:7: databases.shop.url: 'oracle' is not a supported database"),
        ("[databases.shop]\nurl = 5", "2:7: databases.shop.url: found the number 5; write a string"),
        ("[databases.shop]", "1:1: databases.shop: missing 'url'; write url ="),
        (
            '[databases]\nshop = "sqlite:///x"',
            "2:8: databases.shop: found 'sqlite:///x'; write a table: [databases.shop] url = \"…\"",
        ),
        ("databases = 1", "1:13: databases: found the number 1; write tables: [databases.NAME]"),
        ('[databases."a b"]\nurl = "sqlite:///x"', "1:2: databases.\"a b\": the name 'a b' has the character U+0020"),
        (
            '[databases.shop]\nurl = "sqlite:///x"\nulr = 1',
            "3:1: databases.shop.ulr: unknown key 'ulr'; did you mean 'url'?",
        ),
        ('[databases.shop]\nurl = "mysql://u:pw@h/x"', "2:7: databases.shop.url: a password stands here in plain text"),
        ('[databases.shop]\nurl = "${env:SHOP}"', "2:7: databases.shop.url: ${env:SHOP}: the variable SHOP is not set"),
    ],
)
def test_database_that_cannot_be_used_is_told(load: Callable[..., Any], text: str, said: str) -> None:
    """It is left out, and the problem has its place."""
    project = load(JOB, {"automation.toml": text})

    assert any(str(problem).startswith(f"automation.toml:{said}") for problem in project.problems)
    assert project.databases == {}
