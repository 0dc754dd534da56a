"""A run that died and comes back is the same run to its plugin."""

from __future__ import annotations

from automation.ledger.rows import RunRow
from automation.ledger.runs import Claimant
from automation.queue.enqueue import Request, record
from automation.runner.attempt import attempt
from automation.services import Services

PLUGIN = """
from automation import Context, JobFailed, Snooze, plugin

@plugin("pays")
def pays(ctx: Context) -> str:
    paid = (ctx.project / "paid").exists()
    if ctx.once("pay"):
        (ctx.project / "paid").write_text("once")
        assert not paid
        raise JobFailed("the receipt was lost")
    return f"attempt {ctx.attempt} for {ctx.nominal_time:%H:%M}"

@plugin("sleeps")
def sleeps(ctx: Context) -> None:
    raise Snooze(0, "not yet")
"""
JOBS = """
[jobs.pays]
plugin = "pays"
retry.max_attempts = 1
[jobs.sleeps]
plugin = "sleeps"
retry.max_snoozes = 1
"""
#: A project whose jobs do something that must not be done twice, or never come to it.
FILES = {"jobs/own.py": PLUGIN, "schedules/a.toml": JOBS}


def attempted(services: Services, run: RunRow, times: int = 1) -> RunRow:
    for _ in range(times):
        services.clock.sleep(1)
        attempt(services, run.id, Claimant("w1", 42))
    return services.ledger.queries.run(run.id)


def test_what_was_done_once_is_not_done_again(services: Services) -> None:
    """The attempt after the death finds its effect done, and keeps the time that it stands for."""
    run, _ = record(services, Request("pays", {}))
    assert attempted(services, run).state == "dead"
    services.clock.sleep(3600)
    services.ledger.dead.replay([run.id], "ana")
    found = attempted(services, run)

    assert (found.state, found.result) == ("succeeded", "attempt 2 for 12:00")


def test_snoozes_are_counted_anew(services: Services) -> None:
    """Those of the life before are forgiven with its failures."""
    run, _ = record(services, Request("sleeps", {}))
    assert attempted(services, run, 2).state == "dead"
    services.ledger.dead.replay([run.id], "ana")

    assert attempted(services, run).state == "retrying"
    assert attempted(services, run).state == "dead"
