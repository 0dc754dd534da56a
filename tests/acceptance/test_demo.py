"""`automation demo`: the whole product, as a newcomer sees it."""

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from email import message_from_bytes, policy

import psutil
import pytest

pytestmark = pytest.mark.timeout(400)


def free_port():
    # Below the ports that the system gives to outgoing connections, one of which might take it in the meantime.
    while True:
        port = random.SystemRandom().randrange(10_000, 32_000)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def wait_for(condition, seconds, demo=None):
    """The condition's first true answer; fails after so many seconds, or when the demonstration has ended."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := condition():
            return answer
        if demo is not None and demo.process.poll() is not None:
            break
        time.sleep(0.1)
    pytest.fail(f"not within {seconds} s; the terminal said:\n{demo.output() if demo else ''}")


class Demo:
    """The command in a process of its own."""

    def __init__(self, folder, log, port):
        self.folder, self.log, self.port = folder, log, port
        environ = {**os.environ, "AUTOMATION_LOG_FORMAT": "human", **({"PORT": str(port)} if port else {})}
        with log.open("ab") as out:
            command = [sys.executable, "-m", "automation", "demo", "--dir", str(folder)]
            self.process = subprocess.Popen(command, stdout=out, stderr=out, env=environ)

    def output(self):
        return self.log.read_text(errors="replace")

    def stop(self):
        """Ctrl-C, and the end of it."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(60)

    def runs(self):
        command = [sys.executable, "-m", "automation", "-C", str(self.folder), "runs", "--json", "--limit", "1000"]
        return json.loads(subprocess.run(command, capture_output=True, check=True, timeout=120).stdout)


def processes_of(folder):
    """Everything on this machine that was started in or for the folder."""
    found = []
    for process in psutil.process_iter():
        try:
            about = [process.cwd(), *process.cmdline()]
        except psutil.Error:
            continue
        if process.pid != os.getpid() and any(str(folder) in text for text in about):
            found.append(process)
    return found


@pytest.fixture
def start(tmp_path):
    demos = []

    def run(port=None):
        demo = Demo(tmp_path / "demo", tmp_path / "terminal.txt", port)
        demos.append(demo)
        return demo

    yield run
    for demo in demos:
        if demo.process.poll() is None:
            demo.process.kill()
            demo.process.wait()


@pytest.fixture
def demo(start):
    return start(free_port())


def mails(demo):
    return sorted((demo.folder / ".automation" / "outbox").glob("*.eml"))


def fetch(demo, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{demo.port}{path}", timeout=60) as answer:
        return answer.read().decode()


def ready(demo):
    try:
        return json.loads(fetch(demo, "/readyz"))["status"] == "ok"
    except OSError:
        return False


@pytest.mark.slow
def test_the_demonstration_scrapes_tidies_reports_mails_and_leaves_nothing(demo):
    """All four jobs succeed, the report reaches the captured mail, pages show it, Ctrl-C ends all."""
    wait_for(lambda: ready(demo), 120, demo)
    mail = message_from_bytes(wait_for(lambda: mails(demo), 150, demo)[0].read_bytes(), policy=policy.default)
    attached = {part.get_filename(): part.get_content() for part in mail.iter_attachments()}
    assert "Prices at the Corner Shelf" in attached["report.html"]

    def succeeded():
        done = {run["job"] for run in demo.runs() if run["state"] == "succeeded"}
        return done >= {"scrape-shop", "tidy-prices", "price-report", "mail-report"}

    wait_for(succeeded, 150, demo)
    assert "scrape-shop" in fetch(demo, "/")
    assert [(run["job"], run["reason"]) for run in demo.runs() if run["state"] == "dead"] == []
    assert str(demo.folder) in demo.output()

    demo.stop()
    assert demo.process.returncode == 0
    assert wait_for(lambda: not processes_of(demo.folder), 60)
    assert not list((demo.folder / ".automation").glob("*.sock"))
    assert not (demo.folder / ".automation" / "up.lock").exists()


@pytest.mark.soak
def test_a_second_demonstration_in_the_folder_is_refused_and_a_later_one_goes_on(start):
    """While one runs, another says so and ends with 3; after it, the same folder goes on with the same shop.

    The later one finds port 8000 taken and says where its dashboard is.
    """
    first = start(free_port())
    wait_for(lambda: ready(first), 120, first)
    second = start(free_port())
    assert second.process.wait(60) == 3
    assert "already runs on" in second.output()
    first.stop()
    known = len(first.runs())

    with socket.socket() as other:
        # Whoever has the port, it is not the demonstration's to take.
        with contextlib.suppress(OSError):
            other.bind(("127.0.0.1", 8000))
            other.listen()
        third = start()
        wait_for(lambda: "Port 8000 is taken, so the dashboard is on" in third.output(), 120, third)
        third.port = int(third.output().split("the dashboard is on ")[1].split(";")[0])
        wait_for(lambda: ready(third), 120, third)
        third.stop()

    shops = {line for line in third.output().splitlines() if line.startswith("  shop")}
    assert len(shops) == 1
    assert len(third.runs()) >= known
