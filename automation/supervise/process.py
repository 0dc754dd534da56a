"""One process: started in a session of its own, read line by line, stopped or killed as a group.

Owns: what a process is told to be (Spec), its start, its output, the words for its end.
Never: waits; decides whether it starts again.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path

from automation.errors import InvalidInput
from automation.supervise.guardian import kill_group
from automation.supervise.tether import Tether, die_with_parent

_CHUNK = 65536
_LAST_READS = 64


class Order(IntEnum):
    """Who starts after whom; who stops after whom is the reverse."""

    RELEASE = 0
    BROKER = 1
    OTHER = 2
    WORKER = 3
    SCHEDULER = 4
    WEB = 5

    @classmethod
    def of(cls, name: str) -> Order:
        """By a process's name: `worker-mail` is a worker, an unknown name starts before those who may need it."""
        known = {order.name.lower(): order for order in cls}
        return known.get(name.partition("-")[0], cls.OTHER)


@dataclass(frozen=True)
class Spec:
    """A process to be run.

    Parameters
    ----------
    environ: its whole environment.
    ready: asked until it says yes, before those of a higher order start; without it, started is ready.
    """

    name: str
    argv: tuple[str, ...]
    cwd: Path
    environ: Mapping[str, str] = field(repr=False)
    order: Order = Order.OTHER
    ready: Callable[[], bool] | None = None

    @property
    def title(self) -> str:
        """The name in front of its lines."""
        return f"{self.name}.1"

    def program(self) -> str:
        """The path of the program that would be started.

        Raises InvalidInput if there is none.
        """
        found = shutil.which(self.argv[0], path=self.environ.get("PATH", os.defpath))
        if os.sep in self.argv[0]:
            path = self.cwd / self.argv[0]
            found = str(path) if os.access(path, os.X_OK) and path.is_file() else None
        if found is None:
            raise InvalidInput(
                f"{self.name}: there is no program '{self.argv[0]}'; install it, or correct its line in the Procfile"
            )
        return found


class Process:
    """A started process; `pid` is also its session and process group."""

    def __init__(self, spec: Spec, tether: Tether) -> None:
        self.spec = spec
        self._tether = tether
        self._rest = b""
        self.silent = False
        self._child = subprocess.Popen(  # noqa: S603 (the user's Procfile, split without a shell)
            [spec.program(), *spec.argv[1:]],
            cwd=spec.cwd,
            env={**spec.environ, **tether.environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
            start_new_session=True,
            preexec_fn=die_with_parent(),  # noqa: PLW1509 (the supervisor has one thread)
        )
        assert self._child.stdout is not None
        self.output = self._child.stdout
        self.pid = self._child.pid
        os.set_blocking(self.output.fileno(), False)
        tether.hold(self.pid)

    def lines(self) -> Iterator[str]:
        """The whole lines of one read; a line of more than 64 KiB comes in pieces, the last one at the end of the output."""
        chunk = self.output.read(_CHUNK)
        if chunk is None:
            return
        self.silent = not chunk
        *whole, self._rest = (self._rest + chunk).split(b"\n")
        yield from map(_text, whole)
        if self._rest and (self.silent or len(self._rest) >= _CHUNK):
            yield _text(self._rest)
            self._rest = b""

    def last_lines(self) -> Iterator[str]:
        """What is still to be read of an ended process; bounded, for something it started may go on writing."""
        for _ in range(_LAST_READS):
            before = self._rest
            found = list(self.lines())
            yield from found
            if self.silent or (not found and self._rest == before):
                break
        if self._rest:
            yield _text(self._rest)

    def poll(self) -> int | None:
        """Its exit code, minus the signal's number if one killed it; None while it runs.

        What is left of its group is killed before it is reaped, while its id cannot be another's.
        """
        if self._child.returncode is None and os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            kill_group(self.pid)
            self._tether.let_go(self.pid)
        return self._child.poll()

    def terminate(self) -> None:
        """Ask the process itself to stop: what it started is its own to end."""
        self._child.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it and all of its group at once."""
        if self._child.returncode is None:
            kill_group(self.pid)


def ending(code: int) -> str:
    """How a process ended, in words."""
    if code >= 0:
        return f"ended with exit code {code}" if code else "ended"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"


def _text(line: bytes) -> str:
    return line.removesuffix(b"\r").decode("utf-8", "replace")
