"""How much memory a process holds, with all that it has started.

Owns: the figure; pages that several of them share count for each.
Never: decides what is too much.
"""

from __future__ import annotations

import psutil


def memory_of(pid: int) -> int:
    """Bytes in main memory of a process and its descendants; what has just ended holds none."""
    try:
        parent = psutil.Process(pid)
        family = [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0
    return sum(_resident(one) for one in family)


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0
