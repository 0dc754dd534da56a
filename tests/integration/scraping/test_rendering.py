"""Pages that scripts make, shown by the system's Chromium, whose requests all go through our own client."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from automation.errors import FailureClass, JobFailed, Skip

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("chromium"), reason="the Debian package chromium is not installed"),
]
APP = """<!doctype html><html><head><title>App</title></head><body><ul id=list></ul><script>
async function show() {
  const lamps = await (await fetch('/api/lamps', {method: 'POST', body: JSON.stringify({q: 'all'})})).json();
  for (const one of lamps) {
    const item = document.createElement('li');
    item.innerHTML = `<b>${one.name}</b><i>${navigator.userAgent ? 'seen' : ''}</i>`;
    document.getElementById('list').append(item);
  }
}
setTimeout(show, 50);
</script></body></html>"""
LAMPS = {"items": "li", "fields": {"title": "b"}, "table": "t"}


@pytest.fixture
def app(site):
    """A page without items, and the API that its script fills it from."""
    site.page("/", APP)
    site.page(
        "/api/lamps", json.dumps([{"name": "Desk"}, {"name": "Floor"}]), headers={"Content-Type": "application/json"}
    )
    return site


def chromes():
    """How many processes of our browsers there are."""
    found = 0
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found += b"automation-chromium-" in entry.read_bytes()
        except OSError:
            continue
    return found


def test_items_that_a_script_makes_are_read(app, scrape, rows):
    """The page is fetched once; what its script asks for is sent by our client, and no process of the browser stays."""
    before = chromes()
    result = scrape(**LAMPS, render=True, wait_for="li b")

    assert [row[0] for row in rows("SELECT title FROM t ORDER BY title")] == ["Desk", "Floor"]
    assert (result["pages"], result["rendered"]) == (1, 1)
    asked = [(method, path, headers["User-Agent"][:10], body) for method, path, headers, body in app.asked]
    assert asked == [("GET", "/", "automation", b""), ("POST", "/api/lamps", "automation", b'{"q":"all"}')]
    assert chromes() == before


def test_only_pages_that_lack_their_items_are_rendered(app, scrape, rows):
    """With "auto", a page that has its items without scripts costs no browser."""
    app.page("/static", "<li><b>Wall</b></li><script src=/never.js></script>")

    result = scrape(**LAMPS, start=[f"{app.base}/", f"{app.base}/static"], render="auto")

    assert [row[0] for row in rows("SELECT title FROM t ORDER BY title")] == ["Desk", "Floor", "Wall"]
    assert (result["pages"], result["rendered"]) == (2, 1)
    assert "/never.js" not in [path for _, path, _, _ in app.asked]


def test_a_page_reaches_nothing_that_a_job_may_not(site, scrape):
    """Scripts, frames, sockets, workers, images and redirects of a page towards an inner address: none arrives."""
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
    from threading import Thread

    hits = []

    class Inner(BaseHTTPRequestHandler):
        def do_GET(self):
            hits.append(self.path)
            self.send_response(200)
            self.end_headers()

        do_POST = do_HEAD = do_OPTIONS = do_CONNECT = do_GET  # noqa: N815

        def log_message(self, *args):
            """Quiet."""

    # The job may reach 127.0.0.1 alone, where its site is; this one listens beside it.
    inner = ThreadingHTTPServer(("127.0.0.2", 0), Inner)
    Thread(target=inner.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    there = f"127.0.0.2:{inner.server_port}"
    site.page("/away", status=302, headers={"Location": f"http://{there}/redirected"})
    site.page(
        "/",
        f"""<body><h1>x</h1><img src=http://{there}/img><iframe src=http://{there}/frame></iframe><script src=http://{there}/script></script>
        <link rel=preconnect href=http://{there}><link rel=stylesheet href=http://{there}/css><script>
        fetch('http://{there}/fetch').catch(() => 0); fetch('/away').catch(() => 0); navigator.sendBeacon('http://{there}/beacon', 'x');
        try {{ new WebSocket('ws://{there}/socket') }} catch (e) {{}} new EventSource('http://{there}/events');
        new Worker(URL.createObjectURL(new Blob(["fetch('http://{there}/worker')"])));
        open('http://{there}/window'); setTimeout(() => document.body.append('done'), 300);</script>""",
    )
    try:
        scrape(allow_networks="127.0.0.1/32", fields={"title": "h1"}, render=True, table="t")
    finally:
        inner.shutdown()
        inner.server_close()

    assert hits == []
    assert "/away" in [path for _, path, _, _ in site.asked]


def test_what_is_waited_for_in_vain_says_so(app, scrape):
    """The selector, the time, and what of the page was refused."""
    with pytest.raises(JobFailed, match=r"nothing matches wait_for = 'li\.none' within 2 s") as caught:
        scrape(**LAMPS, render=True, wait_for="li.none", deadline="2s")

    assert caught.value.failure_class is FailureClass.PARSE_DRIFT


def test_a_machine_without_a_browser_says_what_to_install(app, scrape, monkeypatch):
    """Its name, and the command."""
    monkeypatch.setattr("automation.scraping.chromium._NAMES", ("no-such-browser",))

    with pytest.raises(JobFailed, match=r"render needs Chromium.*apt install chromium"):
        scrape(**LAMPS, render=True)


@pytest.mark.parametrize(
    ("body", "params", "name"),
    [
        ("<p>nothing here</p>", {}, "failed-no-items"),
        ("<script>document.title = 'Just a moment...'</script>", {}, "failed-blocked-cloudflare"),
        ("<p>loading</p>", {"wait_for": "li", "deadline": "3s"}, "failed-render-wait_for"),
        ("<ul><li><b>one</b></li></ul>", {"quality": {"min_items": 2}}, "failed-quality-min_items"),
    ],
)
def test_a_page_that_fails_is_kept_as_it_was_seen(site, scrape, traces, body, params, name):
    """Empty, blocked, not ready in time, below the gate: the page after its scripts, and its picture."""
    site.page("/", f"<!doctype html><html><head><title>x</title></head><body>{body}</body></html>")

    with pytest.raises(JobFailed):
        scrape(**LAMPS, render=True, **params)

    assert sorted(traces.files) == [f"{name}.html", f"{name}.png"]
    assert traces.files[f"{name}.png"].startswith(b"\x89PNG")


def test_a_watched_page_may_be_made_by_scripts(app, run_plugin, rows):
    """What the script fills in is what is compared."""
    asked = {"url": f"{app.base}/", "delay": "0s", "robots": False, "allow_networks": "127.0.0.0/8"}

    with pytest.raises(Skip, match="the first look"):
        run_plugin("watch", {**asked, "select": "li b", "render": True, "wait_for": "li b"})

    assert rows("SELECT content FROM automation_watched") == [("Desk\nFloor",)]
