"""Real SMTP servers on loopback: obedient, refusing, silent, secure or not."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword, Session

from automation.mail import Smtp, parse_smtp_url


class Post:
    """What a server was told, and what it answers to each command."""

    def __init__(self) -> None:
        self.replies: dict[str, str] = {}
        self.mails: list[Envelope] = []
        self.logins: list[tuple[str, str]] = []
        self.sessions: set[int] = set()

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's names
        self, server: Any, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.sessions.add(id(session))
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return self.replies.get("MAIL", "250 OK")

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's names
        self, server: Any, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        reply = self.replies.get(address, self.replies.get("RCPT", "250 OK"))
        if reply.startswith("2"):
            envelope.rcpt_tos.append(address)
        return reply

    async def handle_DATA(self, server: Any, session: Session, envelope: Envelope) -> str:  # noqa: N802
        reply = self.replies.get("DATA", "250 taken as 42")
        if reply.startswith("2"):
            self.mails.append(envelope)
        return reply

    def authenticate(self, server: Any, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        login = (data.login.decode(), data.password.decode())
        self.logins.append(login)
        return AuthResult(success=login == ("ann", "right"), handled=False)


class OnAnyPort(Controller):
    """A controller that finds out which port it was given before it greets itself."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@pytest.fixture
def post() -> Post:
    """What the servers of this test have in common."""
    return Post()


@pytest.fixture
def serve(post: Post) -> Iterator[Callable[..., str]]:
    """`serve(**options)`: start a server; gives `host:port`."""
    running: list[Controller] = []

    def start(**options: Any) -> str:
        controller = OnAnyPort(post, hostname="127.0.0.1", port=0, **options)
        controller.start()
        running.append(controller)
        return f"localhost:{controller.port}"

    yield start
    for controller in running:
        controller.stop()


@pytest.fixture
def smtp() -> Iterator[Callable[..., Smtp]]:
    """`smtp(where, options)`: a client of ours for that server, closed after the test."""
    open_ones: list[Smtp] = []

    def make(where: str, options: str = "tls=none", login: str = "", context: ssl.SSLContext | None = None) -> Smtp:
        client = Smtp(parse_smtp_url(f"smtp://{login}{where}?{options}"), context=context)
        open_ones.append(client)
        return client

    yield make
    for client in open_ones:
        client.__exit__()


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory, needs: Callable[[str], Any]) -> Path:
    """A folder with a certificate authority of its own (`ca.pem`) and a certificate for localhost (`server.pem`)."""
    openssl = needs("openssl")
    folder = tmp_path_factory.mktemp("authority")

    def run(*arguments: str) -> None:
        subprocess.run([openssl, *arguments], cwd=folder, check=True, capture_output=True)

    make_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    run("req", "-x509", *make_key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=Test authority",
        "-addext", "keyUsage=critical,keyCertSign")  # fmt: skip
    run("req", *make_key, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=localhost")
    (folder / "names").write_text("subjectAltName=DNS:localhost\n")
    run("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
        "-extfile", "names", "-out", "server.crt")  # fmt: skip
    (folder / "server.pem").write_text((folder / "server.key").read_text() + (folder / "server.crt").read_text())
    return folder


@pytest.fixture
def server_side(authority: Path) -> ssl.SSLContext:
    """The server's certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority / "server.pem")
    return context


@pytest.fixture
def trusting(authority: Path) -> ssl.SSLContext:
    """A client that knows the test's authority."""
    return ssl.create_default_context(cafile=str(authority / "ca.pem"))


@pytest.fixture
def script() -> Iterator[Callable[..., str]]:
    """`script(lines, heard)`: a server that says each line after one of the client's, then hangs up; gives host:port.

    A line of None ends the session there; after `354` the client's text is read to its end first.
    """
    sockets: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def start(sessions: list[list[str | None]], heard: list[str] | None = None) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        sockets.append(listener)

        def answer() -> None:
            for lines in sessions:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                # The client may leave first; that is its right.
                with suppress(ConnectionError), connection, connection.makefile("rwb") as stream:
                    _talk(stream, lines, heard)

        thread = threading.Thread(target=answer, daemon=True)
        threads.append(thread)
        thread.start()
        return f"127.0.0.1:{listener.getsockname()[1]}"

    yield start
    for listener in sockets:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
    for thread in threads:
        thread.join(5)


def _talk(stream: Any, lines: list[str | None], heard: list[str] | None) -> None:
    for line in lines:
        if line is None:
            return
        stream.write(line.encode() + b"\r\n")
        stream.flush()
        said = stream.readline()
        while line.startswith("354") and said not in (b".\r\n", b""):
            said = stream.readline()
        if heard is not None:
            heard.append(said.decode(errors="replace").strip())
        if not said:
            return
