"""Pings: a program elsewhere reports, and is watched as a job of ours."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from automation.acts.pings import Ping, take
from automation.clock import FrozenClock
from automation.ledger.pings import Signal
from automation.ledger.roles import Role
from automation.ledger.runs import Claimant
from automation.ledger.states import Kind, State
from automation.project.frozen import with_flow
from automation.project.order import run_of
from automation.runner.attempt import attempt
from automation.scheduler.activate import activate
from automation.scheduler.stand_in import StandIn
from automation.services import build_services
from automation.testing.bell import Bell
from tests.integration.web.conftest import NOON, make_job

HOURLY = """
[jobs.backup]
plugin = "ping"
cron   = "0 * * * *"
params = { grace = "10m" }
alerts = { channels = ["ops"] }
"""
CHANNELS = '[channels.ops]\nto = ["ops@example.com"]\n'


@pytest.fixture
def project(project):
    """With a job that waits for pings."""
    return replace(project, jobs={**project.jobs, "backup": make_job("backup", "ping", "1h")})


@pytest.fixture
def place(client):
    """Where the job's pings go, as the API says it."""
    return client.get("/api/v1/jobs/backup/ping").json()["success"]


@pytest.fixture
def due(services, project, clock):
    """A run of the job that was due at noon, and has looked."""
    now = clock.now()
    run = run_of(project.jobs["backup"], kind=Kind.SCHEDULED, nominal_time=now, now=now, schedule="main")
    services.ledger.runs.add(with_flow(run, project.jobs["backup"]))
    work(services, run.id)
    return run.id


def work(services, run_id):
    """What a worker does with the run that it was rung for."""
    attempt(services, run_id, Claimant("w1", 7))
    return services.ledger.queries.run(run_id)


def test_a_run_waits_for_start_and_end(client, place, services, ledger, due, clock, rung):
    """It holds no worker meanwhile; the start, the end and the body are in its log."""
    clock.advance(seconds=60)
    start = client.get(f"{place}/start")
    began = work(services, due)
    clock.advance(seconds=90)
    end = client.post(f"{place}/0", content="copied 12 files\nall \x1b[31mwell\n")
    run = work(services, due)

    assert (start.status_code, start.json()) == (200, {"run": due, "signal": "start", "new": False})
    assert (began.state, began.worker is not None, end.json()["run"], rung) == (State.RETRYING, True, due, [due, due])
    assert "it runs since" in began.reason
    assert (run.state, run.result["seconds"], run.result["exit_status"]) == (State.SUCCEEDED, 90.0, 0)
    lines = [line.message for line in ledger.queries.logs(due)]
    assert "Ping: start, from 127.0.0.1" in lines
    assert lines[-3:] == ["Ping: success, exit status 0, from 127.0.0.1", "copied 12 files", "all \\x1b[31mwell"]


def test_a_failure_ends_the_run_at_once(client, place, services, due):
    """With its exit status, and with nobody waiting for the grace to pass."""
    client.get(f"{place}/7")
    run = work(services, due)

    assert run.state == State.DEAD
    assert "it reported failure with exit status 7" in run.reason


def test_a_ping_that_nothing_waits_for_is_a_run_of_its_own(client, place, services, ledger, rung):
    """Of the kind `ping`; its failure counts as one of the job's."""
    answer = client.get(f"{place}/fail").json()
    run = work(services, answer["run"])

    assert (answer["new"], run.kind, run.state, rung) == (True, Kind.PING, State.DEAD, [run.id])
    assert "failing 1" in client.get("/jobs?q=state:failing").text


def test_executions_at_one_time_have_ids(client, place, services):
    """`rid` on start and end; the same report again is the same run's."""
    runs = [client.get(f"{place}/start", params={"rid": rid}).json()["run"] for rid in ("a", "b")]
    ends = [client.get(place, params={"rid": rid}).json()["run"] for rid in ("b", "a", "b")]

    assert ends == [runs[1], runs[0], runs[1]]
    assert [work(services, run).state for run in runs] == [State.SUCCEEDED] * 2


def test_who_has_no_address_reports_nothing(client, place, ledger, project):
    """Another key, another job, a word that means nothing; each as a problem. Guesses are slowed."""
    ledger.tokens.add("somebody", "test", Role.VIEWER)  # so that nobody gets in without
    wrong = place.replace("/pings/", "/pings/x")
    statuses = [client.get(wrong).status_code for _ in range(32)]

    assert (statuses[0], statuses[-1]) == (404, 429)
    assert client.get(place.replace("backup", "scrape-shop")).status_code in (404, 429)
    assert client.get(f"{place}/sucess").status_code == 422
    assert client.get(f"{place}/300").status_code == 422
    assert client.get(place, params={"rid": "x" * 65}).status_code == 422
    assert client.get(f"{place}/log").status_code == 409
    assert client.post(place, content=b"x" * 1_000_001).status_code == 413
    assert ledger.queries.counts() == {}
    project.jobs["backup"].params["address"] = 2
    assert client.head(place).status_code in (404, 429)


def test_a_server_that_only_shows_takes_none(client, place, gate, ledger):
    """Also with a right key."""
    gate.rules = replace(gate.rules, read_only=True)

    assert client.post(place).status_code == 403
    assert ledger.queries.counts() == {}


def test_a_disabled_job_takes_none(client, place, project, ledger):
    """And says why."""
    project.jobs["backup"] = replace(project.jobs["backup"], enabled=False)
    answer = client.get(place)

    assert (answer.status_code, "enabled = false" in answer.json()["detail"]) == (409, True)


def test_of_a_long_body_the_end_is_kept(client, place, ledger):
    """It says how it came out."""
    run = client.post(f"{place}/start", content="".join(f"line {number}\n" for number in range(20_000))).json()["run"]
    lines = [line.message for line in ledger.queries.logs(run, limit=10_000)]

    assert lines[1] == "Of 208,890 bytes the end is kept"
    assert (len(lines), lines[-1]) == (2002, "line 19999")


def test_the_page_shows_operators_the_address(client, place, ledger, gate):
    """With a command to copy; a viewer could only look, and does not see it."""
    whole = f"{str(client.base_url).rstrip('/')}{place}"
    assert f"{whole}/start" in client.get("/jobs/backup").text
    assert "Its pings" not in client.get("/jobs/scrape-shop").text
    token = ledger.tokens.add("eyes", "test", Role.VIEWER)[0]
    looking = {"Authorization": f"Bearer {token}"}
    assert place not in client.get("/jobs/backup", headers=looking).text
    assert client.get("/api/v1/jobs/backup/ping", headers=looking).status_code == 403


def test_a_missed_ping_is_told_once_and_so_is_the_recovery(tmp_path):
    """Fired with no scheduler and nobody pinging: each missed hour is a run that failed, and the outage is one alert."""
    (tmp_path / "schedules").mkdir()
    (tmp_path / "schedules" / "jobs.toml").write_text(HOURLY)
    (tmp_path / "automation.toml").write_text(CHANNELS)
    services = build_services(tmp_path, clock=FrozenClock(NOON - timedelta(minutes=5)), environ={})
    ledger = services.upgraded_ledger()
    activate(services, services.read_project(), "a scheduler")
    bell = Bell()
    worker = StandIn(services, bell)

    def pass_time(minutes):
        for _ in range(minutes // 5):
            services.clock.advance(minutes=5)
            worker.fire()
            bell.ring(ledger, ledger.leases.unpublished())
            while bell.messages:
                attempt(services, bell.messages.pop(0), Claimant("w1", 7))

    def told():
        return [mail.subject for mail in reversed(ledger.outbox.list())]

    pass_time(10)
    assert told() == []
    pass_time(15)
    assert told() == ["backup failed"]
    pass_time(120)
    dead = ledger.queries.runs(state=State.DEAD)
    assert [run.nominal_time.hour for run in dead] == [14, 13, 12]
    assert told() == ["backup failed"]

    run, new, _ = take(services, services.project.jobs["backup"], Ping(Signal.SUCCESS))
    pass_time(5)
    assert (new, ledger.queries.run(run.id).state) == (True, State.SUCCEEDED)
    assert told() == ["backup failed", "backup works again"]
    services.close()
