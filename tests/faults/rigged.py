"""A process of the product that is rigged for a test.

    python -m tests.faults.rigged RIG scheduler|worker …

RIG is an object in JSON, all of it optional:

    without   the names of protections that are taken out (tests/faults/without.py)
    at        a point at which the process strikes itself (tests/faults/failpoints.py), with `mark`, a file that tells
              that it happened, and `signal`, the number of the signal; SIGKILL where none is named
    lock      how long a leader's lock holds, in seconds
    repeat    after how long a message that nobody took is repeated, in seconds

Owns: the order in which a process is rigged.
"""

from __future__ import annotations

import json
import signal
import sys
from datetime import timedelta
from pathlib import Path

import automation.queue.app
import automation.queue.door


def main() -> None:
    """The command; it ends the process."""
    rig = json.loads(sys.argv.pop(1))
    # Before anybody else takes these by name.
    automation.queue.app.LOCK_SECONDS = rig.get("lock", automation.queue.app.LOCK_SECONDS)
    if "repeat" in rig:
        automation.queue.door.REPEAT = timedelta(seconds=rig["repeat"])

    from tests.faults import failpoints, without

    for protection in rig.get("without", ()):
        without.PROTECTIONS[protection]()
    if "at" in rig:
        failpoints.arm(rig["at"], Path(rig["mark"]), rig.get("signal", signal.SIGKILL))

    from automation.cli.main import main as command

    command()


if __name__ == "__main__":
    main()
