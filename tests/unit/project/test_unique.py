"""Unique keys and queues in TOML: what is read, what is refused, and the key that a run gets."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.ledger.states import Kind
from automation.ledger.unique_key import CONFLICTS, Unique
from automation.project.definition import definition
from automation.project.effective import effective
from automation.project.model import Job, Queue, Uniqueness
from automation.project.order import run_of, unique_of
from automation.project.queues import load_queues
from automation.registry import Registry
from automation.retry import RetryPolicy

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
BY_X = Job(
    name="a", plugin="p", params={}, schedules=(), enabled=True, run_on_start=False, queue="default", priority=5,
    timeout=timedelta(1), kill_after=timedelta(1), retry=RetryPolicy(), tags=(), description="", path=Path(), line=1,
    unique=Uniqueness("{{ params.x }}"),
)  # fmt: skip
JOB = '[jobs.books]\nplugin = "scrape"\nparams.start = "https://example.com/"\n'
KEY = JOB + 'unique_key = "{{ params.start }}"\n'


def job_of(load: Callable[..., Any], text: str) -> Job:
    project = load(text)
    assert project.problems == ()
    return project.job("books")


def test_keys_of_a_job_are_read(load: Callable[..., Any]) -> None:
    """A job that says nothing has none; the nearest table has the word, and "" takes a key back."""
    read = job_of(load, KEY + 'on_conflict = "reject"\nunique_for = "1h"\n')
    assert read.unique == Uniqueness("{{ params.start }}", "reject", timedelta(hours=1))
    assert job_of(load, JOB).unique == Uniqueness()
    tagged = "[tags.a]\nunique_key = 'x'\nunique_for = '1h'\n[defaults]\ntags = ['a']\non_conflict = 'reject'\n"
    assert job_of(load, tagged + JOB).unique == Uniqueness("x", "reject", timedelta(hours=1))
    assert job_of(load, tagged + JOB + 'unique_key = ""\n').unique.unique_key is None
    assert job_of(load, tagged + JOB + 'unique_for = "none"\n').unique.unique_for is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (JOB + "unique_key = true", "4:14: jobs.books.unique_key: found true; write a string"),
        (JOB + 'unique_key = "{{ params.strat }}"', "4:14: jobs.books.unique_key: 'scrape' has no parameter 'strat'; did you mean 'start'?"),
        (JOB + 'unique_key = "{{ site }}"', "4:14: jobs.books.unique_key: found '{{ site }}'; write 1 to 200 printable characters"),
        (KEY + 'on_conflict = "rejct"', "5:15: jobs.books.on_conflict: found 'rejct'; did you mean 'reject'?"),
        (KEY + "unique_for = 5", "5:14: jobs.books.unique_for: found the number 5; write a duration"),
        (JOB + 'on_conflict = "reject"', "4:1: jobs.books.on_conflict: means nothing without unique_key; remove it"),
        (JOB + 'unique_key = ""\nunique_for = "1h"', "5:1: jobs.books.unique_for: means nothing without unique_key"),
        (KEY + 'on_conflict = "replace_waiting"\nunique_for = "1h"', '6:1: jobs.books.unique_for: means nothing with on_conflict = "replace_waiting": a run that has ended'),
        ('[defaults]\non_conflict = "replace_waiting"\nunique_for = "1h"\n' + KEY, "3:1: defaults.unique_for: means nothing"),
        (JOB + 'uniqe_key = "a"', "4:1: jobs.books.uniqe_key: unknown key 'uniqe_key'; did you mean 'unique_key'?"),
        ("[queues.default]\n" + JOB, "1:2: queues: unknown key 'queues'; queues belong into automation.toml"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_told(load: Callable[..., Any], text: str, said: str) -> None:
    """A wrong value, and a key that means nothing beside the others, in their places."""
    (problem,) = load(text).problems
    assert str(problem).startswith(f"schedules/a.toml:{said}")


@pytest.mark.parametrize("text", ["[defaults]\non_conflict = 'reject'\nunique_for = '1h'\n" + JOB])
def test_what_is_inherited_need_not_mean_something_to_each_job(load: Callable[..., Any], text: str) -> None:
    """It is there for those that have a unique key."""
    assert load(text).problems == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[queues.default]\nmax_waiting = 0", "2:15: queues.default.max_waiting: found the number 0; write a whole number from 1"),
        ("[queues.default]\nmax_wating = 5", "2:1: queues.default.max_wating: unknown key 'max_wating'; did you mean 'max_waiting'?"),
        ("queues = 5", "1:10: queues: found the number 5; write tables: [queues.NAME]"),
        ("[queues]\ndefault = 5", "2:11: queues.default: found the number 5; write a table: [queues.default] max_waiting = 10000"),
        ('[queues."a b"]\nmax_waiting = 5', "1:2: queues.\"a b\": the name 'a b' has the character U+0020"),
        ("[queues.defalt]\nmax_waiting = 5", "1:2: warning: queues.defalt: no job is in this queue; did you mean 'default'?"),
    ],
)  # fmt: skip
def test_wrong_queues_are_told_in_their_place(load: Callable[..., Any], text: str, said: str) -> None:
    """The jobs run; a limit that cannot be read limits nothing."""
    project = load(JOB, files={"automation.toml": text})
    (problem,) = project.problems
    assert str(problem).startswith(f"automation.toml:{said}")
    assert project.job("books").active


def test_queues_are_read(load: Callable[..., Any], tmp_path: Path) -> None:
    """From the project's file alone, as whoever asks for a run does; without the file there are none."""
    assert load_queues(tmp_path) == {}
    load(JOB, files={"automation.toml": "[queues.default]\nmax_waiting = 5\n[queues.slow]\n"})
    assert load_queues(tmp_path) == {"default": Queue(5), "slow": Queue()}


def test_what_counts_is_shown_and_compared(load: Callable[..., Any], tmp_path: Path, registry: Registry) -> None:
    """`show --effective` names each key with its place; a change of one is a change of the job."""
    job = job_of(load, KEY)
    found = {one.key: (one.value, one.origin) for one in effective(tmp_path, registry, {}, "books")[1]}
    assert found["unique_key"] == ("{{ params.start }}", "schedules/a.toml:4")
    assert found["on_conflict"] == ("return_existing", "default")
    assert definition(job) != definition(job_of(load, KEY + 'unique_for = "1h"\n'))


def test_a_run_has_the_key_of_its_parameters(load: Callable[..., Any]) -> None:
    """Until when it holds it is counted from when it is asked for; a backfill's run has it as others do."""
    job = job_of(load, KEY + 'unique_for = "1h"\n')
    common = {"nominal_time": NOON - timedelta(days=1), "now": NOON, "params": {"start": "x"}}
    for kind in (Kind.API, Kind.BACKFILL):
        assert run_of(job, kind=kind, **common).unique == Unique("x", "return_existing", NOON + timedelta(hours=1))
    waits = job_of(load, KEY + 'on_conflict = "replace_waiting"\n')
    assert unique_of(waits, {"start": "x"}, NOON) == Unique("x", CONFLICTS[2])


@given(st.text(max_size=300), st.text(max_size=300))
def test_different_parameters_have_different_keys(one: str, other: str) -> None:
    """However long they are and whatever is in them; and every database takes each key."""
    first, second = (unique_of(BY_X, {"x": text}, NOON) for text in (one, other))
    assert first is not None
    assert (first == second) == (one == other)
    assert len(first.key) <= 200
    assert first.key.isprintable()
    assert not re.search("[\ud800-\udfff]", first.key)
