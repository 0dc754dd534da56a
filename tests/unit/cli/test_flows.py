"""What the command line shows of flows."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., tuple[int, str, str]]
JOBS = """
[jobs.first]
plugin = "python"
params = { call = "json:loads", kwargs = { s = '{"n": ["x", "y"]}' } }
[jobs.each]
plugin = "python"
after = ["first"]
for_each = "{{ upstream.first.result.n }}"
params = { call = "json:dumps", kwargs = { obj = "{{ item }}" } }
[jobs.last]
plugin = "python"
after = ["each"]
retry = { max_attempts = 1 }
params = { call = "json:dumps", kwargs = { obj = "{{ upstream.each.result }}" } }
"""
pytestmark = pytest.mark.usefixtures("project")


def test_a_flow_is_done_here_to_its_end_and_shown(run: Run) -> None:
    """One command does all of it; each run knows those before and behind it."""
    code, out, _ = run("run", "first", "--here", "--json")
    flow = json.loads(out[out.index("{") :])["flow"]
    rows = json.loads(run("runs", "--flow", flow, "--json")[1])
    assert (code, sorted((row["job"], row["state"]) for row in rows)) == (
        0, [("each", "succeeded"), ("each", "succeeded"), ("first", "succeeded"), ("last", "succeeded")],
    )  # fmt: skip
    one = next(row for row in rows if row["job"] == "each" and row["flow_index"] == 1)
    shown = json.loads(run("show", one["id"], "--json")[1])
    assert (shown["item"], shown["flow_step"], shown["kind"]) == ("y", "each", "flow")
    assert [(beside["job"], beside["state"]) for beside in shown["upstream"] + shown["downstream"]] == [
        ("first", "succeeded"), ("last", "succeeded"),
    ]  # fmt: skip
    text = run("show", one["id"])[1]
    assert "after         first succeeded (run " in text
    assert "then          last succeeded (run " in text
    assert "It follows: each succeeded (run " in run("why", "last")[1]


def test_who_died_in_the_flow_is_told(run: Run, project: Path) -> None:
    """The run itself ended well, and the command does not: it names the one that died, and why."""
    path = project / "schedules" / "a.toml"
    path.write_text(
        path.read_text().replace(
            'call = "json:dumps", kwargs = { obj = "{{ up', 'call = "json:loads", kwargs = { s = "{{ up'
        )
    )
    code, out, told = run("run", "first", "--here")
    assert (code, "first succeeded" in out) == (1, True)
    assert "of job 'last' is dead: " in told


def test_alone_nothing_follows(run: Run) -> None:
    """With --only the one run is all there is, and it belongs to no flow."""
    assert run("run", "first", "--here", "--only")[0] == 0
    [row] = json.loads(run("runs", "--json")[1])
    assert (row["job"], row["flow"]) == ("first", None)


def test_a_job_without_fires_says_after_whom_it_runs(run: Run) -> None:
    """In the list, in `next` and in `why`."""
    assert "after each" in run("list")[1]
    listed = json.loads(run("list", "--json")[1])[1]
    assert (listed["after"], listed["for_each"]) == (["first"], "{{ upstream.first.result.n }}")
    assert "it runs after each; see: automation next first" in run("next", "last")[2]
    assert "it runs after each, and has not run yet" in run("why", "last")[2]


def test_an_unknown_flow_is_told(run: Run) -> None:
    """As an unknown name."""
    run("run", "first", "--here", "--only")
    code, _, err = run("runs", "--flow", "nonsense")
    assert (code, "nonsense" in err) == (2, True)


def test_whoever_waits_is_told_for_whom(run: Run, project: Path) -> None:
    """While the run before it is open."""
    from automation.ledger.runs import Claimant
    from automation.queue.enqueue import Request, record
    from automation.services import build_services

    services = build_services(project, environ={})
    services.upgraded_ledger()
    first, _ = record(services, Request("first", {}))
    services.ledger.runs.claim(
        first.id, Claimant("w", 1), services.settings.lease, lambda _run: services.settings.lease
    )
    services.close()
    assert f"it waits for its turn: run {first.id} of job 'first' is running" in run("why", "last")[2]
    assert "then          each waiting" in run("show", first.id)[1]
