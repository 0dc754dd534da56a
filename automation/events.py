"""Frozen facts about runs, and the bus that carries them inside one process.

Owns: the names and fields of what happened, and who is told.
Never: carries what may not be lost; that is a ledger row. A failing listener never fails the run.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunEvent:
    """Something happened to a run.

    Parameters
    ----------
    name: `run.queued`, `run.started`, `run.succeeded`, `run.retrying`, `run.dead`, `run.skipped`, `run.lost`, …
    at: when, in UTC.
    """

    name: str
    run_id: str
    job: str
    at: datetime
    attempt: int = 0
    reason: str = ""
    seconds: float | None = None


Listener = Callable[[RunEvent], None]


class Bus:
    """Tells every listener; a listener that raises is logged and passed over."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []

    def listen(self, listener: Listener) -> None:
        """Tell `listener` of every event from now on."""
        self._listeners.append(listener)

    def publish(self, event: RunEvent) -> None:
        """Tell all listeners, in the order in which they came."""
        for listener in self._listeners:
            try:
                listener(event)
            except Exception:
                _log.exception("A listener failed on %s of run %s", event.name, event.run_id)
