"""Flows that a program puts together: what comes after what, and what becomes of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from automation import chain, chord, group, step
from automation.errors import InvalidInput, UnknownName
from automation.ledger.runs import Claimant
from automation.queue.composed import laid_out, record_flow
from automation.queue.flow_handle import FlowHandle
from automation.runner.attempt import attempt
from automation.services import Services, build_services

PLUGIN = """
from typing import Any
from automation import Context, GiveUp, plugin

@plugin("say")
def say(ctx: Context, what: Any = None, fail: bool = False) -> Any:
    if fail:
        raise GiveUp("told to")
    return {"said": what, "item": ctx.item}
"""
JOBS = '[jobs.a]\nplugin = "say"\n[jobs.b]\nplugin = "say"\n[jobs.c]\nplugin = "say"\n[jobs.d]\nplugin = "say"\nafter = ["a"]\n'


@pytest.fixture
def services(tmp_path: Path, give_ledger: Callable[[Path], None]) -> Iterator[Services]:
    """A project with three jobs by themselves, and one that follows the first in TOML."""
    for name, text in (("jobs/say.py", PLUGIN), ("schedules/a.toml", JOBS)):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(text)
    made = build_services(tmp_path, environ={})
    give_ledger(tmp_path)
    yield made
    made.close()


def started(services: Services, part: Any, key: str | None = None) -> FlowHandle:
    """The flow, recorded, as `enqueue` hands it back; nobody is rung."""
    first, new = record_flow(services, part, key)
    return FlowHandle(services, str(first[0].flow), new=new)


def work(services: Services) -> list[str]:
    """Do what waits until nothing does; the steps in the order in which they were done."""
    done = []
    while waiting := services.ledger.leases.unpublished():
        for one in waiting:
            done.append(str(services.ledger.queries.run(one.id).flow_step))
            attempt(services, one.id, Claimant("w1", 1))
    return done


def order(part: Any) -> dict[str, tuple[str, ...]]:
    """After what each step runs."""
    return {one.name: one.after for one in laid_out(part)}


def test_parts_stand_behind_and_beside_each_other() -> None:
    """A chain of groups, a group of chains, a chord, and jobs that occur more than once."""
    assert order(chain("a", "b", "c")) == {"a": (), "b": ("a",), "c": ("b",)}
    assert order(group("a", "b")) == {"a": (), "b": ()}
    assert order(chord(["a", "b"], "c")) == {"a": (), "b": (), "c": ("a", "b")}
    assert order(chain("a", group(chain("b", "c"), "b"), "a")) == {
        "a": (), "b": ("a",), "c": ("b",), "b-2": ("a",), "a-2": ("c", "b-2"),
    }  # fmt: skip
    assert order(group(step("a", {"what": n}) for n in range(3))) == {"a": (), "a-2": (), "a-3": ()}
    assert order(chain(step("a", name="first"), step("a", name="second"))) == {"first": (), "second": ("first",)}


def test_a_flow_runs_in_its_order_and_hands_results_on(services: Services) -> None:
    """What TOML says of jobs that follow these is another flow, and none of this one."""
    last = step("c", {"what": "{{ upstream.a.result.said }}, {{ upstream.b.result.said }}"})
    handle = started(services, chord([step("a", {"what": 1}), step("b", {"what": 2})], last))
    assert handle.new
    assert (handle.status, handle.states, handle.result) == (
        "running",
        {"a": "queued", "b": "queued", "c": "waiting"},
        None,
    )
    assert sorted(done := work(services)) == ["a", "b", "c"]
    assert done[-1] == "c"
    assert handle.wait(0) == "succeeded"
    assert handle.result == {"said": "1, 2", "item": None}
    assert set(handle.steps) == {"a", "b", "c"}


def test_one_job_many_times(services: Services) -> None:
    """Each with its own parameters, and one that joins them."""
    some = [step("a", {"what": n}) for n in range(5)]
    handle = started(services, chord(some, step("b", {"what": "{{ upstream.a-5.result.said }}"})))
    work(services)
    assert handle.status == "succeeded"
    assert handle.result["said"] == 4


def test_each_element_of_a_list(services: Services) -> None:
    """A step may have a list of its own, whatever TOML says of the job."""
    each = step("b", {"what": "{{ item }}"}, for_each="{{ upstream.a.result.said }}")
    handle = started(services, chain(step("a", {"what": ["x", "y"]}), each))
    work(services)
    assert handle.result == [{"said": "x", "item": "x"}, {"said": "y", "item": "y"}]


def test_a_failed_step_skips_what_is_behind_it(services: Services) -> None:
    """The other branch goes on; the flow's status is the worst."""
    handle = started(services, group(chain(step("a", {"fail": True}), "b"), "c"))
    work(services)
    assert handle.states == {"a": "dead", "b": "skipped", "c": "succeeded"}
    assert handle.wait(0) == "dead"
    assert handle.result["c"] == {"said": None, "item": None}


def test_waiting_has_an_end(services: Services) -> None:
    """A flow that nobody works on is told after the time that was given."""
    with pytest.raises(TimeoutError, match="is running after"):
        started(services, chain("a", "b")).wait(0)


def test_the_same_key_starts_nothing_twice(services: Services) -> None:
    """The first flow is handed back; another flow with that key is refused."""
    first, again = (started(services, chain(group("a", "b"), "c"), "k") for _ in range(2))
    assert (first.new, again.new, again.id, again.steps) == (True, False, first.id, first.steps)
    assert len(services.ledger.queries.runs()) == 2
    with pytest.raises(InvalidInput, match="belongs to something else"):
        started(services, chain("a", "c"), "k")


@pytest.mark.parametrize(
    ("part", "said"),
    [
        (chain("a", "zz"), "no job 'zz'|zz"),
        (chain(), "The flow has no step"),
        (chain(step("a", name="x"), step("b", name="x")), "Two steps of the flow have the name 'x'"),
        (chain("a", step("b", {"what": "{{ upstream.aa.result }}"})), "takes something of 'aa', which is no step before it; did you mean 'a'"),
        (group("a", step("b", {"what": "{{ upstream.a.result }}"})), "before it are: none"),
        (chain("a", step("b", {"nonsense": 1})), "unknown parameter 'nonsense'"),
        (chain("a", step("b", for_each="a")), "for_each is a list of a step before it"),
    ],
)  # fmt: skip
def test_what_does_not_fit_together_is_refused_before_anything_is_recorded(
    services: Services, part: Any, said: str
) -> None:
    """In a sentence with the step's name."""
    with pytest.raises((InvalidInput, UnknownName), match=said):
        record_flow(services, part, None)
    assert services.ledger.queries.runs() == []
