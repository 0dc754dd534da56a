"""Asking a mail server whether it takes us, without sending."""

import socket

from automation.mail import parse_smtp_url
from automation.mail.probe import probe
from automation.mail.server import MailServer


def server(url: str) -> MailServer:
    return MailServer("default", parse_smtp_url(url))


def test_a_server_that_takes_us_has_no_problem(serve, post):
    """The session is opened and closed, and no mail begins."""
    settings = server(f"smtp://{serve()}?tls=none")

    assert probe(settings) is None
    assert post.mails == []
    assert not post.sessions


def test_a_server_without_tls_is_a_problem(serve):
    """Where TLS is required and not offered, the reason says so."""
    assert "STARTTLS" in probe(server(f"smtp://{serve()}"))


def test_a_silent_port_is_a_problem():
    """Nobody there is said, not raised."""
    with socket.create_server(("127.0.0.1", 0)) as there:
        port = there.getsockname()[1]

    assert "refused" in probe(server(f"smtp://127.0.0.1:{port}?tls=none"))
