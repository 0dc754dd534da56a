"""The keys of a job: kinds, ranges, and the sentence for every value outside of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from automation.project import keys

HEAD = '[jobs.books]\nplugin = "scrape"\nparams.start = "x"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("timeout = 5", "4:11: jobs.books.timeout: found the number 5; write a duration, such as"),
        ('timeout = "0s"', "4:11: jobs.books.timeout: found '0s'; write a duration from 100ms to 30d"),
        ('timeout = "-1s"', "4:11: jobs.books.timeout: '-1s' is not a duration"),
        ('timeout = "1000000000000s"', "4:11: jobs.books.timeout: '1000000000000s' is"),
        ('timeout = "5 min"', "4:11: jobs.books.timeout: '5 min' is not a duration"),
        ("timeout = inf", "4:11: jobs.books.timeout: found a number out of all bounds"),
        ("timeout = 2026-01-01", "4:11: jobs.books.timeout: found a date; write a duration"),
        ("priority = 10", "4:12: jobs.books.priority: found the number 10; write a whole number from 0 to 9"),
        ("priority = 1.5", "4:12: jobs.books.priority: found the number 1.5; write a whole number"),
        ("priority = true", "4:12: jobs.books.priority: found true; write a whole number"),
        ("priority = 0x" + "f" * 5000, "4:12: jobs.books.priority: found a number out of all bounds"),
        ("enabled = 1", "4:11: jobs.books.enabled: found the number 1; write true or false"),
        ('run_on_start = "yes"', "4:16: jobs.books.run_on_start: found 'yes'; write true or false"),
        ('queue = ["a"]', "4:9: jobs.books.queue: found a list; write a string"),
        ('queue = "a b"', "4:9: jobs.books.queue: the name 'a b' has the character U+0020"),
        ('tags = "shop"', "4:8: jobs.books.tags: found 'shop'; write a list of strings"),
        ('tags = ["ok", 5]', "4:15: jobs.books.tags[1]: found the number 5; write a string"),
        ('tags = ["a,b"]', "4:9: jobs.books.tags[0]: found the tag 'a,b'; write 1 to 50"),
        ("cron = 5", "4:8: jobs.books.cron: found the number 5; write a string"),
        ('cron = ""', "4:8: jobs.books.cron: is empty; write a rule such as"),
        ('cron = "0 25 * * *"', "4:8: jobs.books.cron: hour '25': '25' is out of place; write 0 to 23"),
        ('cron = "0 0 30 2 *"', "4:8: jobs.books.cron: '0 0 30 2 *' never occurs"),
        ('cron = "0 7 1 * mon"', "4:8: warning: jobs.books.cron: day of month '1' and day of week 'mon' are both set"),
        ('every = "0s"', "4:9: jobs.books.every: '0s' is too short"),
        ('cron = "0 7 * * *"\nevery = "1m"', "5:1: jobs.books.every: a job has one of cron and every, not both"),
        (
            'timezone = "Europe/Madird"',
            "4:12: jobs.books.timezone: there is no time zone 'Europe/Madird'; did you mean",
        ),
        ('timezone = "CET"', "4:12: warning: jobs.books.timezone: time zone 'CET' names a fixed rule"),
        ("shcedule = 1", "4:1: jobs.books.shcedule: unknown key 'shcedule'; did you mean 'schedules'?"),
        ("prioriti = 1", "4:1: jobs.books.prioriti: unknown key 'prioriti'; did you mean 'priority'?"),
        (
            "max_attempts = 3",
            "4:1: jobs.books.max_attempts: unknown key 'max_attempts'; it belongs under [jobs.books.retry]",
        ),
        ('group = "x"', "4:1: jobs.books.group: 'group' is not available yet; remove it"),
        ("retry = 3", "4:9: jobs.books.retry: found the number 3; write a table"),
        (
            "retry.max_attempts = -1",
            "4:22: jobs.books.retry.max_attempts: found the number -1; write a whole number from 1",
        ),
        (
            "retry.factor = nan",
            "4:16: jobs.books.retry.factor: found a number out of all bounds; write a number from 1 to 100",
        ),
        ('retry.jitter = "ful"', "4:16: jobs.books.retry.jitter: found 'ful'; did you mean 'full'?"),
        (
            'retry.backoff = "exponental"',
            "4:17: jobs.books.retry.backoff: found 'exponental'; did you mean 'exponential'?",
        ),
        ("retry.backoff = []", "4:17: jobs.books.retry.backoff: found a list; write one of"),
        ('retry.backoff = ["1m", "x"]', "4:24: jobs.books.retry.backoff[1]: 'x' is not a duration"),
        (
            'retry.retry_on = ["transprt"]',
            "4:19: jobs.books.retry.retry_on[0]: found 'transprt'; did you mean 'transport'?",
        ),
        ("retry.attempts = 3", "4:1: jobs.books.retry.attempts: unknown key 'attempts'; did you mean 'max_attempts'?"),
        (
            "retry.on_exhausted = 3",
            "4:22: jobs.books.retry.on_exhausted: found the number 3; write one of: dead_letter",
        ),
        (
            'retry.on_exhausted = "discrad"',
            "4:22: jobs.books.retry.on_exhausted: found 'discrad'; did you mean 'discard'?",
        ),
        ('retry.respect_retry_after = "no"', "4:29: jobs.books.retry.respect_retry_after: found 'no'; write true or"),
        ('retry.retry_after_max = "31d"', "4:25: jobs.books.retry.retry_after_max: found '31d'; write a duration from"),
        (
            'retry.respect_retry_after = false\nretry.retry_after_max = "1h"',
            "5:1: jobs.books.retry.retry_after_max: means nothing with respect_retry_after = false; remove it",
        ),
        ('retry.total_deadline = "0s"', "4:24: jobs.books.retry.total_deadline: found '0s'; write a duration from 1s"),
        ("retry.total_deadline = 5", "4:24: jobs.books.retry.total_deadline: found the number 5; write a duration"),
        (
            'retry.first = "1h"\nretry.jitter = "equal"\nretry.total_deadline = "30m"',
            "6:24: warning: jobs.books.retry.total_deadline: a second attempt begins no sooner than 30m after the first",
        ),
        ('total_deadline = "2h"', "4:1: jobs.books.total_deadline: unknown key 'total_deadline'; it belongs under"),
        (
            "retry.max_snoozes = -1",
            "4:21: jobs.books.retry.max_snoozes: found the number -1; write a whole number from 0",
        ),
        ('max_memory = "500"', "4:14: jobs.books.max_memory: found '500'; write a size such as \"500MB\""),
        ('max_memory = "1MB"', "4:14: jobs.books.max_memory: '1MB' is less than a worker's process has to begin with"),
        ("max_memory = 500", "4:14: jobs.books.max_memory: found the number 500; write a size"),
        ("retry.retry_until_next = 1", "4:26: jobs.books.retry.retry_until_next: found the number 1; write true or"),
    ],
)
def test_wrong_value_is_shown_with_what_is_allowed(problems: Callable[..., list[str]], text: str, said: str) -> None:
    """The line has the place, the key, what was found, and what to write."""
    lines = problems(HEAD + text)

    assert len(lines) == 1
    assert lines[0].startswith(f"schedules/a.toml:{said}")


@pytest.mark.parametrize(
    "pattern", ["transport", "http:404", "http:5xx", "requests.exceptions.Timeout", "ValueError", "parse_drift"]
)
def test_failures_are_named_by_class_code_or_exception(problems: Callable[..., list[str]], pattern: str) -> None:
    """All the forms that a retry policy understands are accepted."""
    assert problems(HEAD + f'retry.retry_on = ["{pattern}"]') == []


@pytest.mark.parametrize(
    "text", ['first = "1h"\njitter = "equal"\ntotal_deadline = "31m"', 'first = "1h"\ntotal_deadline = "1m"',
             'max_attempts = 1\njitter = "none"\ntotal_deadline = "1s"']
)  # fmt: skip
def test_a_deadline_that_leaves_room_for_a_second_attempt_is_no_matter(
    problems: Callable[..., list[str]], text: str
) -> None:
    """However unlikely chance makes it; and neither is one where no second attempt is wanted."""
    assert problems(f"{HEAD}[jobs.books.retry]\n{text}") == []


def test_every_problem_of_a_job_is_told_at_once(problems: Callable[..., list[str]]) -> None:
    """One reading finds all of them."""
    text = 'priority = 10\ntimeout = 5\ncron = "60 * * * *"\nxyz = 1\nretry.first = 1\ntags = 5\nparams.pages = 0\n'

    assert len(problems(HEAD + text)) == 7


def test_references_serve_in_a_job_too(problems: Callable[..., list[str]]) -> None:
    """A queue or a zone may come from the environment, and is checked like any other."""
    assert problems(HEAD + 'queue = "${env:QUEUE:-slow}"\n') == []
    (line,) = problems(HEAD + 'timezone = "${env:ZONE}"\n', environ={"ZONE": "Mars/Olympus"})
    assert "jobs.books.timezone: there is no time zone '***'" in line


def test_no_key_is_both_available_and_not_yet() -> None:
    """A key that is read is never refused as one of a later version."""
    for known in (keys.JOB, keys.DEFAULTS, keys.RETRY, keys.SCHEDULE_FILE, keys.PROJECT_FILE, keys.DATABASE):
        assert all("not available" in keys.unknown_key(name, known) for name in keys._later(known) if name not in known)
        assert not set(known) & set(keys._later(known))
