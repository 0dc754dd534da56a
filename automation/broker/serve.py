"""Becoming the embedded broker: lock, look at how the last start ended, exec.

Owns: one server per data folder, private files, a damaged log moved aside.
Never: stays as a process of its own: whoever started us has the server itself as child.
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
from datetime import datetime
from pathlib import Path
from typing import NoReturn

from automation.broker.place import Place, make_runtime, place
from automation.broker.server import locate_server, options
from automation.clock import Clock, SystemClock
from automation.errors import BrokerUnavailable, InvalidInput, Refused
from automation.settings import Settings
from automation.supervise.data_folder import prepare_data_folder

log = logging.getLogger(__name__)

_PATIENCE = 5.0
_LARGEST_LOG = 1_000_000
_START = "### automation starts the broker at "
_COMPLAINT = re.compile(r" # (.+)$", re.MULTILINE)
_NO_COMPLAINT = re.compile(r"^WARNING|is starting|bye bye|requested shutdown|Received SIG")
#: A line of the server's log that says that it cannot load what it wrote; what a disk or a permission refused is no damage.
_DAMAGE = re.compile(r" # (.*(?:append only file|AOF).*)$", re.MULTILINE)
_NO_DAMAGE = re.compile(
    r"No space left|Permission denied|Read-only file system|Input/output error|Too many open files|short read"
)


def exec_server(settings: Settings, clock: Clock | None = None) -> NoReturn:
    """Become the data folder's broker, in five steps; does not return.

    1. Find the server program. 2. Hold the broker's folder, through the exec, so that there is one server.
    3. Move a log aside that the last start could not load. 4. Mark this start in the server's log. 5. Exec.

    Raises InvalidInput where another broker is set, Refused where this one already runs, BrokerUnavailable without a program.
    """
    if settings.broker_url is not None:
        raise InvalidInput("AUTOMATION_BROKER_URL is set, so there is no embedded broker to run; unset it to have one")
    clock = clock or SystemClock()
    server = locate_server()
    os.umask(0o077)
    prepare_data_folder(settings.data)
    where = place(settings.data)
    where.folder.mkdir(mode=0o700, exist_ok=True)
    make_runtime(where)
    os.set_inheritable(_hold(where, clock), True)
    _look_back(where, clock.now())
    _mark_start(where, clock.now())
    try:
        os.execv(server.program, ["automation-broker", *options(where, server.version)])  # noqa: S606 (no shell is wanted)
    except OSError as error:
        raise BrokerUnavailable(
            f"{server.program} cannot be started ({error.strerror}); set AUTOMATION_BROKER_URL to a broker of your own"
        ) from error


def require_alone(settings: Settings, clock: Clock) -> None:
    """Come back when no server holds the data folder's broker; one that is ending gets some seconds to go.

    Raises Refused if one goes on.
    """
    where = place(settings.data)
    if where.folder.is_dir():
        os.close(_hold(where, clock))


def damage(said: str) -> str | None:
    """Why the last start in the server's log could not load its data; None if it could, or failed for another reason."""
    last = _last_start(said)
    return next((line for line in _DAMAGE.findall(last) if not _NO_DAMAGE.search(line)), None)


def _last_start(said: str) -> str:
    """What the server said since its last start; empty if that came to life."""
    last = said.rpartition(_START)[2].partition("\n")[2]
    return "" if "Ready to accept connections" in last else last


def _hold(where: Place, clock: Clock) -> int:
    """Lock the folder, with a descriptor that the server is to inherit; the one before us may still be ending."""
    descriptor = os.open(where.folder, os.O_RDONLY | os.O_DIRECTORY)
    deadline = clock.monotonic() + _PATIENCE
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if clock.monotonic() >= deadline:
                os.close(descriptor)
                raise Refused(
                    f"The embedded broker of {where.folder.parent} already runs; stop it, or set AUTOMATION_DATA_DIR to another folder"
                ) from None
        else:
            return descriptor
        clock.sleep(0.05)


def _look_back(where: Place, now: datetime) -> None:
    """See how the last start ended: damaged files are moved aside, another failure is told."""
    said = _tail(where.log)
    reason, files = damage(said), sorted(where.folder.glob("appendonly*"))
    if reason is None or not files:
        words = [line for line in _COMPLAINT.findall(_last_start(said)) if not _NO_COMPLAINT.search(line)]
        if words:
            log.warning("The broker's last start failed: %s; all that it said is in %s", words[-1], where.log)
        return
    aside = where.folder / f"damaged-{now:%Y%m%dT%H%M%S%f}"
    aside.mkdir(mode=0o700)
    for path in files:
        path.rename(aside / path.name)
    log.warning(
        "The broker's append-only file is damaged (%s): it was moved to %s and the broker starts empty; "
        "schedules and queued runs are restored from the ledger",
        reason,
        aside,
    )


def _mark_start(where: Place, now: datetime) -> None:
    if where.log.exists() and where.log.stat().st_size > _LARGEST_LOG:
        where.log.replace(where.log.with_suffix(".log.1"))
    with where.log.open("a", encoding="utf-8") as file:
        file.write(f"{_START}{now.isoformat()}\n")


def _tail(path: Path, most: int = 64_000) -> str:
    """The end of the server's log; empty if there is none yet."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - most))
            return file.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return ""
