"""What a look at the coming fires shows, from one fixed moment on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from automation.project.lint import lint
from automation.project.model import Project

NOW = datetime(2026, 11, 21, 13, 0, tzinfo=UTC)
HEAD = '[jobs.books]\nplugin = "scrape"\nparams.start = "https://example.com/"\n'
CALENDARS = """
[calendars]
office.weekly = ["mon-fri 08:00-18:00"]
weekend.weekly = ["sat,sun"]
winter.ranges = ["2026-11-01/2027-02-28"]
"""
BERLIN = 'timezone = "Europe/Berlin"\n'


@pytest.fixture
def linted(load: Callable[..., Any]) -> Callable[[str], Project]:
    """`linted(text)`: the project of this file, looked at from the moment of these tests."""
    return lambda text: lint(load(text), NOW)


@pytest.mark.parametrize(
    ("rule", "severity", "said"),
    [
        ('cron = "0 0 29 2 *"', "warning", "4:8: warning: jobs.books: does not fire before 2028-02-29, in more than 400 days"),
        ('cron = "0 0 29 2 mon"\nday_match = "and"', "error", "4:8: jobs.books: does not fire before 2044-02-29, in more than 5 years"),
        ('every = "1h"\nstart_at = 2028-06-01', "warning", "4:9: warning: jobs.books: does not fire before 2028-06-01"),
        ('every = "1h"\nstart_at = 2040-01-01', "error", "4:9: jobs.books: does not fire before 2040-01-01, in more than 5 years"),
        ('every = "1h"\nend_at = 2026-11-01', "warning", "4:9: warning: jobs.books: fires no more: its end_at (2026-11-01T00:00:00Z) has passed"),
        ('cron = "0 0 1 1 *"\nstart_at = 2027-01-02\nend_at = 2027-12-31', "error", "4:8: jobs.books: never fires in the years to come"),
        ('rrule = "DTSTART:20350101 RRULE:FREQ=DAILY"', "error", "4:9: jobs.books: does not fire before 2035-01-01"),
    ],
)  # fmt: skip
def test_rule_that_seldom_or_never_fires_is_told(
    linted: Callable[[str], Project], rule: str, severity: str, said: str
) -> None:
    """No fire in 400 days is a warning, none in five years an error that disables the job; an end that has come is neither."""
    project = linted(HEAD + rule)
    (problem,) = project.problems

    assert str(problem).startswith(f"schedules/a.toml:{said}")
    assert (project.job("books").problem is not None) == (severity == "error")


@pytest.mark.parametrize("rule", ['cron = "0 0 1 1 *"', 'every = "8000h"', 'cron = "@yearly"', ""])
def test_rule_that_fires_within_a_year_is_not(linted: Callable[[str], Project], rule: str) -> None:
    """Once a year is often enough, and so is by hand."""
    assert linted(HEAD + rule).problems == ()


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (BERLIN + 'cron = "30 2 * * *"', ["on 2027-03-28 its time does not exist and it fires at 03:00", "on 2027-10-31 its time comes twice", "say dst_gap and dst_overlap"]),
        (BERLIN + 'cron = "30 2 * * *"\ndst_gap = "skip"', ["on 2027-10-31", "say dst_overlap"]),
        (BERLIN + 'cron = "30 2 * * *"\ndst_overlap = "both"', ["on 2027-03-28", "say dst_gap"]),
        (BERLIN + 'cron = "30 2 * 3 sun"', ["on 2027-03-28", "say dst_gap"]),
        (BERLIN + 'cron = "30 2 * * *"\nend_at = 2027-06-01', ["on 2027-03-28", "say dst_gap"]),
        ('timezone = "Africa/Cairo"\ncron = "@daily"', ["on 2027-04-30 its time does not exist and it fires at 01:00", "say dst_gap"]),
        (BERLIN + 'rrule = "DTSTART:20260101T023000 RRULE:FREQ=DAILY"', ["on 2027-03-28", "on 2027-10-31"]),
    ],
)  # fmt: skip
def test_hour_that_clocks_touch_is_told_with_its_dates(
    linted: Callable[[str], Project], rule: str, said: list[str]
) -> None:
    """The next date of each kind on which the rule itself would fire, unless it has said what it wants."""
    (problem,) = linted(HEAD + rule).problems

    assert problem.severity == "warning"
    assert all(words in problem.message for words in said)


@pytest.mark.parametrize(
    "rule",
    [
        BERLIN + 'cron = "30 4 * * *"',
        BERLIN + 'cron = "*/15 * * * *"',
        BERLIN + 'cron = "30 2 * * mon"',
        BERLIN + 'cron = "30 2 * * *"\ndst_gap = "skip"\ndst_overlap = "first"',
        BERLIN + 'cron = "30 2 * * *"\nend_at = 2027-01-01',
        'cron = "30 2 * * *"',
        BERLIN + 'every = "1h"',
    ],
)
def test_rule_that_no_change_of_the_clocks_touches_is_not(linted: Callable[[str], Project], rule: str) -> None:
    """Another hour, real time, another day of the week, a zone without changes, or a rule that has said it."""
    assert linted(HEAD + rule).problems == ()


@pytest.mark.parametrize(
    ("rule", "warned"),
    [
        ('every = "10m"\ntimeout = "15m"', True),
        ('every = "15m"\ntimeout = "15m"', False),
        ('every = "10m"', False),
        ('cron = "0,50 8 * * *"\ntimeout = "20m"', False),
        ('cron = "0,10 8 * * *"\ntimeout = "20m"', True),
    ],
)
def test_timeout_beyond_the_next_fire_is_told(linted: Callable[[str], Project], rule: str, warned: bool) -> None:
    """The shortest of the coming gaps counts; a timeout that nobody wrote is no mistake."""
    messages = [problem.message for problem in linted(HEAD + rule).problems]

    assert ["is longer than the 10m between its fires" in message for message in messages] == [True] * warned


def test_schedule_of_several_is_named(linted: Callable[[str], Project]) -> None:
    """The problem stands at the rule and says which one it is."""
    text = (
        HEAD
        + '[[jobs.books.schedules]]\nid = "a"\nevery = "1h"\n[[jobs.books.schedules]]\nid = "b"\ncron = "0 0 29 2 *"\n'
    )
    (problem,) = linted(text).problems

    assert (problem.line, problem.column) == (9, 8)
    assert problem.message.startswith("jobs.books: schedule 'b': does not fire before 2028-02-29")


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("at = 2026-11-01T09:00:00Z", "4:6: warning: jobs.books: its last instant (2026-11-01T09:00:00Z) has passed; it runs only if a scheduler"),
        ("at = [2026-11-01, 2025-11-01]", "4:6: warning: jobs.books: its last instant (2026-11-01T00:00:00Z) has passed"),
        ('every = "10m"\njitter = "6m"', "4:9: warning: jobs.books: its jitter of 6m is more than half of the 10m between its fires at 2026-11-21T13:10:00Z"),
        ('cron = "0,5 8 * * *"\njitter = "3m"', "4:8: warning: jobs.books: its jitter of 3m is more than half of the 5m"),
        ('cron = "0 7 * * *"\nonly_during = ["office"]', "4:8: jobs.books: never runs: each of its fires of the next 400 days falls into"),
        ('cron = "0 10 * * sat"\nnot_during = ["weekend"]', "4:8: jobs.books: never runs: each of its fires of the next 400 days falls into not_during weekend"),
        ('every = "1h"\nonly_during = ["office"]\nnot_during = ["office"]', "4:9: jobs.books: never runs: its calendars leave no time in the next 400 days; change its rule, or its calendars: office, office"),
        ('every = "10m"\nnot_during = ["winter"]', "4:9: warning: jobs.books: does not run before 2026-11-25: each of its next fires falls into not_during winter"),
        ("at = 2027-01-02T12:00:00Z\nnot_during = ['weekend']", "4:6: jobs.books: never runs"),
    ],
)  # fmt: skip
def test_policy_that_works_against_its_rule_is_told(linted: Callable[[str], Project], rule: str, said: str) -> None:
    """Instants that are over, a jitter that mixes fires up, calendars that let none run."""
    (problem,) = linted(HEAD + rule + CALENDARS).problems

    assert str(problem).startswith(f"schedules/a.toml:{said}")


@pytest.mark.parametrize(
    "rule",
    [
        "at = [2026-11-01, 2027-11-01]",
        'every = "10m"\njitter = "5m"',
        'fixed_delay = "1m"\ntimeout = "5m"',
        'cron = "0 9 * * *"\nonly_during = ["office"]\nnot_during = ["winter"]',
        'every = "6h"\nonly_during = ["office"]\non_blackout = "defer"',
        'every = "10m"\ntimeout = "15m"\noverlap = "queue_one"',
        'every = "10m"\ntimeout = "15m"\nmax_running = 2',
    ],
)
def test_policy_that_goes_with_its_rule_is_not(linted: Callable[[str], Project], rule: str) -> None:
    """One instant is left, half of the gap is kept, some fire runs, and overlap is allowed for."""
    assert linted(HEAD + rule + CALENDARS).problems == ()


@pytest.mark.parametrize(("number", "warned"), [(20, False), (21, True), (40, True)])
def test_herd_is_told_with_its_minute(linted: Callable[[str], Project], number: int, warned: bool) -> None:
    """More than twenty jobs in one minute of the coming day; the way out is `H`."""
    text = "".join(HEAD.replace("books", f"job-{one}") + 'cron = "0 3 * * *"\n' for one in range(number))
    messages = [str(problem) for problem in linted(text).problems]

    assert len(messages) == warned
    if warned:
        assert messages[0].startswith(
            f"schedules:1:1: warning: {number} jobs fire in the same minute, 2026-11-22 03:00Z: job-0,"
        )
        assert 'cron = "H 3 * * *"' in messages[0]


@pytest.mark.parametrize("rule", ['cron = "H 3 * * *"', 'cron = "0 3 * * *"\nenabled = false', 'cron = "0 3 * * mon"'])
def test_spread_disabled_and_distant_jobs_are_no_herd(linted: Callable[[str], Project], rule: str) -> None:
    """Only what fires in the coming day counts: 21 November 2026 is a Saturday."""
    text = "".join(HEAD.replace("books", f"job-{one}") + rule + "\n" for one in range(40))

    assert linted(text).problems == ()


def test_problem_of_another_kind_is_kept_in_its_place(linted: Callable[[str], Project]) -> None:
    """Problems stay in the order of files and lines; a job that has one is not looked at."""
    text = HEAD + 'cron = "0 0 29 2 *"\n' + HEAD.replace("books", "wrong") + 'cron = "0 0 29 2 *"\npriority = 11\n'
    problems = linted(text).problems

    assert [problem.line for problem in problems] == [4, 9]
