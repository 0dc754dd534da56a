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
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from automation.database import make_engine
from automation.net import Client, Fetcher, Limits, Response
from automation.plugin import Context, JobInfo, PluginSpec, Window, spec_of
from automation.scraping.python import Scraper
from automation.scraping.soup import soup_of
from tests.integration.scraping.shelf import BOOKS, DAY, ITEM

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


@pytest.fixture
def site(serving: Callable[..., Any]) -> Site:
    """A server of this test alone."""
    return _served(serving, "127.0.0.1")


@pytest.fixture
def everywhere(serving: Callable[..., Any]) -> Site:
    """One that answers at each address of this machine: 127.0.0.2, 127.0.0.3, … are as many hosts."""
    return _served(serving, "")


@pytest.fixture
def day(site: Site, scrape: Callable[..., Any]) -> Callable[..., Any]:
    """`day(n, {1: "5.00"}, …)`: the result of that day's run, when the shop had these books at these prices."""

    def run(number: int, books: dict[int, str], more: str = "", **params: Any) -> Any:
        site.page("/", "".join(ITEM.format(*one) for one in books.items()) + more)
        return scrape(**{**BOOKS, **params}, run_id=f"r{number}", moment=DAY + timedelta(days=number))

    return run


def _served(serving: Callable[..., Any], address: str) -> Site:
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

    site = Site(f"http://127.0.0.1:{serving(Handler, address).server_port}")
    return site


class Crawler:
    """A fetcher asked as a client is; of its event loop nothing is seen."""

    def __init__(self, connections: int, **options: Any) -> None:
        self._loop = asyncio.Runner()
        self._limits = options.get("limits") or Limits()

        async def make() -> Fetcher:
            return Fetcher(connections=connections, **options)

        self._fetcher = self._loop.run(make())

    def request(
        self, method: str, url: str, timeout: float | None = None, max_bytes: int | None = None, **options: Any
    ) -> Response:
        limits = replace(
            self._limits,
            deadline=self._limits.deadline if timeout is None else timeout,
            max_bytes=self._limits.max_bytes if max_bytes is None else max_bytes,
        )
        return self._loop.run(self._fetcher.request(method, url, limits=limits, **options))

    def get(self, url: str, **options: Any) -> Response:
        return self.request("GET", url, **options)

    def post(self, url: str, **options: Any) -> Response:
        return self.request("POST", url, **options)

    def __enter__(self) -> Crawler:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._loop.run(self._fetcher.aclose())
        self._loop.close()


#: Each way out: of plugins, of crawls with few connections, of crawls with many. One table of tests holds for all.
WAYS: dict[str, Callable[..., Any]] = {"plugin": Client, "few": partial(Crawler, 1), "many": partial(Crawler, 50)}


@pytest.fixture
def client() -> Iterator[Client]:
    """A client that may reach loopback."""
    with Client(allow_networks=["127.0.0.0/8"]) as client:
        yield client


@pytest.fixture(params=list(WAYS))
def way(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Makes a client, for each way out in turn."""
    return WAYS[request.param]


class Traces:
    """What a run left behind: files, lines of its log."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.lines: list[str] = []
        self.pages = 0
        self.stop_after: int | None = None

    def save(self, name: str, content: Any, media_type: str | None) -> None:
        self.files[name] = content.read_bytes() if isinstance(content, Path) else _bytes(content)

    def progress(self, done: int, total: int | None) -> None:
        self.pages = done

    def cancelled(self) -> bool:
        return self.stop_after is not None and self.pages >= self.stop_after

    def emit(self, record: logging.LogRecord) -> bool:
        self.lines.append(record.getMessage())
        return False


def _bytes(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content


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
def context(tmp_path: Path, traces: Traces, database: sa.Engine, client: Client) -> Iterator[Callable[..., Context]]:
    """`context(plugin, run_id=…, attempt=…, …)`: what an attempt gives its plugin, made by hand."""

    def make(plugin: str = "mine", **changed: Any) -> Context:
        logger = logging.Logger("test")
        logger.addFilter(traces.emit)
        work = Path(tempfile.mkdtemp(dir=tmp_path))
        moment = changed.get("moment", NOW)
        return Context(
            JobInfo(changed.get("job", "my-books"), plugin), changed.get("run_id", "r1"), changed.get("attempt", 1),
            "manual", None, moment, Window(moment, moment), logging.LoggerAdapter(logger, {}), client, {}, tmp_path,
            changed.get("dry_run", False), databases=lambda _name, _read_only: changed.get("engine", database),
            artifact_store=traces, outbox=None, effects=traces, renderer=None, soup_maker=soup_of,
            workdir_maker=lambda: work, cache=changed.get("cache_folder"), scraper_maker=lambda made: closing.enter_context(Scraper(made)),
        )  # fmt: skip

    with ExitStack() as closing:
        yield make


@pytest.fixture
def run_plugin(context: Callable[..., Context]) -> Callable[..., Any]:
    """`run_plugin(name, params, **context)`: one run of a shipped plugin."""

    def run(name: str, params: dict[str, Any], **changed: Any) -> Any:
        plugin = _shipped(name)
        answer = plugin.function(context(name, **changed), **plugin.arguments(plugin.parameters.model_validate(params)))
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
        around = {
            name: given.pop(name) for name in ("engine", "dry_run", "attempt", "job", "cache_folder") if name in given
        }
        return run_plugin("scrape", given, moment=moment, run_id=run_id, **around)

    return run


@pytest.fixture
def rows(database: sa.Engine) -> Callable[[str], list[Any]]:
    """`rows(sql)`: what is in the database."""

    def ask(sql: str) -> list[Any]:
        with database.connect() as connection:
            return [tuple(row) for row in connection.execute(sa.text(sql))]

    return ask
