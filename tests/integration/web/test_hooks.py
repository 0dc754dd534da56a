"""Webhooks: calls of other programs that start a job, and calls of nobody that start nothing."""

import base64
import hashlib
import hmac
from dataclasses import replace

import pytest

from automation.ledger.roles import Role
from automation.project.model import Webhook

HOOK = "/api/v1/hooks/till"
NEW, OLD = b"n" * 24, b"o" * 24


@pytest.fixture
def project(project):
    """With a webhook for a job that needs nothing; its secret is being changed."""
    hello = replace(
        project.jobs["asleep"],
        name="hello", plugin="shell", params={"command": "true"}, enabled=True,
    )  # fmt: skip
    till = Webhook("till", "hello", ("${env:NEW}", "${env:OLD}"), ("env", "cwd"))
    return replace(project, jobs={**project.jobs, "hello": hello}, webhooks={"till": till})


@pytest.fixture
def services(services):
    """The secrets stand in the environment."""
    coded = {name: f"whsec_{base64.b64encode(key).decode()}" for name, key in (("NEW", NEW), ("OLD", OLD))}
    services.environ = {**services.environ, **coded}
    return services


@pytest.fixture
def call(client, clock):
    """`call(body, …)`: a signed call."""

    def send(body=b"{}", number="msg_1", key=NEW, path=HOOK, late=0, **headers):
        stamp = str(int(clock.now().timestamp()) - late)
        digest = hmac.new(key, f"{number}.{stamp}.".encode() + body, hashlib.sha256).digest()
        signature = f"v1,{base64.b64encode(digest).decode()}"
        given = {"webhook-id": number, "webhook-timestamp": stamp, "webhook-signature": signature, **headers}
        return client.post(path, content=body, headers=given)

    return send


def test_a_call_starts_a_run_once(call, ledger, rung, clock):
    """202 with the address of the run; a second delivery, signed anew and later, finds it."""
    ledger.tokens.add("somebody", "test", Role.VIEWER)  # so that nobody gets in without
    first = call(b'{"env": {"DAY": "monday"}, "command": "false"}')
    clock.advance(seconds=400)
    again = call(b'{"env": {"DAY": "monday"}, "command": "false"}', key=OLD)

    run = ledger.queries.run(first.json()["run"])
    assert (first.status_code, first.json()["new"]) == (202, True)
    assert first.headers["location"] == f"/api/v1/runs/{run.id}"
    assert run.spec["params"] == {"command": "true", "env": {"DAY": "monday"}}
    assert (again.status_code, again.json()) == (202, {"run": run.id, "new": False})
    assert again.headers["idempotent-replayed"] == "true"
    assert rung == [run.id]
    line = ledger.audit.list()[-1]
    assert (line.action, line.who, line.via, line.target, line.status) == (
        "webhook", "webhook till", "webhook", "till", 202,
    )  # fmt: skip
    assert line.details == {"delivery": "msg_1", "job": "hello", "run": run.id, "new": True}


def test_a_repeated_call_finds_its_run_when_the_job_has_changed_since(call, project, services):
    """What the job says of itself now is no other wish of the sender."""
    first = call().json()["run"]
    project.jobs["hello"].params["command"] = "false"

    assert call().json() == {"run": first, "new": False}


def test_calls_that_start_nothing(call, client, ledger, project):
    """Each with its status, as a problem, with a line in the trail."""
    far = b"x" * 24
    assert call(key=far).status_code == 401
    assert call(late=301).status_code == 401
    assert call(**{"webhook-signature": ""}).status_code == 401
    assert call(path="/api/v1/hooks/tiill").status_code == 404
    assert call(b"x" * 1_000_001).status_code == 413
    assert call(b"[]").status_code == 422
    refused = call(b'{"env": {"A": "${env:NEW}"}}')
    assert refused.status_code == 422
    assert refused.headers["content-type"] == "application/problem+json"
    assert client.get(HOOK).status_code == 405
    assert ledger.queries.counts() == {}
    lines = ledger.audit.list()
    assert [line.status for line in lines] == [422, 422, 404, 401, 401, 401]
    assert {line.action for line in lines} == {"webhook"}
    assert {line.who for line in lines[2:]} == {"unknown"}
    assert call(number="msg_2").status_code == 202


def test_guesses_are_slowed_and_calls_that_are_signed_are_not(call):
    """From one address."""
    statuses = [call(key=b"x" * 24).status_code for _ in range(32)]

    assert statuses[0] == 401
    assert statuses[-1] == 429
    assert call().status_code == 202


def test_a_server_that_only_shows_runs_nothing(call, gate, ledger):
    """Also with a right signature."""
    gate.rules = replace(gate.rules, read_only=True)

    assert call().status_code == 403
    assert ledger.queries.counts() == {}


def test_a_secret_that_is_gone_is_a_matter_of_ours(call, services):
    """The sender is to try again, and is not told what is missing."""
    services.environ = {key: value for key, value in services.environ.items() if key not in ("NEW", "OLD")}
    answer = call()

    assert answer.status_code == 503
    assert "env" not in answer.text
