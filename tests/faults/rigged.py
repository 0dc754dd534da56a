"""A process of the product that is rigged for a test.

    python -m tests.faults.rigged RIG scheduler|worker …

RIG is an object in JSON, all of it optional:

    without   the names of protections that are taken out (tests/faults/without.py)
    at        a point at which the process strikes itself (tests/faults/failpoints.py), with `mark`, a file that tells
              that it happened, and `signal`, the number of the signal; SIGKILL where none is named
    lock      how long a leader's lock holds, in seconds
    repeat    after how long a message that nobody took is repeated, in seconds
    clock     a file with the seconds by which the product's clock differs from the machine's

Owns: the order in which a process is rigged.
"""

from __future__ import annotations

import json
import signal
import sys
from datetime import datetime, timedelta
from pathlib import Path

import automation.clock
import automation.queue.app
import automation.queue.door


def main() -> None:
    """The command; it ends the process."""
    rig = json.loads(sys.argv.pop(1))
    # Before anybody else takes these by name.
    automation.queue.app.LOCK_SECONDS = rig.get("lock", automation.queue.app.LOCK_SECONDS)
    if "repeat" in rig:
        automation.queue.door.REPEAT = timedelta(seconds=rig["repeat"])

    if "clock" in rig:
        _set_clock(Path(rig["clock"]))

    from tests.faults import failpoints, without

    for protection in rig.get("without", ()):
        without.PROTECTIONS[protection]()
    if "at" in rig:
        failpoints.arm(rig["at"], Path(rig["mark"]), rig.get("signal", signal.SIGKILL))

    from automation.cli.main import main as command

    command()


def _set_clock(told: Path) -> None:
    """Let every look at the clock be that far off, as if the machine's had been set; monotonic time goes on."""
    right = automation.clock.SystemClock.now

    def now(self: automation.clock.SystemClock) -> datetime:
        return right(self) + timedelta(seconds=float(told.read_text()))

    automation.clock.SystemClock.now = now


if __name__ == "__main__":
    main()
