"""Limits in TOML: what is read, what is refused, and what a run passes before it begins."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.ledger.limit import Limit, Rate
from automation.ledger.states import Kind
from automation.project.definition import definition
from automation.project.effective import effective
from automation.project.model import DeclaredLimit, Limiting, Queue
from automation.project.order import RunSpec, run_of
from automation.project.queues import load_queues
from automation.registry import Registry

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
JOB = '[jobs.books]\nplugin = "scrape"\nparams.start = "https://example.com/"\n'
SHOP = "[limits.shop]\nmax_running = 3\nrate = '30/m'\n"
ONE, MANY = Rate(1, timedelta(seconds=1)), Rate(30, timedelta(minutes=1))


def job_of(load: Callable[..., Any], text: str, project: str = "") -> Any:
    found = load(text, files={"automation.toml": project} if project else None)
    assert found.problems == ()
    return found.job("books")


@given(count=st.integers(1, 100_000), unit=st.sampled_from("smhd"))
def test_a_rate_is_read_as_it_is_written(count: int, unit: str) -> None:
    """Whatever its number and span."""
    assert str(Rate.parse(f"{count}/{unit}")) == f"{count}/{unit}"


@pytest.mark.parametrize(
    "text", ["", "30", "0/m", "30/w", "30/min", "30 /m", "-1/s", "1.5/s", "100001/s", "٣/s", "01/s"]
)
def test_what_is_no_rate_is_told_what_to_write(text: str) -> None:
    """With the grammar, and the text that was found."""
    with pytest.raises(ValueError, match="write how many in which span: 30/m"):
        Rate.parse(text)


def test_keys_of_a_job_are_read(load: Callable[..., Any]) -> None:
    """A job that says nothing has none; the nearest table has the word, and "" takes a rate back."""
    assert job_of(load, JOB).limits == ()
    one = job_of(load, JOB + 'rate = "30/m"\nrate_key = "{{ params.start }}"\n')
    assert one.limiting == Limiting((), MANY, "{{ params.start }}")
    assert one.limits == (DeclaredLimit(Limit("job books", "job books", rate=MANY), "{{ params.start }}"),)
    tagged = "[tags.a]\nrate = '1/s'\n[defaults]\ntags = ['a']\n"
    assert job_of(load, tagged + JOB).limiting.rate == ONE
    assert job_of(load, tagged + JOB + 'rate = ""\n').limits == ()


def test_limits_of_the_project_and_the_queue_hold_for_their_jobs(load: Callable[..., Any]) -> None:
    """Those that it names, its own rate, and that of its queue, which it need not name."""
    around = SHOP + 'key = "{{ params.start }}"\n[queues.slow]\nmax_running = 2\n'
    one = job_of(load, JOB + "limits = ['shop']\nqueue = 'slow'\nrate = '1/s'\n", around)
    assert one.limits == (
        DeclaredLimit(Limit("limit shop", "limit shop", 3, MANY), "{{ params.start }}"),
        DeclaredLimit(Limit("job books", "job books", rate=ONE)),
        DeclaredLimit(Limit("queue slow", "queue slow", 2)),
    )
    run = run_of(one, kind=Kind.BACKFILL, nominal_time=NOON, now=NOON, params={"start": "s"})
    keys = [limit.key for limit in RunSpec.from_json(run.spec).limits]
    assert keys == ["job books", "limit shop (s)", "queue slow"]


def test_a_run_of_any_kind_has_the_limits_of_its_job(load: Callable[..., Any]) -> None:
    """Also one of a backfill; and a key that no database takes is cut to one that every database does."""
    one = job_of(load, JOB + 'rate = "1/s"\nrate_key = "{{ params.start }}"\n')
    for kind in Kind:
        run = run_of(one, kind=kind, nominal_time=NOON, now=NOON, params={"start": "\0" * 900})
        (key,) = [limit["key"] for limit in run.spec["limits"]]
        assert len(key) <= 320
        assert key.isprintable()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (JOB + "rate = 30", "4:8: jobs.books.rate: found the number 30; write a string such as \"30/m\": how many in which span"),
        (JOB + "rate = '30/w'", "4:8: jobs.books.rate: '30/w' is not a rate from 1 to 100,000; write how many in which span"),
        (JOB + "rate_key = 'a'", "4:1: jobs.books.rate_key: means nothing without rate; remove it"),
        (JOB + "rate = '1/s'\nrate_key = '{{ params.strat }}'", "5:12: jobs.books.rate_key: 'scrape' has no parameter 'strat'; did you mean 'start'?"),
        (JOB + "limits = 'shop'", "4:10: jobs.books.limits: found 'shop'; write a list of strings"),
        (JOB + "limits = ['shp']", "4:11: jobs.books.limits[0]: there is no limit 'shp' in automation.toml; did you mean 'shop'?"),
        (JOB + "limits = ['x']", "4:11: jobs.books.limits[0]: there is no limit 'x' in automation.toml; there are: shop, site"),
        (JOB + "limits = ['site']", "4:10: jobs.books.limits: limit site counts by 'host', and 'scrape' has no such parameter"),
        (JOB + "rate_limit = '30/m'", "4:1: jobs.books.rate_limit: unknown key 'rate_limit'; did you mean 'rate'?"),
        ("[limits.a]\nrate = '1/s'\n" + JOB, "1:2: limits: unknown key 'limits'; limits belong into automation.toml"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_told(load: Callable[..., Any], text: str, said: str) -> None:
    """A wrong value, an unknown limit, and a key that means nothing beside the others, in their places."""
    use = '[jobs.use]\nplugin = "scrape"\nparams.start = "a"\nlimits = ["shop"]\n'
    around = {
        "automation.toml": SHOP + "[limits.site]\nrate = '1/s'\nkey = '{{ params.host }}'\n",
        "schedules/b.toml": use,
    }
    problems = [str(one) for one in load(text, files=around).problems if "no job names" not in str(one)]
    assert len(problems) == 1
    assert problems[0].startswith(f"schedules/a.toml:{said}"), problems


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("limits = 5", "1:10: limits: found the number 5; write tables: [limits.NAME]"),
        ("[limits]\nshop = 5", "2:8: limits.shop: found the number 5; write a table: [limits.shop] rate = \"30/m\""),
        ("[limits.shop]\nkey = 'a'", "1:2: limits.shop: limits nothing; write max_running = 3, rate = \"30/m\", or both"),
        ("[limits.shop]\nmax_running = 0", "2:15: limits.shop.max_running: found the number 0; write a whole number from 1"),
        ("[limits.shop]\nrat = '1/s'\nmax_running = 1", "2:1: limits.shop.rat: unknown key 'rat'; did you mean 'rate'?"),
        ("[limits.shop]\nrate = '1/s'\nkey = '{{ site }}'", "3:7: limits.shop.key: found '{{ site }}'; write 1 to 200 printable characters"),
        ("[queues.default]\nmax_running = 0", "2:15: queues.default.max_running: found the number 0"),
    ],
)  # fmt: skip
def test_a_table_that_cannot_be_meant_disables_the_jobs_that_name_it(
    load: Callable[..., Any], text: str, said: str
) -> None:
    """Its problem is told once, in its place."""
    found = load(JOB + ("limits = ['shop']\n" if "[limits" in text else ""), files={"automation.toml": text})
    assert str(found.problems[0]).startswith(f"automation.toml:{said}")
    assert (found.job("books").problem is not None) == ("[limits" in text)


def test_a_limit_that_nobody_names_is_a_warning(load: Callable[..., Any]) -> None:
    """With what to do."""
    (problem,) = load(JOB, files={"automation.toml": SHOP}).problems
    assert 'warning: limits.shop: no job names this limit; give it to a job: limits = ["shop"]' in str(problem)


def test_a_change_of_a_limit_changes_the_jobs_that_have_it(load: Callable[..., Any]) -> None:
    """So that it becomes active with them, and `plan` tells it."""
    text = JOB + "limits = ['shop']\nqueue = 'slow'\n"
    kinds = [SHOP, SHOP.replace("30/m", "31/m"), SHOP.replace("3\n", "4\n"), SHOP + "key = 'a'\n", SHOP + "[queues.slow]\nmax_running = 1\n"]  # fmt: skip
    found = [str(definition(job_of(load, text, kind))["limits"]) for kind in kinds]
    assert len(set(found)) == len(found)


def test_show_effective_names_the_place(load: Callable[..., Any], tmp_path: Path, registry: Registry) -> None:
    """Of the rate and the names, as they are written."""
    load("[tags.a]\nrate = '30/m'\n" + JOB + "tags = ['a']\nlimits = ['shop']\n", files={"automation.toml": SHOP})
    _, found = effective(tmp_path, registry, {}, "books")
    values = {one.key: (one.value, one.origin) for one in found}
    assert values["rate"] == ("30/m", "schedules/a.toml:2 [tags.a]")
    assert values["limits"] == (("shop",), "schedules/a.toml:7")
    assert values["rate_key"] == (None, "default")


def test_queues_say_how_many_of_their_runs_are_at_work(load: Callable[..., Any], tmp_path: Path) -> None:
    """Beside how many may wait."""
    load(JOB, files={"automation.toml": "[queues.default]\nmax_waiting = 5\nmax_running = 2\n"})
    assert load_queues(tmp_path) == {"default": Queue(5, 2)}
