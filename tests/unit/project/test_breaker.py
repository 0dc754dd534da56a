"""Breakers in TOML: what is read, what is refused, and the breaker that a run gets."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from automation.ledger.circuit import Breaker
from automation.ledger.states import Kind
from automation.project.definition import definition
from automation.project.effective import effective
from automation.project.model import BreakerPolicy
from automation.project.order import RunSpec, breaker_for, run_of
from automation.registry import Registry

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
JOB = '[jobs.books]\nplugin = "scrape"\nparams.start = "https://example.com/"\n'
TABLE = JOB + "[jobs.books.breaker]\n"


def job_of(load: Callable[..., Any], text: str) -> Any:
    found = load(text)
    assert found.problems == ()
    return found.job("books")


def test_a_breaker_is_read(load: Callable[..., Any]) -> None:
    """Without a table there is none; with one, what it lacks is inherited key by key, or has its default."""
    assert job_of(load, JOB).breaker == BreakerPolicy()
    assert breaker_for(job_of(load, JOB), {}) is None
    assert job_of(load, TABLE).breaker == BreakerPolicy(5)
    text = TABLE + 'failures = 3\nopen_for = "1h"\nkey = "{{ params.start }}"\non = ["transport", "http:5xx"]\n'
    assert job_of(load, text).breaker == BreakerPolicy(
        3, timedelta(hours=1), "{{ params.start }}", ("transport", "http:5xx")
    )
    inherited = "[defaults.breaker]\nfailures = 9\nopen_for = '1m'\n"
    assert job_of(load, inherited + TABLE + "failures = 2\n").breaker == BreakerPolicy(2, timedelta(minutes=1))
    assert breaker_for(job_of(load, inherited + TABLE + "failures = 0\n"), {}) is None


def test_a_run_keeps_the_breaker_of_its_job(load: Callable[..., Any]) -> None:
    """By its own key, or by one that it shares with other jobs; and reads it back as it was."""
    own = job_of(load, TABLE)
    assert breaker_for(own, {}) == Breaker("breaker books", 5, timedelta(minutes=10))
    shared = job_of(load, TABLE + 'key = "{{ params.start }}"\non = ["transport"]\n')
    run = run_of(shared, kind=Kind.MANUAL, nominal_time=NOON, now=NOON, params={"start": "s"})
    assert RunSpec.from_json(run.spec).breaker == Breaker("breaker (s)", 5, timedelta(minutes=10), ("transport",))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (JOB + "breaker = 5", "4:11: jobs.books.breaker: found the number 5; write a table"),
        (TABLE + "failures = -1", "5:12: jobs.books.breaker.failures: found the number -1; write a whole number from 0"),
        (TABLE + "failurs = 5", "5:1: jobs.books.breaker.failurs: unknown key 'failurs'; did you mean 'failures'?"),
        (TABLE + "open_for = 5", "5:12: jobs.books.breaker.open_for: found the number 5; write a duration"),
        (TABLE + 'on = ["transprt"]', "5:7: jobs.books.breaker.on[0]: found 'transprt'; did you mean 'transport'?"),
        (TABLE + 'key = "{{ params.strat }}"', "5:7: jobs.books.breaker.key: 'scrape' has no parameter 'strat'; did you mean 'start'?"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_told(load: Callable[..., Any], text: str, said: str) -> None:
    """In its place."""
    (problem,) = load(text).problems
    assert str(problem).startswith(f"schedules/a.toml:{said}")


def test_a_change_of_it_is_a_change_of_the_job(load: Callable[..., Any]) -> None:
    """Of each of its keys."""
    each = ["", "failures = 4", 'open_for = "1h"', 'key = "a"', 'on = ["lost"]']
    assert len({str(definition(job_of(load, TABLE + more))) for more in each}) == len(each)


def test_show_effective_names_the_place(load: Callable[..., Any], tmp_path: Path, registry: Registry) -> None:
    """Of each key."""
    load("[defaults.breaker]\nopen_for = '1m'\n" + TABLE + "failures = 2\n")
    _, found = effective(tmp_path, registry, {}, "books")
    values = {one.key: (one.value, one.origin) for one in found if one.key.startswith("breaker")}
    assert values["breaker.failures"] == (2, "schedules/a.toml:7")
    assert values["breaker.open_for"] == (timedelta(minutes=1), "schedules/a.toml:2 [defaults]")
    assert values["breaker.on"] == ((), "default")
