"""What ends a supervisor's processes when the supervisor itself was killed; run as a script, with nothing of ours imported.

Owns: waiting for the end of its standard input, then killing the groups it was told of and every process that
carries the supervisor's mark in its environment, whatever session or parent that has by now.
Never: outlives that; touches a process without the group or the mark.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

MARK = "SUPERVISED_BY"
_ROUNDS = 100
_PAUSE = 0.01


def marked(mark: str) -> list[int]:
    """The processes that carry this mark; none where there is no /proc."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environ = (folder / "environ").read_bytes()
        except OSError:  # it ended, or it is another user's
            continue
        if wanted in environ.split(b"\0"):
            found.append(int(folder.name))
    return found


def kill_group(group: int) -> None:
    """SIGKILL to a process group that may be gone."""
    try:
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):  # macOS says the latter of a group of zombies
        return


def sweep(mark: str) -> None:
    """Kill what carries the mark until a look finds nothing: a process may have forked while we looked."""
    for _ in range(_ROUNDS):
        left = marked(mark)
        if not left:
            return
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(_PAUSE)


def main(mark: str) -> None:
    """Read `+GROUP` and `-GROUP` lines until the supervisor is gone, then leave nothing of it."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: set[int] = set()
    for line in sys.stdin:
        group = int(line[1:])
        groups.add(group) if line[0] == "+" else groups.discard(group)
    for group in groups:
        kill_group(group)
    sweep(mark)


if __name__ == "__main__":
    main(sys.argv[1])
