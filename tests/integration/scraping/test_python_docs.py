"""The Python documentation, crawled by its links while the crawl is killed again and again, against its own inventory."""

from __future__ import annotations

import functools
import json
import re
import signal
import subprocess
import sys
import threading
import zlib
from collections import Counter
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import sqlalchemy as sa

from automation.database import make_engine

DOCS = Path("/usr/share/doc/python3.11/html")
ATTEMPT = Path(__file__).with_name("one_attempt.py")
#: Pages that no other page links to.
ORPHANS = 4
#: What is not written yet when a crawl is killed: a batch of pages, and those under way.
AT_RISK = 100 + 4


class Asked:
    """The pages that a server was asked for; `reaches` waits for a number of them."""

    def __init__(self) -> None:
        self.paths: Counter[str] = Counter()
        self._changed = threading.Condition()

    def note(self, path: str) -> None:
        with self._changed:
            self.paths[path.partition("?")[0]] += 1
            self._changed.notify_all()

    def reaches(self, number: int) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: len(self.paths) >= number, timeout=60)


@pytest.fixture
def served():
    """The documentation on loopback: its address, and what was asked."""
    asked = Asked()

    class Handler(SimpleHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            asked.note(self.path)
            super().do_GET()

        def log_message(self, *args):
            """Quiet."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request, client_address):
            """A client that is killed is part of this test."""

    server = Server(("127.0.0.1", 0), functools.partial(Handler, directory=str(DOCS)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()
    thread.join(5)


def inventory():
    """Kind → page#anchor of everything that the documentation says it defines."""
    packed = (DOCS / "objects.inv").read_bytes().split(b"\n", 4)[4]
    found: dict[str, set[str]] = {}
    for line in zlib.decompress(packed).decode().splitlines():
        name, kind, place = re.fullmatch(r"(.+?)\s+(\S+)\s+-?\d+\s+(\S*)\s+.*", line).groups()
        found.setdefault(kind, set()).add(place.removesuffix("$") + (name if place.endswith("$") else ""))
    return found


@pytest.mark.slow
def test_a_crawl_that_is_killed_three_times_finds_what_the_inventory_says(needs, served, tmp_path):
    """Every function, class and module with its anchor; no row twice, and no page again that was written down."""
    needs("python3-doc")
    base, asked = served
    params = {
        "start": f"{base}/index.html", "follow": "a[href*='.html']", "items": "dl.py > dt[id], [id^='module-']",
        "fields": {"page": {"from": "page.url"}, "anchor": {"attr": "id"}},
        "delay": "0s", "concurrency": 4, "throttle": False, "robots": False, "allow_networks": "127.0.0.0/8",
    }  # fmt: skip

    for attempt, most in ((1, 120), (2, 250), (3, 400), (4, None)):
        arguments = [sys.executable, str(ATTEMPT), str(tmp_path), str(attempt), json.dumps(params)]
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            if most is not None:
                assert asked.reaches(most)
                process.send_signal(signal.SIGKILL)
            told, errors = process.communicate(timeout=120)
            assert process.returncode == (0 if most is None else -signal.SIGKILL), errors
    result = json.loads(told)

    engine = make_engine(f"sqlite:///{tmp_path / 'data.db'}")
    with engine.connect() as connection:
        rows = [
            f"{page}#{anchor}" for page, anchor in connection.execute(sa.text("SELECT page, anchor FROM definitions"))
        ]
        assert connection.execute(sa.text("SELECT count(*) FROM automation_pages")).scalar() == 0
    engine.dispose()
    found = {row.removeprefix(f"{base}/") for row in rows}
    wanted = inventory()
    for kind in ("py:function", "py:class", "py:module", "py:method", "py:exception", "py:data", "py:attribute"):
        assert wanted[kind] <= found, kind
    assert len(rows) == len(found) == result["items"] == result["new"]
    pages = [path for path in asked.paths if (DOCS / path.lstrip("/")).is_file()]
    assert len(pages) == len(list(DOCS.rglob("*.html"))) - ORPHANS
    assert result["pages"] == len(asked.paths)
    again = asked.paths.total() - len(asked.paths)
    assert again <= 3 * AT_RISK
