"""HTTPS against a real server whose certificate nobody trusts."""

from __future__ import annotations

import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from automation.errors import FailureClass, JobFailed


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A handshake that the client ends is part of these tests."""


@pytest.fixture
def https(needs, tmp_path):
    """The address of a server with a certificate of its own making."""
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        [needs("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-days", "1",
         "-subj", "/CN=127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = _Quiet(("127.0.0.1", 0), BaseHTTPRequestHandler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield f"https://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()
    thread.join(5)


def test_a_certificate_that_nobody_signed_is_refused(https, client):
    """The cause is named, and the code tells it from a server that is away."""
    with pytest.raises(JobFailed, match="certificate") as caught:
        client.get(https)

    assert (caught.value.failure_class, caught.value.code) == (FailureClass.TRANSPORT, "tls")


def test_a_crawl_does_not_try_a_bad_certificate_again(https, scrape):
    """The same answer would come each time."""
    with pytest.raises(JobFailed, match="self-signed certificate") as caught:
        scrape(start=https, fields={"t": "h1"})

    assert caught.value.code == "tls"


def test_plain_text_where_tls_is_expected_is_a_failure(site, client):
    """An http server asked by https does not speak TLS."""
    with pytest.raises(JobFailed) as caught:
        client.get(site.base.replace("http:", "https:"))

    assert caught.value.failure_class is FailureClass.TRANSPORT
