"""Points of the product at which a process strikes itself, once.

Owns: the points, by name, and what happens there.
Never: is used but by `tests.faults.rigged`, in a process that was asked for it.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import automation.ledger.flows
import automation.ledger.runs
from automation.ledger.occurrences import Occurrences
from automation.ledger.runs import Runs
from automation.queue.door import Door
from automation.scheduler.entries import Entries
from automation.worker.consumer import PromptRequest
from automation.worker.task import RunTask

#: Point → the owner of a function, its name, and whether it is struck after it instead of before.
POINTS: dict[str, tuple[Any, str, bool]] = {
    "decided": (Occurrences, "record", False),  # a scheduler knows what is due, and nobody else does
    "recorded": (Door, "ring", False),  # the rows are there, no message is
    "sent": (Entries, "advance", False),  # the messages are out, the entries still say that all is due
    "popped": (PromptRequest, "__init__", False),  # a worker's main process has the message, and no child does
    "handed": (RunTask, "run", False),  # a child has it, and has claimed nothing
    "done": (Runs, "finish", False),  # the effect has happened, the verdict is not written
    "committing": (automation.ledger.runs, "keep_values", True),  # all is written, and nothing is committed
    "followed": (automation.ledger.flows, "settle", False),  # the verdict is written, what follows it is not
    "committed": (Runs, "finish", True),  # the verdict is there, nobody was told
}


#: Point → the argument without which nothing happens there.
_NEEDS = {"decided": 1, "recorded": 2, "followed": 1}


def arm(point: str, mark: Path, number: int = signal.SIGKILL) -> None:
    """Send this process a signal when it comes to the point, if no other came there before it.

    Parameters
    ----------
    mark: a file that whoever comes first leaves; its text is the pid.
    """
    owner, name, afterwards = POINTS[point]
    original: Callable[..., Any] = getattr(owner, name)

    def struck(*arguments: Any, **options: Any) -> Any:
        if point in _NEEDS and not arguments[_NEEDS[point]]:
            return original(*arguments, **options)
        if not afterwards:
            strike()
        answer = original(*arguments, **options)
        if afterwards:
            strike()
        return answer

    def strike() -> None:
        try:
            file = os.open(mark, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return
        os.write(file, str(os.getpid()).encode())
        os.close(file)
        os.kill(os.getpid(), number)

    setattr(owner, name, struck)
