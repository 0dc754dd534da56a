"""Herds: who is planned for one minute, at which host, and what would spread them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from automation.project.herds import crowds, fullest, fullest_by_host, hosts_of, proposals
from automation.project.model import Project

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.fixture
def shops(load: Callable[..., Project]) -> Callable[..., Project]:
    """`shops(rules)`: a job for each rule, all of one host."""

    def make(*rules: str, site: str = "https://shop.example/list") -> Project:
        jobs = [
            f'[jobs.j{number}]\nplugin = "scrape"\n{rule}\nparams.start = "{site}"\n'
            for number, rule in enumerate(rules)
        ]
        return load("".join(jobs))

    return make


def test_the_fullest_minute_stands_first(shops: Callable[..., Project]) -> None:
    """Two at seven, three at eight: eight it is, with its three jobs in the order of the files."""
    jobs = shops('cron = "0 7,8 * * *"', 'cron = "0 8 * * *"', 'cron = "0 7,8 * * *"').jobs
    first, second = fullest(crowds(jobs.values(), NOW), 2)

    assert (first.minute.hour, list(first.members)) == (8, ["j0", "j1", "j2"])
    assert (second.minute.hour, list(second.members)) == (7, ["j0", "j2"])


def test_one_job_is_no_herd(shops: Callable[..., Project]) -> None:
    """Two schedules of one job in a minute are one job."""
    jobs = shops('schedules = [{id = "a", cron = "0 7 * * *"}, {id = "b", every = "1h"}]').jobs

    assert fullest(crowds(jobs.values(), NOW), 5) == []


@pytest.mark.parametrize(
    ("rule", "line"),
    [
        ('cron = "0 7 * * *"', 'cron = "30 7 * * *"'),
        ('cron = "45 7 * * mon-fri"', 'cron = "15 7 * * mon-fri"'),
        ('cron = "*/15 7 * * *"', 'cron = "7-59/15 7 * * *"'),
        ('cron = "@daily"', 'cron = "30 0 * * *"'),
        ('every = "1h"', 'jitter = "10m"'),
        ('every = "4m"', 'jitter = "2m"'),
        ('cron = "0,30 7 * * *"', 'jitter = "10m"'),
        ('cron = "0 0 7 * * *"\nseconds = "first"', 'jitter = "10m"'),
    ],
)
def test_the_second_of_two_is_given_a_line(shops: Callable[..., Project], rule: str, line: str) -> None:
    """What stands in the file with another minute where that can be said, else a jitter shorter than its period."""
    (herd,) = fullest(crowds(shops(rule, rule).jobs.values(), NOW), 1)

    assert [(one.job, one.schedule, one.line) for one in proposals(herd)] == [("j1", "main", line)]


@pytest.mark.parametrize(
    "rule",
    ['every = "10s"', 'every = "1m"', 'cron = "* * * * *"', 'cron = "*/10 */1 8 * * *"\nseconds = "first"'],
)
def test_what_fires_each_minute_is_in_no_herd(shops: Callable[..., Project], rule: str) -> None:
    """It is in every minute, wherever it is moved, so that there is nothing to be said of it."""
    jobs = shops(rule, rule, 'cron = "0 7 * * *"', 'cron = "0 7 * * *"').jobs
    found = crowds(jobs.values(), NOW)

    assert [list(herd.members) for herd in fullest(found, 5)] == [["j2", "j3"]]
    assert [list(herd.members) for herd in fullest_by_host(jobs, found, 5)] == [["j2", "j3"]]


def test_more_jobs_than_minutes_are_given_a_hashed_one(shops: Callable[..., Project]) -> None:
    """With 61 jobs in a minute there is no minute for each."""
    (herd,) = fullest(crowds(shops(*['cron = "0 7 * * *"'] * 61).jobs.values(), NOW), 1)

    assert {one.line for one in proposals(herd)} == {'cron = "H 7 * * *"'}


def test_the_proposals_of_a_herd_are_schedules_that_spread_it(shops: Callable[..., Project]) -> None:
    """Twelve jobs that follow them are in twelve minutes."""
    (herd,) = fullest(crowds(shops(*['cron = "0 7 * * *"'] * 12).jobs.values(), NOW), 1)
    spread = shops('cron = "0 7 * * *"', *(one.line for one in proposals(herd)))

    assert fullest(crowds(spread.jobs.values(), NOW), 1) == []
    assert len(crowds(spread.jobs.values(), NOW)) == 12


def test_a_host_sees_its_own_herd_only(shops: Callable[..., Project], load: Callable[..., Project]) -> None:
    """Of four jobs in a minute two ask one host and one asks another; the fourth asks none that is known here."""
    sites = ["https://a.example/1", "http://A.example:8080/2", "https://b.example/", "${env:SITE:-x}"]
    text = "".join(
        f'[jobs.j{number}]\nplugin = "scrape"\ncron = "0 7 * * *"\nparams.start = "{site}"\n'
        for number, site in enumerate(sites)
    )
    jobs = load(text).jobs
    found = fullest_by_host(jobs, crowds(jobs.values(), NOW), 5)

    assert [(herd.host, list(herd.members)) for herd in found] == [("a.example", ["j0", "j1"])]


def test_hosts_are_found_wherever_they_stand() -> None:
    """In lists and tables too; text that is no address, or no usable one, is none."""
    params = {"start": ["https://a/", "ftp://b/"], "auth": {"url": "http://c:1/x"}, "pages": 3, "bad": "http://[x"}

    assert list(hosts_of(params)) == ["a", "c"]
