"""A real HTTP server on loopback whose answers a test writes, clients that may reach it, and plugins run against it.

Owns: `site`, `client`, `scrape`, `run_plugin`, `rows`, `traces`. Never: leaves a thread or socket behind.
"""

from __future__ import annotations

import asyncio
import importlib.util
import inspect
import logging
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from automation.database import make_engine
from automation.net import Client
from automation.plugin import Context, JobInfo, PluginSpec, Window, spec_of

JOBS = Path(__file__).resolve().parents[3] / "jobs"
NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
Answer = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Site:
    """What the server answers by path, and what it was asked."""

    base: str
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)

    def page(
        self, path: str, body: bytes | str = b"", *, status: int = 200, headers: dict[str, str] | None = None
    ) -> str:
        """Answer this path with these bytes; the URL is returned."""
        content = body.encode() if isinstance(body, str) else body

        def answer(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(status)
            sent = {"Content-Type": "text/html; charset=utf-8", "Content-Length": str(len(content)), **(headers or {})}
            for name, value in sent.items():
                if value:
                    handler.send_header(name, value)
            handler.end_headers()
            if handler.command != "HEAD":
                handler.wfile.write(content)

        self.answers[path] = answer
        return self.base + path

    def raw(self, path: str, wire: bytes) -> str:
        """Answer this path with exactly these bytes on the wire, then close."""

        def answer(handler: BaseHTTPRequestHandler) -> None:
            handler.wfile.write(wire)
            handler.close_connection = True

        self.answers[path] = answer
        return self.base + path


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is part of these tests."""


@pytest.fixture
def site() -> Iterator[Site]:
    """A server of this test alone."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            site.asked.append((self.command, self.path, dict(self.headers), self.rfile.read(length)))
            found = site.answers.get(self.path)
            if found is None:
                self.send_error(404)
            else:
                found(self)

        do_GET = do_POST = do_HEAD = do_PUT = _answer  # noqa: N815

        def log_message(self, *args: object) -> None:
            """Quiet."""

    server = _Server(("127.0.0.1", 0), Handler)
    site = Site(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield site
    server.shutdown()
    server.server_close()
    thread.join(5)


@pytest.fixture
def client() -> Iterator[Client]:
    """A client that may reach loopback."""
    with Client(allow_networks=["127.0.0.0/8"]) as client:
        yield client


class Traces:
    """What a run left behind: files, lines of its log."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.lines: list[str] = []
        self.pages = 0
        self.stop_after: int | None = None

    def save(self, name: str, content: Any, media_type: str | None) -> None:
        self.files[name] = content.read_bytes() if isinstance(content, Path) else bytes(content)

    def progress(self, done: int, total: int | None) -> None:
        self.pages = done

    def cancelled(self) -> bool:
        return self.stop_after is not None and self.pages >= self.stop_after

    def emit(self, record: logging.LogRecord) -> bool:
        self.lines.append(record.getMessage())
        return False


@pytest.fixture
def traces() -> Traces:
    """What the runs of this test left."""
    return Traces()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sa.Engine]:
    """The database that scraped rows go to."""
    engine = make_engine(f"sqlite:///{tmp_path / 'data.db'}")
    yield engine
    engine.dispose()


@pytest.fixture
def run_plugin(tmp_path: Path, traces: Traces, database: sa.Engine, client: Client) -> Callable[..., Any]:
    """`run_plugin(name, params, **context)`: one run of a shipped plugin, with a context made by hand."""

    def run(name: str, params: dict[str, Any], **changed: Any) -> Any:
        plugin = _shipped(name)
        logger = logging.Logger("test")
        logger.addFilter(traces.emit)
        work = Path(tempfile.mkdtemp(dir=tmp_path))
        moment = changed.pop("moment", NOW)
        context = Context(
            JobInfo("my-books", name), changed.pop("run_id", "r1"), 1, "manual", None, moment, Window(moment, moment),
            logging.LoggerAdapter(logger, {}), client, {}, tmp_path, changed.pop("dry_run", False),
            databases=lambda _name, _read_only: changed.get("engine", database), artifact_store=traces, outbox=None,
            effects=traces, renderer=None, soup_maker=None, workdir_maker=lambda: work,
        )  # fmt: skip
        answer = plugin.function(context, **plugin.arguments(plugin.parameters.model_validate(params)))
        return asyncio.run(answer) if inspect.iscoroutine(answer) else answer

    return run


def _shipped(name: str) -> PluginSpec:
    spec = importlib.util.spec_from_file_location(f"shipped_{name}", JOBS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return spec_of(getattr(module, name))


@pytest.fixture
def scrape(run_plugin: Callable[..., Any], site: Site) -> Callable[..., Any]:
    """`scrape(moment=…, **params)`: the result of one run on loopback, without delay and without robots.txt unless said."""

    def run(*, moment: datetime = NOW, run_id: str = "r1", **params: Any) -> Any:
        given = {"delay": "0s", "robots": False, "allow_networks": "127.0.0.0/8", "start": f"{site.base}/", **params}
        around = {name: given.pop(name) for name in ("engine", "dry_run") if name in given}
        return run_plugin("scrape", given, moment=moment, run_id=run_id, **around)

    return run


@pytest.fixture
def rows(database: sa.Engine) -> Callable[[str], list[Any]]:
    """`rows(sql)`: what is in the database."""

    def ask(sql: str) -> list[Any]:
        with database.connect() as connection:
            return [tuple(row) for row in connection.execute(sa.text(sql))]

    return ask
