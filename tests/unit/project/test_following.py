"""Jobs that follow jobs, in TOML: what is read, what is refused with its place, and what a run holds of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from automation.ledger.graph import Graph
from automation.ledger.rows import NewRun
from automation.ledger.states import Kind
from automation.project.after import After
from automation.project.definition import definition
from automation.project.effective import effective
from automation.project.frozen import with_flow
from automation.project.lineage import circles, families, ordered
from automation.project.lint import lint
from automation.project.model import Job
from automation.project.order import run_of
from automation.registry import Registry
from automation.retry import RetryPolicy

SEVEN = datetime(2026, 3, 2, 7, tzinfo=UTC)
PARAMS = 'plugin = "scrape"\nparams.start = "https://example.com/"\n'
A_JOB = Job(
    name="a", plugin="p", params={}, schedules=(), enabled=True, run_on_start=False, queue="default", priority=5,
    timeout=timedelta(1), kill_after=timedelta(1), retry=RetryPolicy(), tags=(), description="", path=Path(), line=1,
)  # fmt: skip


def job(name: str, *lines: str) -> str:
    """A job as TOML."""
    return "\n".join([f"[jobs.{name}]", PARAMS + lines[0] if lines else PARAMS, *lines[1:], ""])


def run(one: Job, kind: Kind = Kind.SCHEDULED, **values: Any) -> NewRun:
    """A run of the job for seven o'clock, with what follows it."""
    values = {"schedule": "main", **values} if kind is Kind.SCHEDULED else values
    return with_flow(run_of(one, kind=kind, nominal_time=SEVEN, now=SEVEN, **values), one)


def steps(new: NewRun) -> Graph:
    """What a run holds."""
    return Graph.from_json(new.spec["flow"]["steps"])


TWO = job("daily", 'cron = "0 7 * * *"') + job("weekly", 'cron = "0 7 * * mon"')


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (job("b", 'after = ["bookz"]') + job("books"), "schedules/a.toml:4:10: jobs.b.after[0]: there is no job 'bookz'; did you mean 'books'?"),
        (job("b", 'after = ["zzz"]'), "4:10: jobs.b.after[0]: there is no job 'zzz'; `automation list` shows those that there are"),
        (job("b", 'after = ["b"]'), "4:10: jobs.b.after[0]: a job cannot follow itself; name another one"),
        (job("b", "after = []"), "4:9: jobs.b.after: names no job; write the names of those that it follows, or remove the key"),
        (job("b", 'after = "a"'), "4:9: jobs.b.after: found 'a'; write a list of strings"),
        (job("a") + job("b", 'after_any = ["a", "a"]'), "jobs.b.after_any[1]: 'a' stands here twice; remove one"),
        (job("a") + job("b", 'after = ["a"]', 'after_any = ["a"]'), "jobs.b.after_any[0]: 'a' stands under 'after', too; remove it from one of them"),
        (job("a") + job("b", 'after = ["a"]', 'cron = "0 7 * * *"'), "jobs.b.cron: means nothing beside 'after': a job that follows others has no schedule of its own; remove one"),
        (job("a") + job("b", 'after_any = ["a"]', "run_on_start = true"), "jobs.b.run_on_start: means nothing beside 'after_any'"),
        (job("a") + job("b", 'after = ["a"]', 'jitter = "1m"'), "jobs.b.jitter: means nothing beside 'after'"),
        (
            job("a", 'after = ["c"]') + job("b", 'after_any = ["a"]') + job("c", 'after_failure = ["b"]'),
            "schedules/a.toml:4:10: jobs.a.after[0]: these jobs wait for each other: "
            "a (schedules/a.toml:1) → b (schedules/a.toml:5) → c (schedules/a.toml:9) → a; remove one of the arrows",
        ),
        (
            TWO.replace('cron = "0 7 * * mon"', 'fixed_delay = "1h"') + job("b", 'after = ["daily", "weekly"]'),
            "jobs.b.after: 'weekly' has a fixed_delay, whose fires share no instant with those of 'daily'",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_where_it_stands(problems: Callable[..., list[str]], text: str, said: str) -> None:
    """One sentence with file, line, column and the way out."""
    found = problems(text)
    assert [one for one in found if said in one], found
    assert len(found) == 1


TAKES = job("books") + job("b", 'after = ["books"]')


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (TAKES + "params.headers.x = '{{ upstream.bookz.result.n }}'", "jobs.b.params.headers.x: 'bookz' is no job before this one; did you mean 'books'?"),
        (job("c") + TAKES + "params.headers.x = '{% if upstream.c.result.n %}{% endif %}'", "jobs.b.params.headers.x: 'c' is no job before this one; before it are: books; write after"),
        (TAKES + "params.headers.x = '{{ item }}'", "jobs.b.params.headers.x: {{ item }} is the element of a list; write for_each, too"),
        (TAKES + "for_each = 'books'", "jobs.b.for_each: found 'books'; write a list of a job before it: \"{{ upstream.JOB.result.path }}\""),
        (TAKES + "for_each = '{{ upstream.zzz.result }}'", "jobs.b.for_each: 'zzz' is no job before this one; before it are: books; write after"),
        (job("b", "for_each = '{{ upstream.a.result }}'"), "jobs.b.for_each: needs the job that its list comes from; write after = [\"JOB\"], too"),
        (TAKES + "for_each = '{{ upstream.books.result }}'\noverlap = 'cancel_running'", 'jobs.b.overlap: overlap = "cancel_running" means nothing beside for_each, as each element is wanted; remove one'),
        (TAKES + "for_each = '{{ upstream.books.result }}'\nunique_key = 'x'", "jobs.b.unique_key: all elements of for_each would have the unique_key 'x', and one of them would run; name the parameter"),
        (job("b") + "params.headers.x = '{{ upstream.a.result }}'", "jobs.b.params.headers.x: 'a' is no job before this one; before it are: none; write after"),
    ],
)  # fmt: skip
def test_what_is_taken_comes_from_a_job_before(problems: Callable[..., list[str]], text: str, said: str) -> None:
    """In the value that names it, or in the expression of a template."""
    assert [one for one in problems(text) if said in one], problems(text)


def test_what_is_not_known_yet_is_not_checked_yet(problems: Callable[..., list[str]]) -> None:
    """A number may come from before, at any distance; what stands beside it is checked as ever."""
    text = (
        TAKES
        + "params.pages = '{{ upstream.books.result.n }}'\n"
        + job("c", 'after = ["b"]')
        + "params.pages = '{{ upstream.books.result.n }}'\n"
    )
    assert problems(text) == []
    [problem] = problems(text + "params.nonsense = 1\n")
    assert "unknown parameter 'nonsense'" in problem


def test_jobs_of_a_circle_do_not_run_and_others_do(load: Callable[..., Any]) -> None:
    """What hangs on the circle without being in it has no problem of its own."""
    text = job("a", 'after = ["b"]') + job("b", 'after = ["a"]') + job("c", 'after = ["b"]') + job("d")
    jobs = load(text).jobs
    assert {name for name, one in jobs.items() if one.problem} == {"a", "b"}


def test_defaults_and_tags_say_nothing_of_it(problems: Callable[..., list[str]]) -> None:
    """After whom a job runs is its own."""
    assert (
        "defaults.after: unknown key 'after'; it belongs to a job"
        in problems('[defaults]\nafter = ["a"]\n' + job("a"))[0]
    )


def test_one_of_a_flow_brings_all_that_belongs_to_it(load: Callable[..., Any], load_one: Callable[[str], Any]) -> None:
    """Also from other files; a job by itself is read alone."""
    first = job("a", 'cron = "0 7 * * *"') + job("alone", 'cron = "0 7 * * *"')
    load(files={"schedules/a.toml": first, "schedules/b.toml": job("b", 'after = ["a"]')})
    assert load_one("a").job("a").lineage.behind("a") == ("b",)
    assert load_one("b").job("b").lineage.before("b") == ("a",)
    assert list(load_one("alone").jobs) == ["alone"]


def test_fires_at_one_instant_share_a_flow(load: Callable[..., Any]) -> None:
    """On a Monday both are waited for; on a Tuesday the weekly one has no fire, and its run says so."""
    project = load(TWO + job("join", 'after = ["daily", "weekly"]') + job("last", 'after_any = ["join"]'))
    daily, weekly = (run(project.job(name)) for name in ("daily", "weekly"))
    assert daily.flow == weekly.flow == "2026-03-02T07:00:00Z"
    assert (daily.flow_step, weekly.flow_step) == ("daily", "weekly")
    assert steps(daily) == steps(weekly)
    assert steps(daily).nodes["join"].first == ("daily", "weekly")
    assert not steps(daily).nodes["join"].absent

    tuesday = with_flow(replace(run_of(project.job("daily"), kind=Kind.SCHEDULED, nominal_time=SEVEN + timedelta(1), now=SEVEN), schedule="main"), project.job("daily"))  # fmt: skip
    assert steps(tuesday).nodes["join"].absent == {"weekly": "job 'weekly' does not fire at that instant"}


@pytest.mark.parametrize("kind", [Kind.MANUAL, Kind.API, Kind.BACKFILL])
def test_a_run_that_somebody_asks_for_has_a_flow_of_its_own(load: Callable[..., Any], kind: Kind) -> None:
    """Others that its followers wait for are not part of it, and are not waited for."""
    project = load(TWO + job("join", 'after = ["daily", "weekly"]') + job("other", 'after = ["weekly"]'))
    new = run(project.job("daily"), kind, **({"batch": "b1"} if kind is Kind.BACKFILL else {}))
    assert new.flow == ("b1/2026-03-02T07:00:00Z" if kind is Kind.BACKFILL else new.id)
    assert [(one.step, one.after, one.first) for one in steps(new).nodes.values()] == [("join", ("daily",), ("daily",))]


def test_what_nothing_follows_has_no_flow(load: Callable[..., Any]) -> None:
    """A job by itself, the last of a flow by hand, and a dry run keep what they kept."""
    project = load(job("alone") + job("a") + job("b", 'after = ["a"]'))
    for name in ("alone", "b"):
        new = run(project.job(name), Kind.MANUAL)
        assert (new.flow, new.flow_step, "flow" in new.spec) == (None, None, False)
    assert run(project.job("a"), Kind.MANUAL, dry_run=True).flow is None


def test_a_follower_is_held_as_it_was_declared(load: Callable[..., Any]) -> None:
    """Queue, priority, places and retries as its own run would have them; a job that is off says so."""
    text = job("a") + job(
        "b", 'after = ["a"]', 'queue = "slow"', "priority = 8", 'overlap = "queue_all"', "max_running = 3"
    )
    text += job("off", 'after = ["a"]', "enabled = false")
    node, off = steps(run(load(text).job("a"), Kind.MANUAL, mute=True)).nodes.values()
    assert (node.queue, node.priority, node.overlap_key, node.max_running) == ("slow", 8, "b", 3)
    assert (node.spec["params"], node.spec["skips"], node.spec["mute"]) == (
        {"start": "https://example.com/"},
        False,
        True,
    )
    assert (node.refused, off.refused) == (None, "disabled: the job says enabled = false")


def test_the_keys_are_part_of_what_a_job_is(load: Callable[..., Any], tmp_path: Path, registry: Registry) -> None:
    """A change of one is a change of the job; `--effective` shows where it stands."""
    one = load(job("a") + job("b", 'after = ["a"]')).job("b")
    assert definition(one)["after"] == ["a"]
    _, found = effective(tmp_path, registry, {}, "b")
    assert [(row.value, row.origin) for row in found if row.key == "after"] == [(("a",), "schedules/a.toml:8")]
    assert [(row.value, row.origin) for row in found if row.key == "after_any"] == [((), "default")]


@pytest.mark.parametrize(("rule", "warned"), [("0 7 * * mon", False), ("0 8 * * *", True)])
def test_fires_that_never_meet_are_told(load: Callable[..., Any], rule: str, warned: bool) -> None:
    """A daily and a weekly job meet once a week; one at seven and one at eight never do."""
    project = lint(load(TWO.replace("0 7 * * mon", rule) + job("join", 'after = ["daily", "weekly"]')), SEVEN)
    said = "jobs.join: none of the next fires of 'daily' and 'weekly' are at one instant"
    assert any(said in str(problem) for problem in project.warnings) == warned
    assert project.errors == ()


@given(st.dictionaries(st.sampled_from("abcdefgh"), st.lists(st.sampled_from("abcdefgh"), max_size=3), max_size=8))
def test_circles_are_those_that_a_walk_finds(edges: dict[str, list[str]]) -> None:
    """A job is on a circle or behind one exactly where walking from it comes back; each circle is closed."""
    jobs = {
        name: replace(A_JOB, name=name, after=After(after=tuple(dict.fromkeys(edges.get(name, [])))))
        for name in "abcdefgh"
    }

    def reach(name: str) -> set[str]:
        found: set[str] = set()
        left = [name]
        while left:
            fresh = set(jobs[left.pop()].after.after) - found
            found |= fresh
            left += fresh
        return found

    looped = {name for name in jobs if name in reach(name)}
    mutual = {name for name in jobs for other in reach(name) if other != name and name in reach(other)}
    found = circles(jobs)
    assert bool(found) == bool(mutual)
    assert {name for circle in found for name in circle} <= mutual
    for circle in found:
        assert all(
            before in jobs[name].after.after for before, name in zip(circle, [*circle[1:], circle[0]], strict=True)
        )
    if not looped:
        order = ordered(jobs, jobs)
        assert all(order.index(before) < order.index(name) for name in jobs for before in jobs[name].after.after)
        for lineage in families(jobs):
            for name in lineage.jobs:
                assert set(lineage.before(name)) == reach(name)
                assert set(lineage.behind(name)) == {one for one in jobs if name in reach(one)}
