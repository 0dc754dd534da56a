"""Runs that put themselves off, counted over their attempts."""

from __future__ import annotations

from datetime import timedelta

from automation.ledger.rows import AttemptRow
from automation.ledger.runs import Claimant
from automation.ledger.states import State
from automation.queue.enqueue import Request, record
from automation.runner.attempt import attempt
from automation.services import Services

PLUGIN = """
from automation import Context, Snooze, plugin

@plugin("waits")
def waits(ctx: Context) -> None:
    raise Snooze(60, "no file yet")
"""
JOB = '[jobs.waits]\nplugin = "waits"\nretry.max_snoozes = 2\n'
#: A project with a job that never finds its file.
FILES = {"jobs/waits.py": PLUGIN, "schedules/a.toml": JOB}


def attempts(services: Services, leaving: list[bool]) -> tuple[State, list[AttemptRow]]:
    """The run's state and attempts, after one attempt a minute; `leaving`: whether the worker stops in each."""
    run, _ = record(services, Request("waits", {}))
    for stops in leaving:
        attempt(services, run.id, Claimant("w1", 42), lambda stops=stops: stops)  # type: ignore[misc]
        services.clock.sleep(timedelta(minutes=1).total_seconds())
    return services.ledger.queries.run(run.id).state, services.ledger.queries.attempts(run.id)


def test_a_run_may_put_itself_off_as_often_as_its_policy_says(services: Services) -> None:
    """The next time it is a dead letter."""
    state, found = attempts(services, [False] * 3)

    assert state == "dead"
    assert [one.outcome for one in found] == ["snoozed", "snoozed", "failed"]
    assert found[-1].message == "snoozed 2 times, and max_snoozes is 2: no file yet"


def test_who_makes_way_for_a_stopping_worker_has_not_put_itself_off(services: Services) -> None:
    """However often workers stop."""
    state, found = attempts(services, [True] * 4)

    assert (state, [one.outcome for one in found]) == ("retrying", ["interrupted"] * 4)
