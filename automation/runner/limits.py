"""The soft limit of an attempt: an alarm in the process that does the work.

Owns: SIGALRM while an attempt runs.
Never: kills; the hard limit is the business of the process above.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import FrameType

from automation.runner.verdict import TimedOut


@contextmanager
def soft_limit(limit: timedelta) -> Iterator[None]:
    """Raise TimedOut inside the block once the limit has passed, again each second until the block ends.

    Only a main thread can be interrupted; elsewhere the hard limit alone holds. An alarm that was set before, such as
    a test runner's, goes on afterwards.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(_signal: int, _frame: FrameType | None) -> None:
        raise TimedOut

    before = signal.signal(signal.SIGALRM, ring)
    outer = signal.setitimer(signal.ITIMER_REAL, max(limit.total_seconds(), 0.001), 1.0)
    try:
        try:
            yield
        finally:
            # It may ring on the way to this line, and must not go on ringing then.
            signal.setitimer(signal.ITIMER_REAL, 0)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, *outer)
