"""A connection that is lost while a child dies: the next loop watches it, as it does the others."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from types import SimpleNamespace
from typing import Any

import pytest
from celery.concurrency.asynpool import AsynPool
from kombu.asynchronous import Hub

from automation.worker.consumer import watch_again


@pytest.fixture
def hub() -> Any:
    made = Hub()
    yield made
    made.close()


def test_a_child_that_died_as_the_connection_was_lost_is_watched_by_the_next_loop(hub: Any) -> None:
    """Celery has heard that it died and watches it no more; whoever begins to watch again hears it once more."""
    child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(600,))
    child.start()
    heard: list[Any] = []
    pool: Any = SimpleNamespace(_pool=[child], _event_process_exit=lambda _hub, process: heard.append(process))
    try:
        AsynPool._track_child_process(pool, child, hub)
        AsynPool._untrack_child_process(pool, child, hub)
        os.kill(child.pid, signal.SIGKILL)

        watch_again(pool)
        AsynPool._track_child_process(pool, child, hub)
        while not heard:
            hub.run_once()

        assert heard == [child]
        AsynPool._untrack_child_process(pool, child, hub)
    finally:
        child.join()
