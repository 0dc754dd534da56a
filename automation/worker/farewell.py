"""How a worker hears that it is to leave, from before its first process is forked until its last has gone.

Owns: SIGTERM, SIGINT, SIGHUP and SIGQUIT in the main process.
Never: leaves; the keeper does.
"""

from __future__ import annotations

import os
import signal
from types import FrameType
from typing import Any

from celery.apps.worker import install_cry_handler  # type: ignore[attr-defined]

from automation.queue.app import App
from automation.supervise.signals import hang_up_is_ignored


class Farewell:
    """Takes the signals of this process; what comes before there is a keeper is passed on to it later."""

    def __init__(self, app: App) -> None:
        self._app, self._main = app, os.getpid()
        self._wanted = self._at_once = False
        hang_up = () if hang_up_is_ignored() else (signal.SIGHUP,)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, *hang_up):
            signal.signal(number, self._hear)

    def instead_of(self, worker: Any) -> None:
        """Keep Celery from its own ways to leave, which know of no lease; SIGUSR1 still shows what each thread does."""
        worker.install_platform_tweaks = lambda _worker: install_cry_handler()

    def pass_on(self) -> None:
        """Tell the keeper, where one is to be told."""
        if self._wanted and self._app.keeper is not None:
            self._app.keeper.leave(at_once=self._at_once)

    def _hear(self, number: int, _frame: FrameType | None) -> None:
        if os.getpid() != self._main:  # a child, which the main process ends when it is time
            return
        self._wanted, self._at_once = True, number == signal.SIGQUIT
        self.pass_on()


def leave_it_to_the_main_process() -> None:
    """In a child: who hangs up on a whole group means the main process."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGQUIT, signal.SIG_IGN)
