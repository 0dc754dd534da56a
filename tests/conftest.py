"""What every test may ask for: outside things by name, and an environment that says nothing.

Owns: `needs(name)`, `serving(Handler)`, `fresh_database(kind)`, `give_ledger(project)`, and the clean environment, home and folder of each test.
Never: starts a service; a test that has to have its own starts it itself.
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import hypothesis
import pytest

ROOT = Path(__file__).resolve().parent.parent

#: Read once and taken out of the environment, since the product refuses variables of its prefix that it does not know.
REQUIRED = os.environ.pop("AUTOMATION_TEST_REQUIRE", os.environ.get("TESTS_REQUIRE", "")) == "1"
if REQUIRED:
    os.environ["TESTS_REQUIRE"] = "1"  # for the processes of pytest-xdist, which inherit it

#: Name → where it is; each may be moved by a variable such as TESTS_POSTGRESQL.
SERVICES = {
    "postgresql": "postgresql://postgres@127.0.0.1:5432/test",
    "mariadb": "mysql://root@127.0.0.1:3306/test",
    "redis": "redis://127.0.0.1:6379/15",
    "rabbitmq": "amqp://guest:guest@127.0.0.1:5672//",
}
FOLDERS = {
    "python3-doc": Path("/usr/share/doc/python3.11/html"),
    "shared-data": ROOT.parent / "shared" / "data",
}

# The processes that tests start compile each module once, and not once each.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

hypothesis.settings.register_profile("house", deadline=None, derandomize=REQUIRED, database=None)
hypothesis.settings.load_profile("house")


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is part of the tests."""


@pytest.fixture
def serving() -> Iterator[Callable[..., ThreadingHTTPServer]]:
    """`serving(Handler, address="127.0.0.1")`: a web server on a free port, at work until the test ends; it says nothing."""
    with ExitStack() as stack:

        def serve(handler: type[BaseHTTPRequestHandler], address: str = "127.0.0.1") -> ThreadingHTTPServer:
            quiet = type("Quiet", (handler,), {"log_message": lambda *_args: None})
            server = stack.enter_context(_Server((address, 0), quiet))
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
            thread.start()
            stack.callback(thread.join, 5)
            stack.callback(server.shutdown)
            return server

        yield serve


@pytest.fixture(scope="session")
def needs() -> Callable[[str], Any]:
    """`needs(name)`: the URL (text) or folder (Path) of an outside thing, or the path of a program (text).

    Where it is absent the test is skipped with the reason, or fails where AUTOMATION_TEST_REQUIRE=1 is set.
    """

    def ask(name: str) -> Any:
        found, reason = _look_for(name)
        if found is None:
            if REQUIRED:
                pytest.fail(f"{reason}; this run requires it (AUTOMATION_TEST_REQUIRE=1)", pytrace=False)
            pytest.skip(reason)
        return found

    return ask


def _look_for(name: str) -> tuple[str | Path | None, str]:
    if name in SERVICES:
        url = os.environ.get(f"TESTS_{name.upper()}", SERVICES[name])
        parts = urlsplit(url)
        listens = _listens(parts.hostname or "127.0.0.1", parts.port or 0)
        return (url if listens else None), f"no {name} listens on {parts.hostname}:{parts.port}"
    if name in FOLDERS:
        folder = FOLDERS[name]
        # An installed package without its files (documentation left out of an image) is an absent one.
        present = folder.is_dir() and any(folder.iterdir())
        return (folder if present else None), f"{name} is not at {folder}"
    found = shutil.which(name)
    return found, f"no program '{name}' on the PATH"


def _listens(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=2):
            return True
    except OSError:
        return False


@pytest.fixture
def fresh_database(needs: Callable[[str], Any], tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """`fresh_database(kind)`: the URL of an empty database of this test's own; kind: sqlite, postgresql, mariadb."""
    yield from _databases(needs, tmp_path)


@pytest.fixture(scope="session")
def lasting_database(
    needs: Callable[[str], Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], str]]:
    """`lasting_database(kind)`: as `fresh_database`, but until this process has run its last test."""
    yield from _databases(needs, tmp_path_factory.mktemp("databases"))


def _databases(needs: Callable[[str], Any], folder: Path) -> Iterator[Callable[[str], str]]:
    made: list[tuple[str, str]] = []

    def make(kind: str) -> str:
        name = f"t_{secrets.token_hex(6)}"
        if kind == "sqlite":
            return f"sqlite:///{folder / name}.db"
        server = needs(kind)
        _administer(server, f"CREATE DATABASE {name}")
        made.append((server, name))
        return urlsplit(server)._replace(path=f"/{name}").geturl()

    yield make
    for server, name in made:
        force = " WITH (FORCE)" if server.startswith("postgresql") else ""
        _administer(server, f"DROP DATABASE {name}{force}")


def _administer(server: str, statement: str) -> None:
    """One statement outside any transaction, by the driver itself: no part of the product is trusted here."""
    parts = urlsplit(server)
    if parts.scheme == "postgresql":
        import psycopg

        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(statement.encode())
        return
    import pymysql

    connection = pymysql.connect(
        host=parts.hostname,
        port=parts.port or 3306,
        user=parts.username,
        password=parts.password or "",
        ssl_disabled=True,
    )
    with connection, connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.fixture(scope="session")
def empty_ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a ledger without a row; made once, since that takes longer than most tests."""
    from automation.services import build_services

    services = build_services(tmp_path_factory.mktemp("ledger"), environ={})
    services.upgraded_ledger()
    services.close()
    return services.settings.data / "ledger.db"


@pytest.fixture
def give_ledger(empty_ledger: Path) -> Callable[[Path], None]:
    """`give_ledger(project)`: the project in this folder has a ledger from now on."""

    def give(project: Path) -> None:
        (project / ".automation").mkdir(exist_ok=True)
        shutil.copyfile(empty_ledger, project / ".automation" / "ledger.db")

    return give


@pytest.fixture(scope="session")
def empty_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder without configuration, which is also where tests stand."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, empty_home: Path) -> None:
    """No setting of ours, no PORT, no `.env`, no project above: what a test needs it says itself."""
    for name in [name for name in os.environ if name.startswith("AUTOMATION_")] + ["PORT"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(empty_home))
    monkeypatch.chdir(empty_home)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Bytes are numbered and not spelled: compressed ones hold the second in which they were made."""
    return argname if isinstance(val, bytes) else None
