"""Politeness with real workers: what a server sees of several jobs of one project."""

from __future__ import annotations

import time
from http.server import BaseHTTPRequestHandler
from itertools import pairwise

import pytest

GAP = 0.25
#: So many that the jobs are at it side by side, however slowly their processes start.
PAGES = 12
JOB = """
[jobs.{name}]
plugin = "scrape"
[jobs.{name}.params]
start = [{pages}]
fields = {{ title = "b" }}
allow_networks = "127.0.0.0/8"
delay = "250ms"
throttle = false
"""


@pytest.fixture
def server(serving):
    """A server that notes when each request reached it."""
    seen: list[tuple[str, float]] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            seen.append((self.path, time.monotonic()))
            body = b"" if self.path == "/robots.txt" else b"<b>book</b>" + self.path.encode()
            self.send_response(404 if self.path == "/robots.txt" else 200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = serving(Handler)
    server.seen = seen
    return server


@pytest.mark.slow
@pytest.mark.parametrize("where", ["redis", "ledger"])
def test_two_workers_with_three_jobs_keep_one_distance_to_a_host(stack, server, where):
    """The smallest gap that the server sees is the limit, whoever asks, and wherever turns are kept."""
    stack.environ["AUTOMATION_LEASE"] = (
        "20s"  # nobody dies here, and a machine that stands still for seconds takes no run away
    )
    names = ["first", "second", "third"]
    for name in names:
        base = f"http://127.0.0.1:{server.server_port}"
        pages = ", ".join(f'"{base}/{name}/{number}"' for number in range(PAGES))
        text = stack.root / "schedules" / f"{name}.toml"
        text.write_text(JOB.format(name=name, pages=pages))
    stack.broker()
    if where == "ledger":
        runs = [stack.start("run", name, "--here", AUTOMATION_REDIS_URL="redis://127.0.0.1:9/0") for name in names]
        assert [run.wait(240) for run in runs] == [0, 0, 0]
    else:
        for _ in range(2):
            stack.worker(AUTOMATION_WORKERS="2")
        runs = [stack.start("run", name, "--wait") for name in names]
        assert [run.wait(240) for run in runs] == [0, 0, 0]

    pages = [path for path, _ in server.seen if path != "/robots.txt"]
    assert sorted(pages) == sorted({f"/{name}/{number}" for name in names for number in range(PAGES)})
    assert len(pages) < len(server.seen) <= len(pages) + 3, "robots.txt once a run at most"
    assert min(after - before for (_, before), (_, after) in pairwise(server.seen)) >= GAP
