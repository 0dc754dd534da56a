"""Logins with an access token, and signatures: what a server and a reader see of them."""

from __future__ import annotations

import base64
import json
import subprocess
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from automation.clock import FrozenClock
from automation.mail import Smtp, compose, parse_smtp_url
from automation.mail.content import Refusal
from automation.mail.dkim import signer
from automation.mail.oauth2 import Grant, TokenSource

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def tokens():
    """A token server: `asked` holds the forms, `answer` what it says next."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            server.asked.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            body = json.dumps(server.answer).encode()
            self.send_response(200 if "access_token" in server.answer else 400)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            """Nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.asked, server.answer = [], {"access_token": "tok", "expires_in": 3600}
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def grant(server, **more):
    return Grant(f"http://127.0.0.1:{server.server_port}/token", "me", "hush", **more)


def test_a_token_is_kept_until_it_runs_out(tokens):
    """A minute before its end it is fetched anew."""
    clock = FrozenClock(NOON)
    source = TokenSource(grant(tokens, refresh_token="again"), clock)

    assert [source(), source()] == ["tok", "tok"]
    assert len(tokens.asked) == 1
    assert "grant_type=refresh_token" in tokens.asked[0]
    clock.advance(minutes=59, seconds=30)
    source()
    assert len(tokens.asked) == 2


def test_a_refused_token_says_why_and_keeps_the_secret(tokens):
    """The token server's own words."""
    tokens.answer = {"error": "invalid_client", "error_description": "unknown client"}

    with pytest.raises(Refusal, match="unknown client") as caught:
        TokenSource(grant(tokens), FrozenClock(NOON))()
    assert "hush" not in str(caught.value)
    assert "hush" not in repr(grant(tokens))


@pytest.mark.parametrize("mechanism", ["XOAUTH2", "OAUTHBEARER"])
def test_a_session_logs_in_with_the_token(script, mechanism):
    """As the server asks for it."""
    heard: list[str] = []
    greeting = ["220 hi", f"250-hi\r\n250 AUTH PLAIN {mechanism}", "235 welcome"]
    settings = parse_smtp_url(f"smtp://ann%40example.com@{script([greeting], heard)}?tls=none", token=True)
    client = Smtp(settings, token=lambda: "tok")

    assert client.connect() is None
    client.__exit__()
    said = next(line for line in heard if line.startswith("AUTH")).split()
    assert said[1] == mechanism
    assert b"ann@example.com" in base64.b64decode(said[2])
    assert b"auth=Bearer tok\x01" in base64.b64decode(said[2])


def test_a_signed_mail_verifies(needs, tmp_path):
    """Against the public key in DNS; a changed subject does not. What one-click unsubscription needs is signed."""
    dkim = pytest.importorskip("dkim")
    key = subprocess.run([needs("openssl"), "genrsa", "1024"], capture_output=True, check=True, text=True).stdout
    public = subprocess.run(
        [needs("openssl"), "rsa", "-pubout", "-outform", "DER"], input=key.encode(), capture_output=True, check=True
    ).stdout
    record = b"v=DKIM1; k=rsa; p=" + base64.b64encode(public)
    raw = compose(
        to=["ann@example.com"], subject="Hi", key="1", moment=NOON, text="Hello", sender="us@example.com",
        unsubscribe="https://example.com/u",
    ).as_bytes()  # fmt: skip

    signed = signer("s1", "example.com", key)(raw)

    assert dkim.verify(signed, dnsfunc=lambda *_, **__: record)
    assert not dkim.verify(signed.replace(b"Subject: Hi", b"Subject: Ho"), dnsfunc=lambda *_, **__: record)
    assert b"list-unsubscribe-post" in signed.partition(b"From:")[0].lower()
    with pytest.raises(ValueError, match="cannot be signed"):
        signer("s1", "example.com", "no key")(raw)
