"""The main process' alarm clock: what has to go on is called also while Celery's loop stands still.

Owns: SIGALRM in the main process. A broker that is frozen, and not gone, holds whoever asks it for as long as a socket
waits; a thread could be forked while it holds a lock, and a signal cannot.
Never: rings in a child.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType


def ring_every(seconds: float, call: Callable[[], None]) -> None:
    """Call this again and again, in the main thread, between any two steps of what it is doing."""

    def ring(_signal: int, _frame: FrameType | None) -> None:
        call()

    signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds, seconds)


def no_alarm() -> None:
    """In a child, which inherits what to do at an alarm, and no clock."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)


def silence() -> None:
    """Ring no more."""
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
