"""What an attempt takes from the runs before it: into its parameters, and into its templates."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from automation.ledger.runs import Claimant, Verdict
from automation.ledger.states import Outcome, State
from automation.queue.enqueue import Request, record
from automation.runner.attempt import attempt

FILES = {
    "jobs/plain.py": """
from typing import Any
from automation import Context, plugin

@plugin("plain")
def plain(ctx: Context, value: Any = None, number: int = 0) -> Any:
    ctx.artifact("f.txt", str(value))
    return {"value": value, "number": number, "files": [one.run_id for one in ctx.artifacts("first")]}

@plugin("first")
def first(ctx: Context, gives: Any = None) -> Any:
    ctx.artifact("f.txt", "x")
    return {**gives, "v": str(gives["v"]).replace("§", "$")} if isinstance(gives, dict) and "v" in gives else gives

@plugin("renders", renders=True)
def renders(ctx: Context, text: str, rows: Any = None) -> Any:
    return {"text": ctx.render_text(text, row="the row"), "rows": rows}
""",
    "schedules/a.toml": """
[jobs.first]
plugin = "first"

[jobs.take-it]
plugin = "plain"
after = ["first"]
params.value = "{{ upstream.first.result.v }}"
params.number = "{{ upstream.first.result.n }}"

[jobs.say-it]
plugin = "renders"
after = ["first"]
params.text = "{{ row }}: {{ upstream.first.result.v }}, {{ upstream.first.result.n + 1 }}, {{ upstream.take-it.result }}"
params.rows = "{{ upstream.first.result.rows }}"

[jobs.each]
plugin = "plain"
after = ["first"]
for_each = "{{ upstream.first.result.rows }}"
params.value = "{{ item }}"

[jobs.all]
plugin = "plain"
after = ["each"]
params.value = "{{ upstream.each.result }}"
""".replace("{{ upstream.take-it.result }}", "{{ upstream.first.state }}"),
}
GIVES = {"v": "§{env:SECRET} {{ row }} {{ item }}", "n": 3, "rows": ["p", "q"]}


def work(services: Any) -> dict[str, Any]:
    """Do what waits until nothing does; the results by job and element."""
    while waiting := services.ledger.leases.unpublished():
        for one in waiting:
            attempt(services, one.id, Claimant("w1", 1))
    return {
        f"{run.job}{'' if run.flow_index is None else run.flow_index}": run for run in services.ledger.queries.runs()
    }


def start(services: Any, gives: Any) -> dict[str, Any]:
    """The whole flow of `first`."""
    record(services, Request("first", {"gives": gives}))
    return work(services)


def test_values_keep_their_kind_and_are_never_read_as_references_or_templates(services: Any) -> None:
    """What a page brought in may look like a secret's name or a template: it stays a text."""
    found = start(services, GIVES)
    assert found["take-it"].result["value"] == "${env:SECRET} {{ row }} {{ item }}"
    assert found["take-it"].result["number"] == 3
    assert found["say-it"].result == {
        "text": "the row: ${env:SECRET} {{ row }} {{ item }}, 4, succeeded",
        "rows": ["p", "q"],
    }


def test_each_element_has_its_run_and_the_join_has_all_results(services: Any) -> None:
    """In the order of the list."""
    found = start(services, GIVES)
    assert [found[f"each{number}"].result["value"] for number in (0, 1)] == ["p", "q"]
    assert [one["value"] for one in found["all"].result["value"]] == ["p", "q"]


def test_a_path_that_is_not_there_is_a_failure_of_config(services: Any) -> None:
    """The run is dead at once, with the path and what there is; so is the fan-out, and what follows it is skipped."""
    found = start(services, {"v": "x", "rows": {"no": "list"}})
    dead = found["take-it"]
    assert (dead.state, dead.attempt) == ("dead", 1)
    [one] = services.ledger.queries.attempts(dead.id)
    assert (one.failure_class, one.message) == (
        "config",
        f"{{{{ upstream.first.result.n }}}}: there is no 'n' in the result of run {found['first'].id} of job 'first' (succeeded); there is a table with v, rows",
    )  # fmt: skip
    assert (found["each"].state, found["all"].state) == ("dead", "skipped")
    assert "for_each needs a list" in found["each"].reason


def test_by_hand_the_newest_success_counts(services: Any) -> None:
    """A job in the middle, started alone, takes from what ran before it last."""
    record(services, Request("take-it", {}))
    assert "has not succeeded before" in work(services)["take-it"].reason
    for number in (1, 2):
        record(services, Request("first", {"gives": {"v": number, "n": number}}, only=True))
        work(services)
        services.clock.advance(seconds=1)
    run, _ = record(services, Request("take-it", {}))
    work(services)
    assert services.ledger.queries.run(run.id).result["value"] == "2"


def test_files_are_those_of_the_flow(services: Any) -> None:
    """Also where a newer run of the job has left others since."""
    run, _ = record(services, Request("first", {"gives": GIVES}))
    attempt(services, run.id, Claimant("w1", 1))
    services.clock.advance(seconds=1)
    newer, _ = record(services, Request("first", {"gives": GIVES}, only=True))
    attempt(services, newer.id, Claimant("w1", 1))
    found = work(services)
    assert found["take-it"].result["files"] == [run.id]
    alone, _ = record(services, Request("take-it", {}))
    work(services)
    assert services.ledger.queries.run(alone.id).result["files"] == [newer.id]


def test_a_job_for_each_element_is_not_started_by_hand(services: Any) -> None:
    """It says with whom its flow begins."""
    from automation.errors import InvalidInput

    with pytest.raises(InvalidInput, match="start the job that its flow begins with: first"):
        record(services, Request("each", {}))


def test_a_dead_run_before_has_its_reason(services: Any) -> None:
    """What runs upon a failure can say which run it was, and why."""
    from automation.ledger.upstream import facts

    run, _ = record(services, Request("first", {"gives": 1}))
    claimed = services.ledger.runs.claim(
        run.id, Claimant("w", 1), services.settings.lease, lambda _run: services.settings.lease
    )
    services.ledger.runs.finish(
        run.id, claimed.attempt, replace(Verdict(Outcome.FAILED, State.DEAD), reason="too late")
    )
    with services.ledger.engine.begin() as connection:
        known = facts(connection, run.id, "first")
    assert known == {"result": None, "state": "dead", "reason": "too late", "run": run.id, "job": "first"}
