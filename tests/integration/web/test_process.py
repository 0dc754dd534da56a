"""`automation web` as a process of its own."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import pytest

from automation.web.server import listen


@pytest.fixture
def project(tmp_path):
    (tmp_path / "schedules").mkdir()
    return tmp_path


@pytest.fixture
def web(project):
    children = []

    def start(**environ):
        command = [sys.executable, "-m", "automation", "-C", str(project), "web"]
        everything = {**os.environ, "AUTOMATION_LOG_FORMAT": "json", **environ}
        child = subprocess.Popen(command, env=everything, stderr=subprocess.PIPE, text=True)
        children.append(child)
        return child

    yield start
    for child in children:
        child.kill()
        child.communicate()


def address_of(child):
    return json.loads(child.stderr.readline())["message"].rpartition(" ")[2]


def test_it_says_where_it_is_and_leaves_when_told(web):
    """With PORT=0 it takes a free port, answers there, and ends with 0 on SIGTERM."""
    child = web(PORT="0")

    with urllib.request.urlopen(address_of(child) + "healthz", timeout=60) as answer:
        assert json.load(answer) == {"status": "ok"}
    child.send_signal(signal.SIGTERM)

    assert child.wait(60) == 0


@pytest.mark.slow
def test_it_starts_before_ledger_and_broker_and_says_what_is_missing(web):
    """A dashboard without its services is up and not ready, with the ways out."""
    address = address_of(web(PORT="0"))

    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(address + "readyz", timeout=60)

    with refused.value as answer:
        checks = {check["name"]: check["message"] for check in json.load(answer)["checks"]}
    assert refused.value.code == 503
    assert "automation db upgrade" in checks["ledger"]
    assert "automation up" in checks["broker"]


@pytest.mark.slow
def test_a_taken_port_is_refused_with_a_way_out(web):
    """A port that somebody else holds ends it with 3 and names another."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        child = web(PORT=str(port))
        _, said = child.communicate(timeout=60)

    assert child.returncode == 3
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use. Set PORT" in said


@pytest.mark.slow
@pytest.mark.parametrize(
    "host", ["0.0.0.0", *(pytest.param(host, marks=pytest.mark.slow) for host in ("::", "192.0.2.1")), "example.com"]
)
def test_listening_beyond_this_machine_is_refused(web, host):
    """Without a login, others may not look: the refusal names a tunnel."""
    child = web(PORT="0", AUTOMATION_HOST=host)
    _, said = child.communicate(timeout=60)

    assert child.returncode == 3
    assert "ssh -L" in said


def test_an_answer_is_not_held_back_for_an_acknowledgement():
    """What a visitor's connection is given at once, headers and body, leaves at once."""
    with listen("127.0.0.1", 0, guarded=lambda: False) as listening:
        with socket.create_connection(listening.getsockname()):
            accepted, _ = listening.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
