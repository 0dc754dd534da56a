"""`limits` and `queues`: how full it is."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

from automation.ledger.runs import Claimant
from automation.queue.enqueue import Request, record
from automation.services import Services

Run = Callable[..., tuple[int, str, str]]
PROJECT = "[limits.shop]\nmax_running = 1\nrate = '2/h'\n[queues.slow]\nmax_waiting = 9\n"
JOBS = """
[jobs.books]
plugin = "shell"
queue = "slow"
overlap = "allow"
limits = ["shop"]
params.command = "true"
"""


def test_nothing_is_full_at_first(run: Run, services: Services) -> None:
    """Declared queues are listed all the same, and the one that jobs are in by default."""
    assert "No run has asked for a limit yet" in run("limits")[2]
    rows = json.loads(run("queues", "--json")[1])
    assert [(row["queue"], row["waiting"], row["max_waiting"], row["workers"]) for row in rows] == [
        ("default", 0, None, 0), ("slow", 0, 9, 0),
    ]  # fmt: skip


def test_who_is_at_work_and_who_waits_is_counted(run: Run, services: Services) -> None:
    """One has the only place, one stands in its line, one has not asked yet."""
    for number in range(3):
        one, _ = record(services, Request("books", {}))
        if number < 2:
            services.ledger.runs.claim(one.id, Claimant("w", 1), timedelta(1), lambda _: timedelta(1))
    [limit] = json.loads(run("limits", "--json")[1])
    assert limit == {
        "limit": "limit shop", "max_running": 1, "at_work": 1, "rate": "2/h", "opens_at": None, "waiting": 1,
    }  # fmt: skip
    [_, slow] = json.loads(run("queues", "--json")[1])
    assert (slow["waiting"], slow["at_work"]) == (2, 1)
    assert "limit shop" in run("limits")[1]
