"""One command from its start to its certain end.

Owns: the process group, reading its output while it runs, and TERM then KILL when it must end.
Never: leaves a process of the group behind, whatever is raised meanwhile, and also when this process is killed.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import IO

from automation.clock import Clock
from automation.errors import FailureClass, JobFailed
from automation.supervise.tether import Tether
from automation.text import printable

_SHELL = "/bin/sh"
_LOOK = 0.1
_GRACE, _GRACE_OF_STRAYS = 5.0, 1.0
_CHUNK = 65536
_READS_AFTER_END = 32  # more than a pipe holds; what goes on writing after that is in the background
_LONGEST_LINE = 8000


class Ending(StrEnum):
    """Why a command ended."""

    EXITED = "exited"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Finished:
    """A command that is over.

    Parameters
    ----------
    code: its exit code; below zero the signal that ended it.
    strays: it left processes in the background, which were ended.
    """

    code: int
    ending: Ending
    seconds: float
    strays: bool


def run_command(
    command: str | Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path,
    receive: Callable[[bytes], None],
    timeout: timedelta | None,
    cancelled: Callable[[], bool],
    clock: Clock,
) -> Finished:
    """Run a command to its end: a text through `/bin/sh -c`, a list without any shell.

    Parameters
    ----------
    receive: gets what it writes to standard output and error, as it comes.
    cancelled: asked several times a second; true ends the command.

    Raises JobFailed (config) when it cannot be started. Whatever is raised from `receive`, `cancelled` or a signal
    handler passes through after the whole process group is gone.
    """
    began = clock.monotonic()
    strays = False
    with Tether() as tether:  # ends the group when this very process is killed
        process = _start([_SHELL, "-c", command] if isinstance(command, str) else list(command), env, cwd)
        try:
            tether.hold(process.pid)
            ending = _follow(process, receive, timeout, cancelled, clock)
        finally:
            strays = _end(process, clock)
            tether.let_go(process.pid)
            assert process.stdout is not None
            process.stdout.close()
    return Finished(process.returncode, ending, clock.monotonic() - began, strays and ending is Ending.EXITED)


def _start(arguments: list[str], env: Mapping[str, str], cwd: Path) -> subprocess.Popen[bytes]:
    if not cwd.is_dir():
        raise JobFailed(f"there is no folder {cwd}; 'cwd' starts from the project's folder", FailureClass.CONFIG)
    try:
        process = subprocess.Popen(  # noqa: S603 - running what the job says is the purpose
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env=dict(env),
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else str(error)
        raise JobFailed(
            f"'{printable(arguments[0], 200)}' cannot be started: {said}; name a program on the PATH or an absolute path",
            FailureClass.CONFIG,
            code="start",
        ) from error
    assert process.stdout is not None
    os.set_blocking(process.stdout.fileno(), False)
    return process


def _follow(
    process: subprocess.Popen[bytes],
    receive: Callable[[bytes], None],
    timeout: timedelta | None,
    cancelled: Callable[[], bool],
    clock: Clock,
) -> Ending:
    """Read until the command is over. A background child may keep the pipe open; that is not waited for."""
    stdout = process.stdout
    assert stdout is not None
    deadline = clock.monotonic() + timeout.total_seconds() if timeout else None
    reads_left = _READS_AFTER_END
    with selectors.DefaultSelector() as selector:
        selector.register(stdout, selectors.EVENT_READ)
        while True:
            over = process.poll() is not None
            heard = _read(selector, stdout, receive, 0 if over else _LOOK, process)
            reads_left -= over
            if over and not (heard and reads_left):
                return Ending.EXITED
            if deadline is not None and clock.monotonic() >= deadline:
                return Ending.TIMED_OUT
            if cancelled():
                return Ending.CANCELLED


def _read(
    selector: selectors.BaseSelector,
    stdout: IO[bytes],
    receive: Callable[[bytes], None],
    wait: float,
    process: subprocess.Popen[bytes],
) -> bool:
    """Hand on what there is; False when there was nothing."""
    if not selector.get_map():  # it closed its output and works on in silence
        with suppress(subprocess.TimeoutExpired):
            process.wait(wait)
        return False
    if not selector.select(wait):
        return False
    chunk = os.read(stdout.fileno(), _CHUNK)
    if not chunk:
        selector.unregister(stdout)
        return False
    receive(chunk)
    return True


def _end(process: subprocess.Popen[bytes], clock: Clock) -> bool:
    """End what is left of the group: TERM, and KILL for what does not listen. False when nothing was left."""
    left = _signal(process, signal.SIGTERM)
    until = clock.monotonic() + (_GRACE if process.poll() is None else _GRACE_OF_STRAYS)
    while left and clock.monotonic() < until:
        process.poll()
        if not _signal(process, 0):
            break
        clock.sleep(0.02)
    else:
        _signal(process, signal.SIGKILL)
    process.wait()
    return left


def _signal(process: subprocess.Popen[bytes], number: int) -> bool:
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return False
    except PermissionError:  # what is left runs as somebody else
        return False
    return True


class Lines:
    """Bytes in, lines of text out, as soon as each is complete; a line longer than 8,000 bytes comes in parts."""

    def __init__(self, emit: Callable[[str], None]) -> None:
        self._emit = emit
        self._rest = b""

    def feed(self, chunk: bytes) -> None:
        """More bytes, cut anywhere."""
        *whole, self._rest = (self._rest + chunk).split(b"\n")
        for line in whole:
            self._send(line)
        while len(self._rest) > _LONGEST_LINE:
            self._send(self._rest[:_LONGEST_LINE])
            self._rest = self._rest[_LONGEST_LINE:]

    def finish(self) -> None:
        """What came after the last line break."""
        if self._rest:
            self._send(self._rest)
            self._rest = b""

    def _send(self, line: bytes) -> None:
        for start in range(0, max(len(line), 1), _LONGEST_LINE):
            self._emit(line[start : start + _LONGEST_LINE].decode("utf-8", "replace").rstrip("\r"))
