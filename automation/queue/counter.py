"""What a program that asks for runs keeps open from one request to the next.

Owns: the services of one project and its door, in this process; when they are made anew: for another project, in a forked
child, after a change of the settings or of a file that the project is read from; the door also when it was not used for a while.
Never: records a run.
"""

from __future__ import annotations

import atexit
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from automation.ledger.rows import Waiting
from automation.project.watched import code_files, declared_files, stamp_of
from automation.queue.door import Door
from automation.services import Services, build_services
from automation.settings import environment, process_id, read_settings, with_dotenv

#: A broker, or what is between, may end a connection that nobody uses for longer, and does not say so.
_IDLE_SECONDS = 20.0


@dataclass
class _Opened:
    """What is open, and what it was made from."""

    seen: Any
    services: Services
    door: Door | None = None
    used_at: float = 0.0


class Counter:
    """One for a process; it may be asked by several threads at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._opened: _Opened | None = None
        # A fork may neither use nor close what it inherits: a file that it closes loses the locks of its parent.
        self._inherited: list[_Opened] = []
        self._pid = process_id()

    def services(self, root: Path) -> Services:
        """The services of the project in this folder, as it is now. Raises SettingsInvalid, LedgerUnavailable."""
        seen = _seen(root)
        with self._lock:
            self._leave_to_the_parent()
            if self._opened is None or self._opened.seen != seen:
                self._close()
                services = build_services(root)
                # Made here, where there is one thread.
                _ = services.registry, services.ledger
                self._opened = _Opened(seen, services)
            return self._opened.services

    def ring(self, services: Services, waiting: Sequence[Waiting]) -> None:
        """Ring for these; a broker that is away is a log line, and the runs go out when it is back."""
        if not waiting:
            return
        opened, door = self._door(services)
        if not door.ring(services.ledger, waiting) or opened is None:
            door.close()
            if opened is not None:
                opened.door = None

    def close(self) -> None:
        """Give back every connection."""
        with self._lock:
            self._leave_to_the_parent()
            self._close()

    def _door(self, services: Services) -> tuple[_Opened | None, Door]:
        """A door, and who keeps it open; None for one that is to be closed."""
        with self._lock:
            opened, now = self._opened, services.clock.monotonic()
            if opened is None or opened.services is not services:
                return None, Door.of(services.settings)
            if opened.door is not None and now - opened.used_at > _IDLE_SECONDS:
                opened.door.close()
                opened.door = None
            if opened.door is None:
                opened.door = Door.of(services.settings)
            opened.used_at = now
            return opened, opened.door

    def _close(self) -> None:
        # Handles may still ask the services, which go with the last of them.
        if self._opened is not None and self._opened.door is not None:
            self._opened.door.close()
        self._opened = None

    def _leave_to_the_parent(self) -> None:
        if self._pid != process_id():
            self._pid = process_id()
            if self._opened is not None:
                self._inherited.append(self._opened)
            self._opened = None


def _seen(root: Path) -> Any:
    environ = environment()
    files = stamp_of(root, [*declared_files(root), *code_files(root)])
    return read_settings(root, environ), with_dotenv(root, environ), files


#: That of this process.
COUNTER = Counter()
atexit.register(COUNTER.close)
