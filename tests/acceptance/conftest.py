"""The real command in folders of its own, and what stands around it: a site, a mail server.

Owns: `machine` (a project, its commands, its `automation up`), `eventually`, `free_port`, `serve_folder`, `post_office`.
Never: imports the product; a user has its command, its files and its JSON.
"""

from __future__ import annotations

import ctypes
import json
import os
import random
import secrets
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from email import message_from_bytes, policy
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil
import pytest

Eventually = Callable[..., Any]


def _eventually(condition: Callable[[], Any], seconds: float = 60.0, told: Callable[[], object] = str) -> Any:
    """The condition's first true answer; fails after so many seconds with what `told` says."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        if time.monotonic() > deadline:
            pytest.fail(f"not within {seconds} s; {told()}")
        threading.Event().wait(0.1)
    return answer


@pytest.fixture(scope="session")
def eventually() -> Eventually:
    """`eventually(condition, seconds=60, told=…)`: its first true answer."""
    return _eventually


def _free_port() -> int:
    # Below the ports that the system gives to outgoing connections, one of which might take it in the meantime.
    while True:
        port = random.SystemRandom().randrange(10_000, 32_000)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


@pytest.fixture(scope="session")
def free_port() -> Callable[[], int]:
    """`free_port()`: a port of loopback that nobody has."""
    return _free_port


def _tie() -> None:
    """Let the kernel kill this process with the test run, which may be killed itself."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, int(signal.SIGKILL), 0, 0, 0)  # PR_SET_PDEATHSIG


class Machine:
    """A project's folder, the commands typed in it, and its `automation up`.

    Every process started here, and each of their children, carries a mark in its environment, by which it is found.
    """

    def __init__(self, folder: Path, home: Path, **environ: str) -> None:
        self.folder, self.log, self.mark = folder, folder.parent / f"{folder.name}.log", secrets.token_hex(8)
        self.data = folder / ".automation"
        self.port = _free_port()
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AUTOMATION_")}
        self.environ = {**kept, "HOME": str(home), "PORT": str(self.port), "TEST_MARK": self.mark, **environ}
        self.process: subprocess.Popen[bytes] | None = None
        (folder / "schedules").mkdir(parents=True)
        (folder / "Procfile").write_text(
            "release: automation db upgrade\nweb: automation web\nscheduler: automation scheduler\nworker: automation worker\n"
        )

    def write(self, path: str, text: str) -> None:
        """A file of the project."""
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / path).write_text(text, encoding="utf-8")

    def type(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """A command, typed in the project's folder."""
        command = [sys.executable, "-m", "automation", "-C", str(self.folder), *arguments]
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            cwd=self.folder,
            env={**self.environ, **environ},
        )

    def json(self, *arguments: str) -> Any:
        """What a command with `--json` prints; it must end with 0."""
        done = self.type(*arguments, "--json")
        assert done.returncode == 0, f"automation {' '.join(arguments)}: {done.stderr}"
        return json.loads(done.stdout)

    def up(self) -> None:
        """Start `automation up`; comes back when the dashboard says that it is ready."""
        command = [sys.executable, "-m", "automation", "-C", str(self.folder), "up"]
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                command,
                stdout=out,
                stderr=out,
                env=self.environ,
                cwd=self.folder,
                preexec_fn=_tie,  # noqa: PLW1509 (the test's other threads serve files and mail)
            )
        _eventually(lambda: self.process.poll() is not None or self.ready(), 60, self.said)
        assert self.process.poll() is None, self.said()

    def ready(self) -> bool:
        """Whether `/readyz` says so."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5) as answer:
                return bool(json.load(answer)["status"] == "ok")
        except OSError:
            return False

    def said(self) -> str:
        """What the terminal of `up` shows."""
        return "the terminal said:\n" + (self.log.read_text(errors="replace") if self.log.exists() else "")

    def stop(self, deadline: float = 60.0) -> None:
        """End `up` as Ctrl-C does; it must be gone within so many seconds."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        self.process.wait(deadline)

    def processes(self) -> list[psutil.Process]:
        """Everything that was started here and still runs."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get("TEST_MARK") == self.mark and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    def sockets(self) -> tuple[set[Path], set[int]]:
        """Where these processes listen: files and ports."""
        files, ports = set(), set()
        for process in self.processes():
            with suppress(psutil.Error):
                files |= {Path(one.laddr) for one in process.net_connections("unix") if one.laddr}
                ports |= {one.laddr.port for one in process.net_connections("inet") if one.status == "LISTEN"}
        return files, ports

    def ask(self, sql: str, database: str = ".automation/ledger.db") -> list[tuple[Any, ...]]:
        """Rows of a database file of the project, read as anybody may; none before it is there."""
        try:
            with closing(sqlite3.connect(f"file:{self.folder / database}?mode=ro", uri=True, timeout=20)) as connection:
                return connection.execute(sql).fetchall()
        except sqlite3.OperationalError:
            return []

    def end(self) -> None:
        """Whatever a failed test has left is killed."""
        for process in self.processes():
            with suppress(psutil.Error):
                process.kill()
        if self.process is not None:
            self.process.wait(30)


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory, empty_home: Path) -> Iterator[Callable[..., Machine]]:
    """`machines(**environ)`: a new project until the last test of a module has ended."""
    made: list[Machine] = []

    def make(**environ: str) -> Machine:
        made.append(Machine(tmp_path_factory.mktemp("m") / "p", empty_home, **environ))
        return made[-1]

    yield make
    for machine in made:
        machine.end()


@pytest.fixture
def machine(machines: Callable[..., Machine]) -> Iterator[Machine]:
    """A new project of this test's own."""
    made = machines()
    yield made
    made.end()


class _Site(SimpleHTTPRequestHandler):
    """Files of a folder; remembers what was asked for."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.asked.append(self.path)  # type: ignore[attr-defined]
        super().do_GET()

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def serve_folder() -> Iterator[Callable[[Path], tuple[str, list[str]]]]:
    """`serve_folder(path)`: its URL on loopback, and the growing list of paths that were asked for."""
    servers: list[ThreadingHTTPServer] = []

    def start(folder: Path) -> tuple[str, list[str]]:
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Site, directory=str(folder)))
        server.daemon_threads = True
        server.asked = []  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}", server.asked  # type: ignore[attr-defined]

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


class PostOffice:
    """A real SMTP server; `mails` are the envelopes and messages that it took."""

    def __init__(self) -> None:
        from aiosmtpd.controller import Controller

        self.mails: list[tuple[str, list[str], Any]] = []
        self._controller = Controller(self, hostname="127.0.0.1", port=_free_port())
        self._controller.start()

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        message = message_from_bytes(envelope.original_content, policy=policy.default)
        self.mails.append((envelope.mail_from, list(envelope.rcpt_tos), message))
        return "250 taken"

    @property
    def url(self) -> str:
        """What AUTOMATION_SMTP_URL says."""
        return f"smtp://127.0.0.1:{self._controller.port}?tls=none&from=reports@example.com"

    def close(self) -> None:
        """Stop listening."""
        self._controller.stop()


@pytest.fixture
def post_office() -> Iterator[PostOffice]:
    """A mail server on loopback."""
    office = PostOffice()
    yield office
    office.close()
