"""A process of the product with one of its protections off, so that it can be seen what the oracle says then.

    python -m tests.faults.without PROTECTION scheduler|worker …

Owns: taking protections out.
Never: is used by anything but a torment that was asked for it.
"""

from __future__ import annotations

import sys
from typing import Any

import automation.scheduler.housekeeping
import automation.worker.keeper
from automation.cli.main import main
from automation.ledger.leases import Leases
from automation.queue.door import Door
from automation.worker.keeper import Keeper


def rescue() -> None:
    """Nobody looks for runs whose process is gone."""
    automation.scheduler.housekeeping.rescue = automation.worker.keeper.rescue = _nothing
    Keeper._free_lost = _nothing


def ringing() -> None:
    """A run's message goes out once, when it is decided, and never again."""
    Leases.unpublished = lambda *_, **__: []
    Door.ring_silent = _nothing


PROTECTIONS = {"rescue": rescue, "ringing": ringing}


def _nothing(*_: Any, **__: Any) -> int:
    return 0


if __name__ == "__main__":
    PROTECTIONS[sys.argv.pop(1)]()
    sys.exit(main())
