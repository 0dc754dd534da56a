"""Signals as something to wait for: SIGINT, SIGTERM and mostly SIGHUP ask for the end, SIGCHLD wakes.

Owns: the handlers while it is entered, and the pipe that a selector can watch.
Never: acts on a signal.
"""

from __future__ import annotations

import os
import signal
from types import FrameType, TracebackType
from typing import Any

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
#: What asks a process that has no supervisor's work to end.
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT)


class Signals:
    """While entered, the main thread's signals become bytes in a pipe; `fileno()` is its reading end.

    Parameters
    ----------
    hang_up_ends: False where no terminal can hang up: SIGHUP then asks for a `look` at the files.
    """

    def __init__(self, *, hang_up_ends: bool = True) -> None:
        self._ends = STOPPING if hang_up_ends else tuple(set(STOPPING) - {signal.SIGHUP})
        self.look = False

    def __enter__(self) -> Signals:
        self._read, self._write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK) if hasattr(os, "pipe2") else _pipe()
        self._wakeup = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        # A hang-up that was ignored stays ignored: that is what nohup asks for.
        nohup = hang_up_is_ignored()
        watched = {*STOPPING, signal.SIGCHLD} - ({signal.SIGHUP} if nohup else set())
        self._before: dict[int, Any] = {number: signal.signal(number, _noted) for number in watched}
        return self

    def fileno(self) -> int:
        return self._read

    def taken(self) -> int:
        """How often the end was asked for since the last call."""
        try:
            numbers = os.read(self._read, 4096)
        except BlockingIOError:
            return 0
        self.look = self.look or (signal.SIGHUP in numbers and signal.SIGHUP not in self._ends)
        return sum(number in self._ends for number in numbers)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup)
        os.close(self._read)
        os.close(self._write)


def ignore_ending() -> None:
    """For one who has left in order: while the interpreter is taken down, a second signal would still kill it."""
    for number in (*ENDING, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def hang_up_is_ignored() -> bool:
    """Whether a hang-up was ignored before we began, which is what nohup asks for."""
    return signal.getsignal(signal.SIGHUP) == signal.SIG_IGN


def _noted(_number: int, _frame: FrameType | None) -> None:
    """The wake-up pipe has it already."""


def _pipe() -> tuple[int, int]:
    read, write = os.pipe()
    os.set_blocking(read, False)
    os.set_blocking(write, False)
    return read, write
