"""Workers by queue: a worker process of its own for each queue with a number, so that a slow queue leaves the others theirs.

Owns: reading `-Q scraping=4,default`, what `[queues.NAME] workers` adds, and starting a worker for each crew.
Never: does a run; restarts by itself (supervise/ does).
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from automation.cli.machine import child_environment
from automation.clock import SystemClock
from automation.errors import InvalidInput
from automation.supervise.manager import SYSTEM, Supervisor
from automation.supervise.printer import Printer
from automation.supervise.process import Order, Spec
from automation.text import printable

if TYPE_CHECKING:
    from automation.project.model import Queue
    from automation.settings import Settings

_log = logging.getLogger("automation.worker")
MOST = 512
#: Beside the grace of its runs, what a worker needs to hand back the rest and go.
_LEAVING_SECONDS = 5.0


@dataclass(frozen=True)
class Crew:
    """Some queues, and how many of their runs one worker does at once.

    Parameters
    ----------
    own: it is one queue, with a number of its own.
    """

    queues: tuple[str, ...]
    number: int
    own: bool = False

    @property
    def name(self) -> str:
        """What its process is called."""
        return f"worker-{self.queues[0]}" if self.own else "worker"

    @property
    def options(self) -> tuple[str, ...]:
        """How a worker is told to be this crew and no other."""
        names = f"{self.queues[0]}={self.number}" if self.own else ",".join(self.queues)
        return "-Q", names, "-c", str(self.number)


def crews_of(given: str, known: Sequence[str], declared: Mapping[str, Queue], number: int) -> list[Crew]:
    """The crews that are meant: one for each queue with a number, and one for all that have none.

    Parameters
    ----------
    given: as `-Q` has it; "" is every queue of the project.
    known: every queue of the project.
    number: of those that have no number of their own.

    Raises InvalidInput.
    """
    own: dict[str, int] = {}
    shared: list[str] = []
    for word in [word.strip() for word in given.split(",") if word.strip()] or known:
        name, equals, text = (part.strip() for part in word.partition("="))
        queue = declared.get(name)
        if equals:
            own[name] = _number(word, text)
        elif queue is not None and queue.workers is not None:
            own[name] = queue.workers
        else:
            shared.append(name)
    crews = [Crew((name,), most, own=True) for name, most in own.items()]
    return [*([Crew(tuple(dict.fromkeys(shared)), number)] if shared else []), *crews]


def run_crews(settings: Settings, crews: Sequence[Crew]) -> int:
    """Run a worker for each crew until told to stop; returns the exit code."""
    environ = child_environment(settings, settings.grace, terminal=sys.stdout.isatty())
    environ["AUTOMATION_GRACE"] = f"{round(settings.grace.total_seconds() * 1000)}ms"
    base = (sys.executable, "-P", "-m", "automation", "-C", str(settings.project), "worker")
    specs = [Spec(crew.name, (*base, *crew.options), settings.project, environ, Order.WORKER) for crew in crews]
    grace = settings.grace.total_seconds() + _LEAVING_SECONDS
    return Supervisor(specs, SystemClock(), _Lines(sys.stdout), grace=grace).run()


class _Lines(Printer):
    """The lines of the workers as they are: each has its form already."""

    def line(self, name: str, text: str) -> None:
        """One line of a worker, or one to the log."""
        if name == SYSTEM:
            _log.info("%s", text)
        else:
            self.write(f"{text}\n")


def _number(word: str, text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= MOST):
        raise InvalidInput(f"-Q {printable(word, 60)}: write a number from 1 to {MOST}, such as scraping=4")
    return int(text)
