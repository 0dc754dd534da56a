"""The Python client and `--url`, against a real server."""

from dataclasses import replace

import pytest

from automation.client import Client
from automation.errors import InvalidInput, Refused, ServiceUnavailable, UnknownName
from automation.ledger.roles import Role


@pytest.fixture
def project(project):
    """With a job that needs nothing."""
    hello = replace(project.jobs["asleep"], name="hello", plugin="shell", params={"command": "true"}, enabled=True)
    return replace(project, jobs={**project.jobs, "hello": hello})


@pytest.fixture
def url(client):
    return str(client.base_url).rstrip("/")


def test_a_program_runs_a_job_and_follows_it(url, ledger, add_run, succeeded):
    """With a token; asked twice with a key it is one run, and lists come whole."""
    text, _ = ledger.tokens.add("ci", "test", Role.OPERATOR)
    done = add_run(verdict=succeeded, logs=[("info", "hello")])
    with Client(url, text) as there:
        run = there.enqueue("hello", idempotency_key="once")

        assert there.enqueue("hello", idempotency_key="once")["id"] == run["id"]
        assert there.wait(done)["state"] == "succeeded"
        assert [line["message"] for line in there.logs(done)] == ["hello"]
        assert {one["id"] for one in there.runs(limit=1)} == {run["id"], done}
        assert there.cancel(run["id"])["state"] == "cancelled"


def test_what_the_server_says_is_raised(url, ledger):
    """As the package itself would raise it, with the server's sentence."""
    with Client(url) as there:
        with pytest.raises(UnknownName, match="nothing"):
            there.run("nothing")
        with pytest.raises(InvalidInput, match="command"):
            there.enqueue("hello", {"commnd": "x"})
        with pytest.raises(Refused, match="problem"):
            there.enqueue("odd")
        ledger.tokens.add("ci", "test", Role.VIEWER)
        with pytest.raises(Refused, match=r"none was given; .* set AUTOMATION_TOKEN"):
            there.run("nothing")
    with Client(url, "atm_wrong") as there, pytest.raises(Refused, match="This token is unknown"):
        there.run("nothing")
    with pytest.raises(ServiceUnavailable, match="cannot be reached"):
        Client("http://127.0.0.1:1").run("x")
    with pytest.raises(InvalidInput):
        Client("file:///etc")


def test_commands_ask_a_server(url, ledger, monkeypatch, capsys, add_run, succeeded):
    """From a folder without a project, with the token of the environment."""
    import json

    from automation.cli.main import main

    monkeypatch.setenv("AUTOMATION_TOKEN", ledger.tokens.add("ci", "test", Role.OPERATOR)[0])
    add_run(verdict=succeeded)

    def call(*arguments):
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        return ended.value.code, capsys.readouterr().out

    code, out = call("run", "hello", "--json", "--url", url)
    assert code == 0
    run = json.loads(out)
    assert len(json.loads(call("runs", "--json", "--url", url)[1])) == 2
    assert json.loads(call("show", run["id"], "--json", "--url", url)[1])["params"] == {"command": "true"}
    assert "hello queued" in call("show", run["id"], "--url", url)[1]
