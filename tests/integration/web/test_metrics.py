"""Figures for Prometheus, read back as Prometheus reads them."""

from __future__ import annotations

import re

from automation.ledger.roles import Role
from automation.ledger.runs import Verdict
from automation.ledger.states import Outcome, State
from automation.sight import Sight

_SAMPLE = re.compile(r'^(\w+)(?:\{((?:\w+="(?:[^"\\]|\\.)*",?)*)\})? (\S+)$')


def read(text):
    """Name and labels → value; a line that is no sample or comment is a fault."""
    found = {}
    for line in text.splitlines():
        if not line.startswith(("# HELP ", "# TYPE ")):
            name, labels, value = _SAMPLE.match(line).groups()
            assert (name, labels) not in found
            found[name, labels] = float(value)
    return found


def test_figures_say_how_everything_stands(client, ledger, clock, add_run, succeeded):
    """Processes, queues, what ended within a day, and each job."""
    Sight("scheduler", {"leader": True}).report(ledger.processes)
    add_run(verdict=succeeded)
    dead = Verdict(Outcome.FAILED, State.DEAD, failure_class="transport")
    for _ in range(2):
        add_run("price-report", verdict=dead)
    add_run("price-report", start=False)
    clock.advance(seconds=10)
    answer = client.get("/metrics")
    found = read(answer.text)

    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert found["automation_processes", 'kind="worker"'] == 0
    assert found["automation_scheduler_leaders", None] == 1
    assert found["automation_runs_open", 'queue="default",state="queued"'] == 1
    assert found["automation_queue_oldest_seconds", 'queue="default"'] == 10
    assert found["automation_runs_day", 'state="succeeded"'] == 1
    assert found["automation_runs_day", 'state="missed"'] == 0
    assert found["automation_dead_letters", None] == 2
    assert found["automation_job_state", 'job="price-report",state="failing"'] == 1
    assert found["automation_job_failures", 'job="price-report"'] == 2
    assert found["automation_job_last_duration_seconds", 'job="scrape-shop"'] == 2
    assert ("automation_job_last_duration_seconds", 'job="asleep"') not in found


def test_figures_are_for_those_who_may_look(client, ledger):
    """As every page: with users or tokens nobody gets them unasked."""
    token = ledger.tokens.add("prometheus", "test", Role.VIEWER, scopes=["metrics.read"])[0]

    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", headers={"Authorization": f"Bearer {token}"}).status_code == 200
