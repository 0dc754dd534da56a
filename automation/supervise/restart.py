"""Whether and when an ended process starts again, and how long each one has when all stop.

Owns: the back-off, the exit codes that end everything, the timetable of a stop. Pure arithmetic.
Never: starts or stops anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from automation.errors import InvalidInput, Refused
from automation.supervise.process import Order

#: A process that never ran and says this will say it again: somebody has to correct something.
HOPELESS = (InvalidInput.exit_code, Refused.exit_code)
_HAND_BACK = 1.25


@dataclass(frozen=True)
class Pace:
    """How patient restarts are; all in seconds.

    Parameters
    ----------
    first: before the first restart; doubled for each further one in a row.
    longest: the most between two starts.
    steady: a process that lived this long ran, and its next end counts as the first.
    """

    first: float = 0.5
    longest: float = 30.0
    steady: float = 5.0

    def delay(self, in_a_row: int) -> float:
        """Seconds until the start after this many ends in a row (1 for the first)."""
        return min(self.longest, self.first * 2.0 ** min(in_a_row - 1, 30))


def is_hopeless(code: int, *, ever_ran: bool) -> bool:
    """Whether an end stops everything: wrong input or a refusal, of a process that never got going."""
    return not ever_ran and code in HOPELESS


def timetable(grace: float) -> Mapping[Order, float]:
    """By when, in seconds from the stop's begin, those of each order must be gone.

    The web and the scheduler go quickly, so that the worker has most of the time; the broker goes last.
    """
    return {
        Order.WEB: min(0.1 * grace, 2.0),
        Order.SCHEDULER: min(0.2 * grace, 4.0),
        Order.WORKER: max(0.8 * grace, grace - 2.5),
        Order.OTHER: max(0.9 * grace, grace - 1.0),
        Order.BROKER: max(0.95 * grace, grace - 0.5),
        Order.RELEASE: max(0.95 * grace, grace - 0.5),
    }


def worker_grace(grace: float) -> float:
    """How long a worker may let its runs go on, of the whole stop's grace, so that it can still hand the rest back."""
    times = timetable(grace)
    return max(0.0, times[Order.WORKER] - times[Order.SCHEDULER] - _HAND_BACK)
