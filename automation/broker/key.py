"""The key that signs messages and sessions.

Owns: making it once for an embedded broker, reading it, and refusing one that others could read.
Never: shows it.
"""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from automation.errors import InvalidInput
from automation.settings import Settings
from automation.supervise.data_folder import prepare_data_folder

_SHORTEST = 16


def secret_key(settings: Settings) -> str:
    """`AUTOMATION_SECRET_KEY`, or the data folder's own `secret.key`, made on first use and never changed.

    Raises InvalidInput for a file that is too short, or that other users may read.
    """
    if settings.secret_key:
        return settings.secret_key
    path = prepare_data_folder(settings.data) / "secret.key"
    if not path.exists():
        _make(path)
    return _read(path)


def _make(path: Path) -> None:
    """Write beside, then link: of two processes at once one wins, and no reader sees half a key."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32) + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    except FileExistsError:
        return
    finally:
        draft.unlink()


def _read(path: Path) -> str:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        key = path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(
            f"The secret key {path} cannot be read ({error}); set AUTOMATION_SECRET_KEY instead"
        ) from error
    if mode & 0o077:
        raise InvalidInput(f"Other users may read the secret key {path} (mode {mode:o}); run: chmod 600 {path}")
    if len(key) < _SHORTEST:
        raise InvalidInput(f"The secret key {path} is shorter than {_SHORTEST} characters; remove it to have one made")
    return key
