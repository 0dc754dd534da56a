"""Paper is made of the page alone: nothing else is opened, and text of the data stays text."""

from __future__ import annotations

import http.server
import threading

import pypdf
import pytest

from automation.reports.pdf import write_pdf


@pytest.fixture(scope="module")
def web():
    """A server on this machine that notes what is asked of it."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


def test_nothing_is_fetched_for_a_page(web, tmp_path):
    """Neither files nor addresses: images, styles, fonts, attachments, frames, imports."""
    address, asked = web
    (tmp_path / "canary.txt").write_text("CANARY")
    file = (tmp_path / "canary.txt").as_uri()
    refused = "".join(
        f'<img src="{one}"><link rel="attachment" href="{one}"><link rel="stylesheet" href="{one}"><iframe src="{one}"></iframe>'
        f'<object data="{one}"></object><embed src="{one}"><a rel="attachment" href="{one}">x</a>'
        f"<style>@import url({one}); @font-face {{ font-family: x; src: url({one}) }} p {{ background: url({one}); font-family: x }}"
        f"</style><svg><image href='{one}'/><use href='{one}#a'/></svg>"
        for one in (file, address, f"{address}/a.css", "//127.0.0.1/x", "ftp://127.0.0.1/x", "canary.txt")
    )
    dot = "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>"

    write_pdf(f'<title>t</title>{refused}<img src="{dot}"><p>here', tmp_path / "x.pdf")

    assert asked == []
    paper = pypdf.PdfReader(tmp_path / "x.pdf")
    assert paper.attachments == {}
    assert "here" in paper.pages[0].extract_text()
    assert b"CANARY" not in (tmp_path / "x.pdf").read_bytes()
