"""Writes whose answer may be lost: a connection that breaks off while a transaction is committed tells nobody how it ended.

Owns: asking whether it is there before it is done again, and how long a ledger that does not answer is asked.
Never: decides what a write means; whoever writes says how it is recognised.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from automation.clock import Clock

_log = logging.getLogger(__name__)
#: What no further try of the same write can mend.
UNSTORABLE = (DataError, IntegrityError)
_PAUSES = (0.1, 0.5, 1.0, 2.0, 5.0)
Answer = TypeVar("Answer")


def again(clock: Clock, what: str, act: Callable[[], Answer], settled: Callable[[], Answer | None]) -> Answer:
    """What `act` answers; where the ledger breaks off, it is asked for about nine seconds. Raises the last error.

    Parameters
    ----------
    what: the write, as the log names it.
    settled: the answer of an earlier try that was written although nobody heard of it; None where there is none.
    """
    pauses = iter(_PAUSES)
    broken_off = False
    while True:
        try:
            found = settled() if broken_off else None
            return act() if found is None else found
        except UNSTORABLE:
            raise
        except DBAPIError as error:
            pause = next(pauses, None)
            if pause is None:
                raise
            _log.warning("%s waits %g s for the ledger: %s", what, pause, error.orig)
            clock.sleep(pause)
            broken_off = True
