"""The tie between a supervisor and its processes: none outlives it, even when it is killed.

Owns: the parent-death signal on Linux, the guardian process, the mark in the environment.
Never: decides when a process stops.
"""

from __future__ import annotations

import ctypes
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Callable
from types import TracebackType

from automation.supervise import guardian

_PR_SET_PDEATHSIG = 1
_LAST_SWEEP = 3.0


def die_with_parent() -> Callable[[], None] | None:
    """What a child calls between fork and exec so that the kernel kills it with its parent; None where no kernel does.

    The signal follows the *thread* that forked, so a supervisor forks from its main thread; it survives exec.
    """
    if sys.platform != "linux":
        return None
    prctl, parent = ctypes.CDLL(None).prctl, os.getpid()

    def tie() -> None:
        prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != parent:  # it died before we asked
            os._exit(1)

    return tie


class Tether:
    """Holds all process groups of one supervisor; on exit, or when the supervisor is gone, nothing of them is left."""

    def __init__(self) -> None:
        self.mark = f"{os.getpid()}-{secrets.token_hex(8)}"

    @property
    def environ(self) -> dict[str, str]:
        """What the children's environment carries, and what they hand on to theirs."""
        return {guardian.MARK: self.mark}

    def __enter__(self) -> Tether:
        self._guardian = subprocess.Popen(  # noqa: S603 (our own file, by its path)
            [sys.executable, "-I", "-S", guardian.__file__, self.mark],
            stdin=subprocess.PIPE,
            text=True,
            bufsize=1,
            start_new_session=True,
            env={},
        )
        return self

    def hold(self, group: int) -> None:
        self._tell(f"+{group}\n")

    def let_go(self, group: int) -> None:
        self._tell(f"-{group}\n")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._guardian.stdin is not None
        try:
            self._guardian.stdin.close()
            self._guardian.wait(_LAST_SWEEP)
        except (BrokenPipeError, subprocess.TimeoutExpired):
            self._guardian.kill()
            self._guardian.wait()

    def _tell(self, line: str) -> None:
        assert self._guardian.stdin is not None
        try:
            self._guardian.stdin.write(line)
        except BrokenPipeError:  # somebody killed it; the parent-death signal still holds
            return
