"""The processes that do a worker's runs: which there are, and ending one by force.

Owns: that nothing of one that is ended goes on.
Never: decides that one is to end.
"""

from __future__ import annotations

import logging
import signal
from collections.abc import Sequence
from typing import Any

from automation.supervise.family import end_descendants

_log = logging.getLogger(__name__)


class Children:
    """The children of this main process.

    Parameters
    ----------
    worker: Celery's WorkController.
    """

    def __init__(self, worker: Any) -> None:
        self._worker = worker

    @property
    def pids(self) -> list[int]:
        """Of all that were started and not found dead yet."""
        return [process.pid for process in self._processes() if process.pid]

    def replace_the_dead(self) -> None:
        """Start another one for each that has ended."""
        self._worker.pool.maintain_pool()

    def end(self, pid: int) -> None:
        """Kill one, with all that it started; to the pool it was wanted, and no loss."""
        end_descendants(pid)
        try:
            self._worker.pool.terminate_job(pid, signal.SIGKILL)
        except ProcessLookupError:
            _log.debug("Process %d had ended by itself", pid)

    def end_all(self) -> None:
        """Kill all, and let the pool start no others in their place; it would wait for those to say goodbye."""
        pool = getattr(self._worker.pool, "_pool", None)
        if pool is not None:
            pool._worker_handler.close()
        for pid in self.pids:
            self.end(pid)

    def _processes(self) -> Sequence[Any]:
        pool = getattr(self._worker.pool, "_pool", None)
        return list(getattr(pool, "_pool", ()))
