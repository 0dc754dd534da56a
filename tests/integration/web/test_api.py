"""The API: objects as `--json` has them, pages, problems, actions and what they leave in the audit trail."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from automation.errors import FailureClass
from automation.ledger.runs import Verdict
from automation.ledger.states import Outcome, State

V1 = "/api/v1"


@pytest.fixture
def project(project):
    """With a job that needs nothing."""
    hello = replace(project.jobs["asleep"], name="hello", plugin="shell", params={"command": "true"}, enabled=True)
    return replace(project, jobs={**project.jobs, "hello": hello})


@pytest.fixture
def dead():
    return Verdict(
        Outcome.FAILED, State.DEAD, reason="shop is away", failure_class=FailureClass.TRANSPORT, message="shop is away"
    )


def test_enqueue_and_poll(client, ledger, rung):
    """202 with the address of the run; nothing is lost when the same is asked again with a key."""
    asked = client.post(f"{V1}/jobs/hello/runs", json={}, headers={"Idempotency-Key": "once"})
    again = client.post(f"{V1}/jobs/hello/runs", json={}, headers={"Idempotency-Key": "once"})
    run = asked.json()

    assert (asked.status_code, run["state"], run["kind"]) == (202, "queued", "api")
    assert asked.headers["location"] == f"{V1}/runs/{run['id']}"
    assert rung == [run["id"]]
    assert (again.status_code, again.json()["id"]) == (202, run["id"])
    assert again.headers["idempotent-replayed"] == "true"
    found = client.get(asked.headers["location"]).json()
    assert found["params"] == {"command": "true"}
    assert ledger.audit.list()[-1].target == "hello"
    assert ledger.audit.list()[-1].details == {"run": run["id"], "new": True}


def test_the_same_key_with_another_body_is_refused(client):
    """A key is for one wish."""
    client.post(f"{V1}/jobs/hello/runs", json={}, headers={"Idempotency-Key": "once"})
    other = client.post(
        f"{V1}/jobs/hello/runs", json={"params": {"command": "false"}}, headers={"Idempotency-Key": "once"}
    )

    assert other.status_code in (409, 422)
    assert other.headers["content-type"] == "application/problem+json"


def test_waiting_ends_with_the_run(client, add_run, ledger, succeeded):
    """`wait` answers at once for a run that has ended."""
    run = add_run(verdict=succeeded)

    assert client.get(f"{V1}/runs/{run}?wait=30s").json()["state"] == "succeeded"


@pytest.mark.parametrize("wait", ["soon", "-1s", ""])
def test_a_span_that_is_none_is_a_problem(client, add_run, wait):
    """422, with what to write."""
    assert client.get(f"{V1}/runs/{add_run()}", params={"wait": wait}).status_code == 422


def test_runs_come_in_pages(client, add_run, clock):
    """Each run once, newest first, whatever is asked for meanwhile; filters hold on every page."""
    made = []
    for _ in range(7):
        made.append(add_run(start=False))
        clock.advance(seconds=1)
    add_run("price-report", start=False)
    seen, cursor = [], None
    while True:
        params = {"limit": 3, "job": "scrape-shop", **({"cursor": cursor} if cursor else {})}
        page = client.get(f"{V1}/runs", params=params).json()
        seen += [run["id"] for run in page["items"]]
        add_run(start=False)
        if (cursor := page["next"]) is None:
            break

    assert seen[:7] == made[::-1]
    assert len(seen) == len(set(seen)) == 7


def test_runs_of_one_state_come_in_pages(client, add_run, clock, succeeded):
    """Without a job they come by when they fell due."""
    made = [add_run(verdict=succeeded) for _ in range(4)]
    add_run(start=False)
    first = client.get(f"{V1}/runs", params={"limit": 3, "state": "succeeded"}).json()
    second = client.get(f"{V1}/runs", params={"limit": 3, "state": "succeeded", "cursor": first["next"]}).json()

    assert [run["id"] for run in first["items"] + second["items"]] == made[::-1]
    assert second["next"] is None


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/runs?limit=0", 422),
        ("/runs?limit=100000", 422),
        ("/runs?cursor=garbage", 422),
        ("/runs?cursor=W10", 422),
        ("/runs?state=flying", 422),
        ("/runs?since=yesterday", 422),
        ("/runs/nothing", 404),
        ("/runs/nothing/logs", 404),
        ("/jobs/nothing", 404),
        ("/nothing", 404),
        ("/mails/1", 404),
        ("/mails/99999999999999999999", 422),
        ("/next?from=2026-01-01T00:00:00", 422),
        ("/runs?job=%00", 400),
        ("/runs?job=" + "x" * 10_000, 414),
    ],
)
def test_what_cannot_be_is_a_problem(client, path, status):
    """4xx, as an object that says what and where."""
    answer = client.get(V1 + path)

    assert answer.status_code == status
    if status not in (400, 414):
        assert answer.headers["content-type"] == "application/problem+json"
        body = answer.json()
        assert (body["status"], body["detail"][-1]) == (status, ".")


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"not json", {"Content-Type": "application/json"}, 400),
        (b"\xff\xfe", {"Content-Type": "application/json"}, 400),
        (b"[" * 50_000, {"Content-Type": "application/json"}, 400),
        (b'{"params": {}, "unknown": 1}', {"Content-Type": "application/json"}, 422),
        (b"x" * 2_000_000, {"Content-Type": "application/json"}, 413),
    ],
)
def test_a_body_that_cannot_be_read_starts_nothing(client, ledger, content, headers, status):
    """Neither garbage nor what is too large, too deep or unknown."""
    assert client.post(f"{V1}/jobs/hello/runs", content=content, headers=headers).status_code == status
    assert ledger.queries.counts() == {}


def test_params_that_do_not_fit_are_a_problem(client):
    """The plugin's own check, as for the command line."""
    answer = client.post(f"{V1}/jobs/hello/runs", json={"params": {"commnd": "x"}})

    assert answer.status_code == 422
    assert "command" in answer.json()["detail"]


def test_a_job_with_a_problem_is_refused(client):
    """409: understood, and not done."""
    assert client.post(f"{V1}/jobs/odd/runs", json={}).status_code == 409


def test_cancel_retry_and_discard(client, add_run, ledger, dead, rung):
    """Each once; a second time 409 says how it stands."""
    waiting, letter = add_run(start=False), add_run(verdict=dead)

    assert client.post(f"{V1}/runs/{waiting}/cancel").json()["state"] == "cancelled"
    assert client.post(f"{V1}/runs/{waiting}/cancel").status_code == 409
    assert [one["id"] for one in client.get(f"{V1}/dead").json()["items"]] == [letter]
    assert client.post(f"{V1}/runs/{letter}/retry").json()["state"] == "queued"
    assert rung == [letter]
    assert client.post(f"{V1}/runs/{letter}/retry").status_code == 409
    other = add_run(verdict=dead)
    assert client.post(f"{V1}/runs/{other}/discard", json={}).status_code == 422
    assert client.post(f"{V1}/runs/{other}/discard", json={"reason": "old"}).status_code == 200
    assert client.get(f"{V1}/dead").json()["items"] == []
    assert [line.action for line in ledger.audit.list()][-2:] == ["run.cancel", "run.cancel"]


def test_dead_letters_come_back_together(client, add_run, dead):
    """Those of a job; and never all by chance."""
    letters = {add_run(verdict=dead) for _ in range(3)}

    assert client.post(f"{V1}/dead/retry", json={}).status_code == 422
    assert set(client.post(f"{V1}/dead/retry", json={"job": "scrape-shop"}).json()["runs"]) == letters


def test_pause_and_resume(client, clock):
    """With a reason; the job says so until it is ended."""
    end = (clock.now() + timedelta(hours=2)).isoformat()
    made = client.post(f"{V1}/pauses", json={"job": "scrape-shop", "reason": "site moves", "until": end})

    assert made.status_code == 201
    assert made.json()["author"] == "local"
    assert client.get(f"{V1}/jobs/scrape-shop").json()["state"] == "paused"
    assert client.post(f"{V1}/pauses", json={"job": "scrape-shop"}).status_code == 422
    assert client.post(f"{V1}/pauses", json={"job": "nothing", "reason": "x"}).status_code == 404
    past = {"job": "scrape-shop", "reason": "x", "until": "2020-01-01T00:00:00Z"}
    assert client.post(f"{V1}/pauses", json=past).status_code == 422
    assert client.post(f"{V1}/pauses/end", json={"job": "scrape-shop"}).json()["items"] == []
    assert client.get(f"{V1}/pauses").json()["items"] == []


def test_jobs_fires_and_reasons(client):
    """What the command line's `list`, `next` and `why` say."""
    page = client.get(f"{V1}/jobs", params={"limit": 2}).json()
    rest = client.get(f"{V1}/jobs", params={"limit": 10, "cursor": page["next"]}).json()

    assert [job["job"] for job in page["items"] + rest["items"]] == sorted(
        ["scrape-shop", "price-report", "asleep", "odd", "hello"]
    )
    fires = client.get(f"{V1}/next", params={"job": "scrape-shop", "limit": 2}).json()["items"]
    assert [fire["nominal_time"] for fire in fires] == ["2026-03-02T12:00:00Z", "2026-03-02T12:00:30Z"]
    assert client.get(f"{V1}/jobs/scrape-shop/why").status_code == 200


def test_why_of_a_run_at_work_says_who_does_it(client, add_run):
    """As it stands in the ledger: not that its message has still to go out."""
    add_run()
    steps = [step["text"] for step in client.get(f"{V1}/jobs/scrape-shop/why").json()]

    assert "Attempt 1 is at work on w1 (pid 7)." in steps
    assert not any("message" in step for step in steps)


def test_access_is_given_over_http(client, ledger):
    """The first user closes the door behind it; the last admin cannot lock everybody out."""
    made = client.post(f"{V1}/users", json={"name": "Ann", "role": "admin", "password": "correct horse battery"})
    assert (made.status_code, made.json()["name"], made.json()["password"]) == (201, "ann", True)
    assert client.get(f"{V1}/users").status_code == 401

    text = ledger.tokens.add("t", "ann", made.json()["role"])[0]
    headers = {"Authorization": f"Bearer {text}"}
    assert client.delete(f"{V1}/users/ann", headers=headers).status_code == 409
    assert client.patch(f"{V1}/users/ann", headers=headers, json={"role": "viewer"}).status_code == 409
    token = client.post(f"{V1}/tokens", headers=headers, json={"label": "ci"}).json()
    mine = client.get(f"{V1}/me", headers={"Authorization": f"Bearer {token['token']}"}).json()
    assert (mine["role"], mine["via"]) == ("viewer", "token")
    assert client.delete(f"{V1}/tokens/{token['id']}", headers=headers).status_code == 204
    assert "correct horse" not in json.dumps(client.get(f"{V1}/audit", headers=headers).json())


def test_events_tell_a_run_to_its_end(client, add_run, ledger, succeeded, clock):
    """Log lines, the state, and the end, as a browser reads them."""
    run = add_run(verdict=succeeded, logs=[("info", "hello"), ("info", "world")])
    with client.stream("GET", f"{V1}/runs/{run}/events") as answer:
        text = "".join(answer.iter_text())

    assert answer.headers["content-type"].startswith("text/event-stream")
    assert [line for line in text.splitlines() if line.startswith("event:")] == [
        "event: log", "event: log", "event: run", "event: end",
    ]  # fmt: skip
    with client.stream("GET", f"{V1}/runs/{run}/events", headers={"Last-Event-ID": "1"}) as answer:
        assert "hello" not in "".join(answer.iter_text())


def test_events_tell_of_every_run_that_changes(client, add_run, succeeded):
    """Not of those that were there before, nor of another job's when one is asked for."""
    add_run(verdict=succeeded)
    with client.stream("GET", f"{V1}/events", params={"job": "price-report"}) as answer:
        lines = answer.iter_lines()
        assert next(lines) == "retry: 2000"
        add_run(job="scrape-shop", verdict=succeeded)
        new = add_run(job="price-report", verdict=succeeded)
        told = (json.loads(line[5:]) for line in lines if line.startswith("data:"))
        assert next(run["id"] for run in told if run["state"] == "succeeded") == new


def test_the_description_names_every_route(client, app):
    """With roles, problems and examples, for programs that make programs."""
    found = client.get(f"{V1}/openapi.json").json()
    operations = [operation for methods in found["paths"].values() for operation in methods.values()]

    assert len(operations) > 30
    assert all(operation.get("description") for operation in operations)
    open_to_all = {operation["summary"] for operation in operations if "x-role" not in operation}
    assert open_to_all == {"Badge", "Deliver", "Ping"}
    assert all("422" in operation["responses"] and "403" in operation["responses"] for operation in operations)
    assert found["components"]["schemas"]["Run"]["example"]["state"] == "running"


def test_a_badge_is_seen_by_whoever_has_its_address(client, add_run, succeeded, ledger):
    """Without signing in, of this job alone, and a name in it is text."""
    from automation.web.api.badges import picture

    add_run(verdict=succeeded)
    found = client.get(f"{V1}/jobs/scrape-shop/badge").json()
    ledger.tokens.add("closed", "test", "viewer")

    drawn = client.get(found["svg"])
    assert (drawn.status_code, drawn.headers["content-type"]) == (200, "image/svg+xml")
    assert drawn.headers["cross-origin-resource-policy"] == "cross-origin"
    assert "scrape-shop: succeeded" in drawn.text
    assert client.get(found["json"]).json()["message"] == "succeeded"
    assert client.get(found["svg"].replace("scrape-shop", "price-report")).status_code == 404
    assert "<script>" not in picture("<script>", "x")
