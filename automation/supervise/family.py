"""What a process has started, and what that has started: found and ended before the process itself is.

Owns: that none of them escapes by forking while we look.
Never: ends a guardian, which ends by itself what it was told of once its process is gone.
"""

from __future__ import annotations

import signal

import psutil

from automation.supervise import guardian

_LOOKS = 20


def end_descendants(pid: int) -> None:
    """Stop this process, and kill all that it started, down to the last; whoever called ends the process itself.

    What has left the family, as a daemon does, is not found: the shell plugin ties its commands in another way.
    """
    try:
        parent = psutil.Process(pid)
        parent.send_signal(signal.SIGSTOP)
    except psutil.NoSuchProcess:
        return
    found: dict[int, psutil.Process] = {}
    for _ in range(_LOOKS):
        new = [one for one in _below(parent) if one.pid not in found]
        if not new:
            break
        # Stopped first: what runs may start another one after the look.
        for one in new:
            _signal(one, signal.SIGSTOP)
            found[one.pid] = one
    for one in found.values():
        _signal(one, signal.SIGKILL)


def _below(parent: psutil.Process) -> list[psutil.Process]:
    try:
        return [one for one in parent.children(recursive=True) if not _is_guardian(one)]
    except psutil.NoSuchProcess:
        return []


def _is_guardian(process: psutil.Process) -> bool:
    try:
        return guardian.__file__ in process.cmdline()
    except psutil.Error:
        return False


def _signal(process: psutil.Process, number: int) -> None:
    try:
        process.send_signal(number)
    except (psutil.NoSuchProcess, psutil.AccessDenied):  # it ended by itself, or runs as somebody else
        return
