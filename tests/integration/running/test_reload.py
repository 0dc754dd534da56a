"""Files that change while everything runs: nothing is lost, nothing comes twice, and an error changes nothing."""

from __future__ import annotations

import signal
from datetime import timedelta
from typing import Any

import pytest

SECOND = timedelta(seconds=1)
PATIENCE = 60.0


def job(name: str, *lines: str, every: str = "1s") -> str:
    return "\n".join([f"[jobs.{name}]", 'plugin = "act"', f'every = "{every}"', *lines, ""])


def times(stack: Any, *jobs: str) -> list[Any]:
    """The nominal times of all occurrences of these jobs, from old to new."""
    services = stack.services
    try:
        found = [run for name in jobs for run in services.ledger.queries.runs(job=name, limit=10_000)]
        return sorted(run.nominal_time for run in found)
    finally:
        services.close()


def leader(stack: Any) -> dict[str, Any]:
    """What the scheduler says of itself."""
    services = stack.services
    try:
        return dict(services.ledger.processes.alive("scheduler")[-1].info)
    finally:
        services.close()


def await_more(stack: Any, name: str, more: int = 3) -> None:
    before = len(times(stack, name))
    stack.eventually(lambda: len(times(stack, name)) >= before + more, PATIENCE)


def each_second(moments: list[Any]) -> bool:
    return moments == [moments[0] + n * SECOND for n in range(len(moments))]


@pytest.mark.slow
def test_a_broken_file_changes_nothing_and_says_so(stack):
    """Not even the good file that changed with it; the problem stands in the log and in the scheduler's report."""
    stack.declare(job("act"))
    stack.broker()
    stack.scheduler()
    stack.worker()
    await_more(stack, "act")
    (stack.root / "schedules" / "new.toml").write_text(job("new"))
    stack.declare(job("act", every="soon"))

    told = stack.eventually(lambda: leader(stack)["config_problem"], PATIENCE)
    await_more(stack, "act")

    assert told[0].startswith("schedules/test.toml:3:9: ")
    assert "schedules/test.toml:3:9: jobs.act.every" in stack.log.read_text()
    assert (leader(stack)["revision"], times(stack, "new")) == (1, [])
    stack.declare(job("act", "priority = 9"))
    await_more(stack, "new")
    assert each_second(times(stack, "act"))
    runs = {line[0] for line in stack.effects()}
    assert len(runs) == len(stack.effects()) > 0
    assert (leader(stack)["revision"], leader(stack)["config_problem"]) == (2, [])


@pytest.mark.slow
def test_edits_take_effect_at_one_instant(stack):
    """A renamed job goes on where the old name stopped, a removed one ends, a new and a changed one begin."""
    stack.declare(job("old") + job("gone") + job("slow", every="1h"))
    stack.broker()
    scheduler = stack.scheduler()
    await_more(stack, "gone")
    stack.declare(job("renamed", 'replaces = "old"') + job("new") + job("slow", every="1s"))
    scheduler.send_signal(signal.SIGHUP)

    for name in ("renamed", "new", "slow"):
        await_more(stack, name)

    ended = times(stack, "gone")
    assert each_second(times(stack, "old", "renamed"))
    assert ended[-1] == times(stack, "old")[-1] < times(stack, "new")[0]
    assert each_second(ended)
    assert each_second(times(stack, "slow"))
