"""Calendars and tags: declared anywhere in the project, used everywhere, told apart when two have one name."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from automation.project.definition import definition

HEAD = '[jobs.books]\nplugin = "scrape"\nparams.start = "https://example.com/"\n'
DAILY = HEAD + 'cron = "0 7 * * *"\n'
OFF = "[calendars.off]\ndates = [2026-12-24]\n"
SHOP = '[tags.shop]\nqueue = "slow"\njitter = "5m"\n'


def test_calendar_of_any_file_keeps_a_schedule_from_running(load: Callable[..., Any]) -> None:
    """It may stand in automation.toml or in another schedule file."""
    project = load(
        DAILY + 'not_during = ["off"]\nonly_during = ["winter"]\n',
        files={"automation.toml": OFF, "schedules/z.toml": '[calendars.winter]\nranges = ["2026-12-01/2026-12-31"]\n'},
    )
    (schedule,) = project.job("books").schedules

    assert project.problems == ()
    assert schedule.planned(datetime(2026, 12, 23, 7, tzinfo=UTC)).blackout is None
    assert schedule.planned(datetime(2026, 12, 24, 7, tzinfo=UTC)).calendar == "off"
    assert schedule.planned(datetime(2027, 1, 1, 7, tzinfo=UTC)).blackout is not None


def test_everything_that_is_wrong_with_a_calendar_is_told_at_once(load: Callable[..., Any]) -> None:
    """One look at `check` is enough, and what hangs on a wrong value is no problem of its own."""
    text = '[calendars.off]\ncountry = "XX"\nsubdivision = "MD"\nyearly = ["02-30", "12-25", "13-01"]\nyear = 1\n'
    more = 'dates = [5, 2026-12-24, 6, "7"]\nranges = ["a", "b/c"]\ntimezone = "Mars"\nweekly = ["someday", "mon", "8-9"]\n'
    other = '[calendars.on]\ncountry = "ES"\nsubdivision = "Madrit"\ncategories = ["bank", "public", "school"]\n'
    project = load(DAILY + 'not_during = ["off"]\n' + text + more + other)

    off = [
        "country",
        "dates[0]",
        "dates[2]",
        "dates[3]",
        "ranges[0]",
        "ranges[1]",
        "timezone",
        "weekly[0]",
        "weekly[2]",
    ]
    keys = [problem.key.removeprefix("calendars.") for problem in project.errors]
    assert sorted(keys) == [
        *(f"off.{key}" for key in (*off, "year", "yearly[0]", "yearly[2]")),
        *(f"on.{key}" for key in ("categories[0]", "categories[2]", "subdivision")),
    ]
    assert "calendars.off" in (project.job("books").problem or "")


def test_calendar_without_a_zone_has_that_of_the_defaults(load: Callable[..., Any]) -> None:
    """The nearest one, as jobs have."""
    zones = {"automation.toml": '[defaults]\ntimezone = "Asia/Tokyo"\n' + OFF}
    text = '[defaults]\ntimezone = "Europe/Madrid"\n[calendars.b]\ndates = [2026-12-24]\n' + DAILY
    (schedule,) = load(text + 'not_during = ["off", "b"]', files=zones).job("books").schedules

    assert [one.timezone for one in schedule.planning.not_during] == ["Asia/Tokyo", "Europe/Madrid"]


def test_file_of_events_is_read_from_the_project(load: Callable[..., Any]) -> None:
    """The path counts from the project's folder."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:x", "BEGIN:VEVENT", "UID:1", "DTSTART;VALUE=DATE:20261224",
             "SUMMARY:Off", "END:VEVENT", "END:VCALENDAR", ""]  # fmt: skip
    project = load(
        DAILY + 'not_during = ["off"]\n[calendars.off]\nics = "calendars/off.ics"\n',
        files={"calendars/off.ics": "\r\n".join(lines)},
    )
    (schedule,) = project.job("books").schedules

    assert project.problems == ()
    assert schedule.planned(datetime(2026, 12, 24, 7, tzinfo=UTC)).calendar == "off"


def test_changed_calendar_changes_the_definition_of_its_jobs(load: Callable[..., Any]) -> None:
    """A date more is another configuration, and the same dates in another order are not."""
    text = DAILY + 'not_during = ["off"]\n[calendars.off]\ndates = [2026-12-24, 2026-12-31]\n'
    one = definition(load(text).job("books"))

    assert definition(load(text.replace("2026-12-24, 2026-12-31", "2026-12-31, 2026-12-24")).job("books")) == one
    assert definition(load(text.replace("12-31", "12-30")).job("books")) != one
    assert definition(load(text + 'yearly = ["01-01"]\n').job("books")) != one


def test_job_takes_from_its_tags_before_the_defaults(load: Callable[..., Any]) -> None:
    """Schedule, job, tags in the order of the job, file, project: the nearest that has the key."""
    project = load(
        '[defaults]\nqueue = "file"\npriority = 1\ntimeout = "1m"\n' + DAILY
        + 'tags = ["shop", "heavy"]\njitter = "1m"\n[tags.shop]\nqueue = "shop"\njitter = "5m"\n',
        files={"automation.toml": '[tags.heavy]\nqueue = "heavy"\npriority = 2\n[defaults]\nkill_after = "5s"\n'},
    )  # fmt: skip
    job = project.job("books")

    assert project.problems == ()
    assert (job.queue, job.priority, job.timeout, job.kill_after) == (
        "shop", 2, timedelta(minutes=1), timedelta(seconds=5),
    )  # fmt: skip
    assert job.schedules[0].planning.jitter == timedelta(minutes=1)


def test_tags_may_come_from_the_defaults(load: Callable[..., Any]) -> None:
    """A job without tags has those of its file, and what stands under them; one with tags has its own."""
    project = load('[defaults]\ntags = ["shop"]\n' + SHOP + DAILY + DAILY.replace("books", "other") + "tags = []\n")

    assert [project.job(name).queue for name in ("books", "other")] == ["slow", "default"]


def test_problem_of_a_tag_disables_the_jobs_that_have_it(load: Callable[..., Any]) -> None:
    """It is told once, where it stands; a job without the tag runs."""
    text = DAILY + 'tags = ["shop"]\n' + DAILY.replace("books", "other") + "[tags.shop]\nunite = true\npriority = 11\n"
    project = load(text)

    assert [str(problem).split(": ")[0] for problem in project.problems] == [
        "schedules/a.toml:11:1",
        "schedules/a.toml:12:12",
    ]
    assert "tags.shop" in (project.job("books").problem or "")
    assert project.job("other").problem is None


def test_problem_of_a_calendar_disables_the_jobs_that_use_it(load: Callable[..., Any]) -> None:
    """Also where the defaults name it."""
    bad = "[calendars.off]\ndates = [2026-12-24, 5]\n"
    project = load(DAILY + 'not_during = ["off"]\n' + DAILY.replace("books", "other") + bad)
    (problem,) = project.problems

    assert str(problem).startswith("schedules/a.toml:11:22: calendars.off.dates[1]: found ")
    assert project.job("books").problem == str(problem)
    assert project.job("other").problem is None
    assert load('[defaults]\nnot_during = ["off"]\n' + DAILY + bad).job("books").problem


@pytest.mark.parametrize("kind", ["calendars", "tags"])
def test_name_that_is_taken_twice_is_told_in_both_places(load: Callable[..., Any], kind: str) -> None:
    """Which one is meant, nobody can tell: the jobs that use it are disabled."""
    table = {"calendars": "dates = [2026-12-24]\n", "tags": 'queue = "slow"\n'}[kind]
    use = {"calendars": 'not_during = ["x"]\n', "tags": 'tags = ["x"]\n'}[kind]
    project = load(DAILY + use + f"[{kind}.x]\n{table}", files={"schedules/b.toml": f"\n[{kind}.x]\n{table}"})

    assert [str(problem) for problem in project.problems] == [
        f"schedules/a.toml:6:2: {kind}.x: this name is taken in schedules/b.toml:2; rename one",
        f"schedules/b.toml:2:2: {kind}.x: this name is taken in schedules/a.toml:6; rename one",
    ]
    assert project.job("books").problem == str(project.problems[0])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (DAILY + 'not_during = ["of"]\n' + OFF, "5:15: jobs.books.not_during[0]: there is no calendar 'of'; did you mean 'off'?"),
        (DAILY + 'only_during = ["office"]', "5:16: jobs.books.only_during[0]: there is no calendar 'office'; write one: [calendars.office]"),
        (DAILY + 'not_during = "off"\n' + OFF, "5:14: jobs.books.not_during: found 'off'; write a list of strings"),
        (DAILY + 'on_blackout = "defer"', "5:1: jobs.books.on_blackout: means nothing without only_during or not_during"),
        (DAILY + 'not_during = ["off"]\non_blackout = "wait"\n' + OFF, "6:15: jobs.books.on_blackout: found 'wait'; write one of: skip, defer"),
        ("[defaults]\nnot_during = ['of']\n" + OFF, "2:15: defaults.not_during[0]: there is no calendar 'of'; did you mean 'off'?"),
        (DAILY + "[calendars.off]\n", "5:2: calendars.off: is empty; write one of dates, yearly, weekly, ranges, ics, country"),
        (DAILY + OFF + "week = ['mon']\n", "7:1: calendars.off.week: unknown key 'week'; did you mean 'weekly'?"),
        (DAILY + "[calendars.off]\nics = '../off.ics'\n", "6:7: calendars.off.ics: '../off.ics' lies outside of the project"),
        (DAILY + "[calendars.off]\ncountry = 'XX'\n", "6:11: calendars.off.country: found 'XX', whose holidays are not known"),
        (DAILY + "[calendars.'a b']\ndates = [2026-12-24]\n", "5:2: calendars.\"a b\": the name 'a b' has the character U+0020"),
        (DAILY + "[calendars]\noff = 5\n", "6:7: calendars.off: found a value; write a table: [calendars.off]"),
        ("tags = ['shop']\n" + DAILY, "1:8: tags: write tables: [tags.NAME]"),
        (DAILY + SHOP, "5:2: warning: tags.shop: no job has this tag; give it to a job, or remove the table"),
        (DAILY + 'tags = ["shops"]\n' + SHOP, "6:2: warning: tags.shop: no job has this tag; did you mean 'shops'?"),
        (DAILY + 'tags = ["shop"]\n' + SHOP + "tags = ['a']\n", "9:1: tags.shop.tags: unknown key 'tags'; it belongs to a job"),
        (DAILY + 'tags = ["shop"]\n' + SHOP + "qeue = 'a'\n", "9:1: tags.shop.qeue: unknown key 'qeue'; did you mean 'queue'?"),
        (DAILY + 'tags = ["shop"]\n' + SHOP + "not_during = ['off']\n", "9:15: tags.shop.not_during[0]: there is no calendar 'off'"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_where_it_stands(problems: Callable[..., list[str]], text: str, said: str) -> None:
    """One problem for one mistake, with the nearest name."""
    (line,) = problems(text)

    assert line.startswith(f"schedules/a.toml:{said}")


def test_unused_calendar_and_file_of_calendars_alone_are_fine(problems: Callable[..., list[str]]) -> None:
    """A folder may keep its calendars in a file of their own."""
    assert problems(DAILY, files={"schedules/calendars.toml": OFF}) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (DAILY + DAILY.replace("books", "new") + 'replaces = "Books"', "9:12: jobs.new.replaces: there is still a job 'books'"),
        (DAILY + 'replaces = "old"\n' + DAILY.replace("books", "new") + 'replaces = "old"', "10:12: jobs.new.replaces: the job 'books' replaces 'old' already"),
    ],
)  # fmt: skip
def test_earlier_name_belongs_to_one_job(load: Callable[..., Any], text: str, said: str) -> None:
    """What a job decided counts for one other, and only when it is gone."""
    project = load(text)
    (problem,) = project.problems

    assert str(problem).startswith(f"schedules/a.toml:{said}")
    assert (project.job("new").problem, project.job("books").problem) == (str(problem), None)


FILES = {
    "automation.toml": "[defaults]\nqueue = 'all'\n[tags.shop]\npriority = 9\n",
    "schedules/b.toml": DAILY.replace("books", "prices") + '[calendars."off"]\ndates = [2026-12-24]\n',
    "schedules/c.toml": "this is not TOML\n",
    "schedules/d.toml": 'tags.heavy.timeout = "5m"\n' + DAILY.replace("books", "other") + "priority = 99\n",
}


def test_one_job_is_read_as_in_the_whole_project(load: Callable[..., Any], load_one: Callable[[str], Any]) -> None:
    """With its defaults, tags and calendars; files that do not bear on it are not looked at."""
    whole = load(DAILY + 'tags = ["shop", "heavy"]\nnot_during = ["off"]\n', files=FILES)
    one = load_one("books")

    assert list(one.jobs) == ["books"]
    assert one.job("books") == whole.job("books")
    assert (one.job("books").priority, one.job("books").timeout) == (9, timedelta(minutes=5))
    assert (one.problems, len(whole.problems)) == ((), 2)


def test_one_job_that_has_a_namesake_elsewhere_has_that_problem(
    load: Callable[..., Any], load_one: Callable[[str], Any]
) -> None:
    """Also when it is written with an escape, or in other letters."""
    other = DAILY.replace("books", '"\\u0062OOKS"')
    whole = load(DAILY, files={"schedules/b.toml": other})

    assert load_one("books").job("books").problem == whole.job("books").problem is not None


def test_one_job_that_is_not_there_brings_the_whole_project(
    load: Callable[..., Any], load_one: Callable[[str], Any]
) -> None:
    """So that the nearest name can be told."""
    load(DAILY, files=FILES)

    assert list(load_one("boks").jobs) == ["books", "prices", "other"]
