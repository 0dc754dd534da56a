"""What the handlers of the API work with.

Owns: that value, how a handler gets it, and the door that stays open.
Never: decides what is due.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

from fastapi import Request

from automation.artifacts import Artifact
from automation.ledger.rows import Waiting
from automation.project.model import Project
from automation.queue.door import Door
from automation.services import Services


@dataclass(frozen=True)
class Desk:
    """The parts of one web process.

    Parameters
    ----------
    project: what the project declares, a few seconds old at most.
    file: a file of a run, by the run's id and the file's name.
    ring: rings for recorded runs; those that the broker did not take go out when it is back.
    """

    services: Services
    project: Callable[[], Project]
    file: Callable[[str, str], Artifact]
    ring: Callable[[Sequence[Waiting]], None]


class Bell:
    """Rings for recorded runs through one door that stays open; one that had no answer is opened anew.

    Several threads may ring at once.
    """

    def __init__(self, services: Services) -> None:
        self._services, self._lock = services, threading.Lock()
        self._door: Door | None = None

    def __call__(self, waiting: Sequence[Waiting]) -> None:
        """Ring for these; a broker that is away is a log line, and the runs go out when it is back."""
        if not waiting:
            return
        with self._lock:
            door = self._door = self._door or Door.of(self._services.settings)
        if not door.ring(self._services.ledger, waiting):
            self.close()

    def close(self) -> None:
        """Give back every connection."""
        with self._lock:
            if self._door is not None:
                self._door.close()
            self._door = None


def desk_of(request: Request) -> Desk:
    """The desk of the application that answers."""
    return cast("Desk", request.app.state.desk)
