"""The dashboard of a running system in a real browser: every page, both themes, a phone, keys, what is live, what acts."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.integration.web.browser import DESK, PHONE, Browser

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

#: What somebody could write where we show it, hoping that it runs.
PAYLOADS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(2)>',
    "</title></textarea><svg onload=alert(3)>",
    "javascript:alert(4)",
    "' autofocus onfocus=alert(5) x='",
    "{{ 7 * 7 }} ${7*7} \u202e\u0000",
)
HOSTILE = "".join(PAYLOADS).replace("\u0000", "")
SCHEDULES = f"""
[jobs.hello]
plugin = "shell"
cron = "0 7 * * *"
description = '''{HOSTILE}'''
tags = ["shop"]
params = {{ command = "echo hello" }}

[jobs.hostile]
plugin = "shell"
every = "1h"
run_on_start = true
params = {{ command = ["printf", "%s", '''{HOSTILE}'''] }}

[jobs.broken-off]
plugin = "shell"
every = "1h"
run_on_start = true
retry = {{ max_attempts = 1 }}
params = {{ command = ["sh", "-c", "printf '%s' \\"$0\\" >&2; exit 7", '''{HOSTILE}'''] }}

[jobs.long]
plugin = "shell"
every = "1h"
run_on_start = true
timeout = "30m"
params = {{ command = "i=0; while [ $i -lt 6000 ]; do i=$((i+1)); echo line $i; sleep 0.2; done" }}

[jobs.first]
plugin = "shell"
every = "1h"
run_on_start = true
params = {{ command = "echo 1" }}

[jobs.second]
plugin = "shell"
after = ["first"]
params = {{ command = "echo 2" }}

[jobs.letter]
plugin = "email"
every = "1h"
run_on_start = true

[jobs.letter.params]
to = ["ana@example.com"]
subject = '''{HOSTILE.replace("{{", "{ {").replace("}}", "} }")}'''
html = '''<p>hello</p><script>alert(6)</script><img src=x onerror=alert(7)>'''
"""


def free_port():
    with closing(socket.create_server(("127.0.0.1", 0))) as found:
        return found.getsockname()[1]


def eventually(condition):
    deadline = time.monotonic() + 120
    while not (answer := condition()):
        assert time.monotonic() < deadline, condition
        threading.Event().wait(0.2)
    return answer


def text_of(address):
    with suppress(OSError), urllib.request.urlopen(address, timeout=20) as answer:
        return answer.read().decode()
    return ""


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A project under `automation up`, with runs of every kind."""
    folder, port = tmp_path_factory.mktemp("p"), free_port()
    (folder / "schedules").mkdir()
    (folder / "schedules" / "all.toml").write_text(SCHEDULES)
    (folder / "Procfile").write_text(
        "release: automation db upgrade\nweb: automation web\nscheduler: automation scheduler\nworker: automation worker -c 4\n"
    )
    log = (folder / "up.log").open("wb")
    environ = {name: value for name, value in os.environ.items() if not name.startswith("AUTOMATION_")}
    command = [sys.executable, "-m", "automation", "-C", str(folder), "up"]
    up = subprocess.Popen(command, env={**environ, "PORT": str(port)}, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    try:
        eventually(lambda: up.poll() is not None or '"ok"' in text_of(f"{address}/readyz"))
        assert up.poll() is None, (folder / "up.log").read_text()
        for query in (
            "job:letter state:succeeded",
            "job:broken-off state:dead",
            "job:hostile state:succeeded",
            "job:long state:running",
            "job:second",
        ):
            eventually(lambda query=query: 'class="id"' in text_of(f"{address}/runs?q={query.replace(' ', '%20')}"))
        yield address
    finally:
        up.send_signal(signal.SIGINT)
        up.wait(60)
        log.close()


@pytest.fixture(scope="module")
def browser(base, needs):
    needs("chromium")
    with pytest.MonkeyPatch.context() as monkeypatch:
        found = Browser(base, monkeypatch)
        yield found
        found.close()


@pytest.fixture(scope="module")
def axe(needs, tmp_path_factory):
    """The source of axe-core, from the registry of npm packages, once for this machine."""
    kept = Path(os.environ.get("TESTS_AXE", tmp_path_factory.getbasetemp().parent / "axe-core"))
    script = kept / "node_modules" / "axe-core" / "axe.min.js"
    if not script.exists():
        kept.mkdir(parents=True, exist_ok=True)
        command = [needs("npm"), "install", "--silent", "--no-audit", "--prefix", str(kept), "axe-core@4"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        if done.returncode:
            pytest.skip(f"axe-core could not be installed: {done.stderr.strip()[:200]}")
    return script.read_text("utf-8")


def run_of(browser, query):
    browser.open(f"/runs?q={query.replace(' ', '%20')}")
    return browser.run("document.querySelector('a.id').getAttribute('href')")


@pytest.fixture(scope="module")
def addresses(browser):
    """Every kind of page."""
    browser.look()
    runs = [
        run_of(browser, query) for query in ("job:hostile", "job:broken-off", "job:long", "job:second", "job:letter")
    ]
    browser.open("/flows")
    flow = browser.run("document.querySelector('td a.id').getAttribute('href')")
    mail = "/outbox/1"
    search = f"q={HOSTILE}".replace(" ", "%20").replace('"', "%22").replace("<", "%3C").replace("#", "%23")
    of_job = [f"/jobs/hello{part}" for part in ("", "/run", "/why", "/settings", "/source")]
    fills = "/jobs/hello/backfill?since=2026-01-01&until=2026-02-01&select=all"
    lists = ["/", "/?span=1h", "/jobs", "/runs", "/flows", "/dead", "/outbox", "/workers", "/settings", "/nothing"]
    return [
        *lists,
        "/access",
        *of_job,
        fills,
        *runs,
        f"{runs[0]}?log=alert",
        flow,
        mail,
        f"/jobs?{search}",
        f"/runs?{search}",
    ]


@pytest.mark.parametrize(("width", "dark"), [(DESK, False), (DESK, True), (PHONE, False), (PHONE, True)])
def test_every_page_is_accessible_light_and_quiet(browser, addresses, axe, width, dark):
    """axe finds nothing; no text of a run acts; nothing is refused by the policy; nothing sticks out; it is small."""
    browser.look(width=width, dark=dark)
    found = {}
    for address in addresses:
        browser.dialogs.clear()
        browser.complaints.clear()
        browser.open(address)
        told = [*browser.axe(axe), *(f"dialog {one}" for one in browser.dialogs)]
        # A page that is not there is told by the browser, too.
        told += [one for one in browser.complaints if "404" not in one]
        told += ["sticks out"] if browser.run("document.documentElement.scrollWidth > innerWidth + 1") else []
        told += [f"weighs {weight:,}"] if (weight := browser.weight()) > 150_000 else []
        if told:
            found[address] = told

    assert found == {}


def test_a_log_grows_while_it_is_looked_at(browser, addresses):
    """New lines come without loading the page again, and can be followed or left alone."""
    browser.look()
    browser.open(run_of(browser, "job:long"))
    seen = browser.run("window.stays = 1; document.querySelectorAll('#log li').length")

    browser.wait(f"document.querySelectorAll('#log li').length > {seen + 5}")

    assert browser.run("window.stays") == 1
    assert browser.run("document.getElementById('live').textContent") == "live"


def test_a_job_is_run_and_followed_to_its_end(browser, addresses):
    """From the job's page over the form to the run's page, which tells by itself that it has succeeded."""
    browser.open("/jobs/hello")
    browser.run("document.querySelector('.acts a.button').click()")
    browser.wait("document.querySelector('form button.go')?.textContent === 'Run now'")
    browser.run("document.querySelector('form button.go').click()")

    browser.wait(
        "location.pathname.startsWith('/runs/') && document.querySelector('h1 .state')?.textContent === 'succeeded'"
    )
    assert "hello" in browser.run("document.querySelector('#log').textContent")


def test_a_job_is_paused_and_resumed(browser, addresses):
    """The reason stands on its page and in the list until somebody resumes it."""
    browser.open("/jobs/hostile")
    browser.run("document.querySelector('[data-dialog=pause]').click()")
    browser.run(f"document.getElementById('pause-reason').value = {PAYLOADS[1]!r}")
    browser.run("document.querySelector('dialog[open] button.go').click()")
    browser.wait("document.querySelector('h1 .state')?.textContent === 'paused'")
    assert PAYLOADS[1] in browser.run("document.querySelector('.reason').textContent")

    browser.run("document.querySelector('.acts form button[value=resume]').click()")
    browser.wait("document.querySelector('h1 .state')?.textContent !== 'paused'")
    assert browser.dialogs == []


def test_a_dead_letter_is_brought_back(browser, addresses):
    """Selected, asked whether that is meant, done, told."""
    browser.open("/dead")
    browser.run("document.querySelector('input[data-row]').click()")
    assert browser.run("document.querySelector('[data-count]').textContent") == "1 selected"
    browser.run("document.querySelector('.selected button[value=retry]').click()")
    browser.wait("!!document.querySelector('dialog[open] button[value=yes]')")
    browser.run("document.querySelector('dialog[open] button[value=yes]').click()")

    browser.wait("document.querySelector('.told')?.textContent === '1 run queued again'")


def test_keys_lead_everywhere(browser, addresses):
    """`?` shows them, `/` searches, `g j` goes to the jobs, `n` walks down the rows."""
    browser.open("/")
    browser.press("?")
    assert browser.wait("!!document.querySelector('#keys[open]')")
    browser.run("document.getElementById('keys').close()")
    browser.press("/")
    assert browser.run("document.activeElement.id") == "find"
    browser.run("document.activeElement.blur()")
    browser.press("g", "j")
    browser.wait(
        "location.pathname === '/jobs' && document.readyState === 'complete' && !!document.querySelector('.rows')"
    )
    browser.press("n", "n")
    assert (
        browser.wait("[...document.querySelectorAll('.rows tbody tr')].findIndex(r => r.classList.contains('here'))")
        == 1
    )


def test_jobs_are_found_while_typing(browser, addresses):
    """The list follows what is typed, and the address with it."""
    browser.open("/jobs")
    browser.run(
        "q = document.getElementById('q'); q.value = 'tag:shop'; q.dispatchEvent(new Event('input', {bubbles: true}))"
    )

    browser.wait("document.querySelectorAll('.jobs tbody tr').length === 1")
    assert browser.run("location.search") == "?q=tag%3Ashop"


def test_a_theme_stays_and_times_are_the_viewers(browser, addresses):
    """What was chosen holds for every page; moments are those of the viewer's zone with UTC beside."""
    browser.look(zone="Asia/Tokyo")
    browser.open("/")
    before = browser.run("getComputedStyle(document.body).backgroundColor")
    browser.press("t")
    browser.open("/jobs")
    assert browser.run("getComputedStyle(document.body).backgroundColor") != before
    browser.press("t")

    browser.open("/")
    assert browser.wait("document.querySelector('.axis small')?.textContent") == "Asia/Tokyo"
    browser.open("/runs")
    assert browser.run("document.querySelector('td time').title").endswith(" UTC")
