"""The http plugin against a real server."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from automation.errors import FailureClass, JobFailed

ALLOWED = {"allow_networks": "127.0.0.0/8"}


def failure(run_plugin, **params):
    with pytest.raises(JobFailed) as caught:
        run_plugin("http", {**ALLOWED, **params})
    return caught.value


def test_a_request_is_sent_as_written(site, run_plugin):
    """Method, query, headers, JSON and credentials go out; status, size and headers come back."""
    url = site.page("/hook?a=1", b"done", headers={"ETag": '"1"'})
    result = run_plugin(
        "http",
        {**ALLOWED, "url": url.partition("?")[0], "method": "POST", "params": {"a": 1}, "json": {"b": [1]},
         "headers": {"X-Key": "k"}, "auth": {"bearer": "t0ken"}},
    )  # fmt: skip

    method, _, headers, body = site.asked[0]
    assert (method, json.loads(body), headers["X-Key"], headers["Authorization"]) == (
        "POST",
        {"b": [1]},
        "k",
        "Bearer t0ken",
    )
    assert (result["status"], result["size"], result["headers"]["etag"]) == (200, 4, '"1"')


def test_an_answer_as_expected_succeeds(site, run_plugin, traces):
    """Status, text and JSON values may be asked for; the body may be kept."""
    url = site.page("/", b'{"ok": true, "data": {"a.b": [{"n": 1}]}}', status=202)
    expect = {"status": 202, "contains": "ok", "json": {"ok": True, "data.a.b.0.n": 1}, "max_seconds": 30}

    result = run_plugin("http", {**ALLOWED, "url": url, "expect": expect, "save_as": "answer.json"})

    assert (result["saved_as"], traces.files["answer.json"][:6]) == ("answer.json", b'{"ok":')


@pytest.mark.parametrize(
    ("expect", "code", "says"),
    [
        ({"status": [201, 204]}, "expect:status", "answered 200"),
        ({"contains": "all is well"}, "expect:contains", "does not hold 'all is well'"),
        ({"json": {"ok": 1}}, "expect:json", "has True at 'ok' where 1"),
        ({"json": {"data.1": 1}}, "expect:json", "has nothing at 'data.1'"),
        ({"max_seconds": 1e-9}, "expect:max_seconds", "is expected"),
    ],
)
def test_an_answer_that_is_not_as_expected_fails(site, run_plugin, expect, code, says):
    """What was expected and what was there are both in the message."""
    error = failure(run_plugin, url=site.page("/", b'{"ok": true, "data": [0]}'), expect=expect)

    assert error.code == code
    assert says in str(error)


def test_a_bad_status_keeps_its_body(site, run_plugin, traces):
    """The answer is there to look at though the run failed."""
    error = failure(
        run_plugin, url=site.page("/", b"broken", status=503, headers={"Retry-After": "9"}), save_as="body.txt"
    )

    assert (error.failure_class, error.code, error.retry_after.total_seconds()) == (
        FailureClass.TRANSPORT,
        "http:503",
        9,
    )
    assert traces.files["body.txt"] == b"broken"


def test_an_inner_address_needs_permission(run_plugin):
    """The guard holds for requests as it does for pages; what one job may reach, another may not."""
    error = failure(run_plugin, url="http://10.0.0.1/")

    assert 'allow_networks = ["10.0.0.1/32"]' in str(error)


def test_a_dry_run_sends_nothing_that_changes(site, run_plugin):
    """POST is only told; GET is sent."""
    url = site.page("/", b"x")
    assert run_plugin("http", {**ALLOWED, "url": url, "method": "POST"}, dry_run=True)["status"] is None
    assert site.asked == []
    assert run_plugin("http", {**ALLOWED, "url": url}, dry_run=True)["status"] == 200


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"url": "example.com"}, "write https://example.com"),
        ({"url": "https://example.com/", "json": {}, "body": "x", "method": "POST"}, "one of json, form and body"),
        ({"url": "https://example.com/", "json": {}}, 'method = "POST"'),
        ({"url": "https://example.com/", "timeout": "0s"}, "longer than 0s"),
        ({"url": "https://example.com/", "method": "get"}, "'GET'"),
        ({"url": "https://example.com/", "expect": {"satus": 200}}, "Extra inputs"),
    ],
)
def test_parameters_that_cannot_be_are_refused(run_plugin, params, says):
    """Each mistake is told before anything is sent."""
    with pytest.raises(ValidationError, match=says):
        run_plugin("http", params)
