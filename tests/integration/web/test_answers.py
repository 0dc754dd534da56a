"""Headers, files, probes and errors of the web application."""

import json

import pytest
from sqlalchemy.exc import OperationalError

from automation.health.check import fail
from automation.web.app import create_app
from automation.web.headers import is_this_machine


def test_every_answer_carries_the_security_headers(client):
    """Pages, files of ours, probes and errors: no script but ours, no framing, no sniffing, no storing."""
    for address in ("/", "/static/style.css", "/healthz", "/nothing", "/runs/zz"):
        headers = client.get(address).headers
        assert headers["content-security-policy"].startswith("default-src 'none'; style-src 'self'; script-src 'self'")
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "same-origin"


def test_pages_ask_for_nothing_elsewhere(client, add_run):
    """No address outside, no inline script or style: the policy forbids them, and nothing needs them."""
    for address in ("/", f"/runs/{add_run()}"):
        page = client.get(address).text
        assert "http://" not in page.replace("http://shop", "")
        assert "https://" not in page
        assert "style=" not in page
        assert "<script>" not in page


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        ("127.0.0.1:8000", True),
        ("localhost:8000", True),
        ("[::1]:8000", True),
        ("app.localhost", True),
        ("evil.example:8000", False),
        ("127.0.0.1.evil.example", False),
        ("localhost.evil.example", False),
        ("192.168.1.5", False),
        ("", False),
        ("[", False),
    ],
)
def test_only_names_of_this_machine_are_answered(client, host, ours):
    """A page elsewhere that points its name to us (DNS rebinding) reads nothing."""
    assert is_this_machine(host) is ours
    assert client.get("/healthz", headers={"Host": host}).status_code == (200 if ours else 421)


def test_a_report_is_shown_in_a_sandbox(client, add_run, add_file):
    """An HTML artifact opens in the browser, without scripts, forms, outside requests or our origin."""
    run_id = add_run()
    add_file(run_id, "prices.html", "<h1>Prices</h1><script>alert(1)</script>")

    answer = client.get(f"/runs/{run_id}/files/prices.html")

    assert answer.text.startswith("<h1>Prices</h1>")
    assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert answer.headers["content-disposition"] == 'inline; filename="prices.html"'
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "SAMEORIGIN"


def test_what_a_browser_should_not_open_is_a_download(client, add_run, add_file):
    """Unknown files, and any file on request, are given as attachment."""
    run_id = add_run()
    add_file(run_id, "rows.parquet", b"PAR1")
    add_file(run_id, "été prices.html", "x")

    for name in ("rows.parquet", "%C3%A9t%C3%A9%20prices.html?download=1"):
        answer = client.get(f"/runs/{run_id}/files/{name}")
        assert answer.status_code == 200
        assert answer.headers["content-disposition"].startswith("attachment")


@pytest.mark.parametrize(
    "name", ["../ledger.db", "%2e%2e%2fledger.db", "..%5cledger.db", "/etc/passwd", "%00", "ledger.db", "x" * 5000]
)
def test_only_names_that_the_ledger_has_are_files(client, add_run, add_file, name):
    """A path in place of a name finds nothing, however it is written."""
    run_id = add_run()
    add_file(run_id, "prices.html", "x")

    answer = client.get(f"/runs/{run_id}/files/{name}")

    assert answer.status_code == 404
    assert "SQLite format" not in answer.text


def test_a_file_outside_the_artifacts_is_not_served(client, add_run, add_file, tmp_path):
    """Neither a row that names a foreign path nor a link inside the folder leads out of it."""
    run_id = add_run()
    (tmp_path / "secret.txt").write_text("secret")
    add_file(run_id, "stray.txt", "secret", folder=tmp_path / "elsewhere")
    link = add_file(run_id, "link.txt", "harmless")
    link.path.unlink()
    link.path.symlink_to(tmp_path / "secret.txt")

    for name in ("stray.txt", "link.txt"):
        answer = client.get(f"/runs/{run_id}/files/{name}")
        assert answer.status_code == 404
        assert "secret" not in answer.text
    assert ">secret<" not in client.get(f"/runs/{run_id}").text


def test_readiness_names_what_is_missing(serve, site, gate, desk):
    """503 and the reasons, until everything that is needed answers."""
    client = serve(create_app(site, lambda: [fail("broker", "does not answer; start it")], gate, desk))

    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json() == {
        "status": "unavailable",
        "checks": [{"name": "broker", "state": "fail", "message": "does not answer; start it"}],
    }
    assert client.get("/healthz").json() == {"status": "ok"}


def test_ready_is_200(client):
    """With every part answering, a load balancer may send visitors."""
    answer = client.get("/readyz")

    assert answer.status_code == 200
    assert json.loads(answer.text)["status"] == "ok"


def test_errors_are_pages_for_people_and_json_for_programs(client):
    """What is not there is said in the form that was asked for."""
    assert "<h1>Not here</h1>" in client.get("/nothing", headers={"Accept": "text/html"}).text
    assert client.get("/nothing", headers={"Accept": "application/json"}).json() == {
        "error": "There is nothing at /nothing."
    }
    assert client.post("/").status_code == 405
    assert client.get("/runs/x?before=many").status_code == 400


def test_a_silent_ledger_is_503_without_its_words(client, site, monkeypatch):
    """A driver's message may hold values; the page does not show it."""

    def broken(*_):
        raise OperationalError("SELECT secret", {}, Exception("password=hunter2"))

    monkeypatch.setattr(site, "project", broken)

    answer = client.get("/")

    assert answer.status_code == 503
    assert "hunter2" not in answer.text
    assert "SELECT" not in answer.text
