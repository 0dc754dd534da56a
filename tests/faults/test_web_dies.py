"""The dashboard hangs in the midst of a look, and dies (F45): whoever schedules and works notices nothing."""

from __future__ import annotations

import http.client
import signal
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

import pytest

from tests.faults.scene import eventually
from tests.faults.stack import free_port

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@contextmanager
def visitors(port: int, number: int = 4) -> Iterator[None]:
    """So many who open page after page; one that gets no answer tries again."""
    gone = threading.Event()

    def look() -> None:
        while not gone.wait(0.05):
            for page in ("/", "/jobs", "/runs", "/jobs/tick"):
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
                with suppress(OSError, http.client.HTTPException), closing(connection):
                    connection.request("GET", page, headers={"Accept": "text/html"})
                    with connection.getresponse() as answer:
                        answer.read()

    threads = [threading.Thread(target=look) for _ in range(number)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        gone.set()
        for thread in threads:
            thread.join()


@pytest.mark.parametrize("ledger", ["sqlite", "postgresql"])
def test_f45_the_dashboard_hangs_and_is_killed(scene, needs, ledger):
    """Frozen while visitors look, so that it keeps whatever it holds of the ledger; then killed: every run is done in its time."""
    if ledger != "sqlite":
        needs(ledger)
    port = free_port()
    stage = scene("tick", "tock", ledger=ledger, PORT=str(port))
    stage.begin("worker-1", "-c", "2")
    stage.begin("scheduler-1")
    web = stage.launch("web")
    eventually(lambda: "The dashboard is at" in stage.said(web), stage.tails)
    with visitors(port):
        stage.more("tick")
        stage.kill(web, signal.SIGSTOP)
        stage.more("tick", 8)
        stage.kill(web, signal.SIGCONT)
        stage.more("tick")
        stage.kill(web)
        stage.more("tock", 4)

    assert stage.verdict() == []
    assert [run for run in stage.runs("tick") if run.state == "missed"] == []
