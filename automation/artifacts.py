"""Files that runs leave.

Owns: what an artifact is, which names it may have, writing one so that no half file is ever seen, and removing old ones.
Never: knows the ledger; who saves a file records it.
"""

from __future__ import annotations

import hashlib
import mimetypes
import os
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from automation.errors import InvalidInput
from automation.text import printable

_NAME = re.compile(r"[\w][\w .,()+@=-]{0,199}")
_TYPES = {".jsonl": "application/x-ndjson", ".md": "text/markdown", ".csv": "text/csv", ".log": "text/plain"}
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Artifact:
    """A file that a run left.

    Parameters
    ----------
    size: in bytes.
    sha256: hexadecimal, of the content.
    """

    name: str
    path: Path
    media_type: str
    size: int
    sha256: str
    run_id: str
    job: str
    created_at: datetime


def check_name(name: str) -> str:
    """The name, if it can be a file's in any folder. Raises InvalidInput."""
    if not _NAME.fullmatch(name) or name.endswith((" ", ".")) or ".." in name:
        raise InvalidInput(
            f"'{printable(name, 80)}' cannot be an artifact's name; use letters, digits, spaces and . _ - ( ) only"
        )
    return name


def media_type_of(name: str) -> str:
    """The media type that the name's suffix stands for."""
    suffix = Path(name).suffix.lower()
    return _TYPES.get(suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"


def write_file(folder: Path, name: str, content: bytes | str | Path) -> tuple[Path, int, str]:
    """Put content under a name into the folder, whole or not at all; returns path, size in bytes and SHA-256.

    A `Path` is a finished file, which is moved.
    """
    folder.mkdir(parents=True, exist_ok=True)
    target, part = folder / check_name(name), folder / f".{name}.{os.getpid()}.part"
    try:
        if not isinstance(content, Path):
            part.write_bytes(content.encode() if isinstance(content, str) else content)
        source = content if isinstance(content, Path) else part
        size, digest = _on_disk(source)
        _move(source, target, part)
    except OSError:
        # A full disk has no room for halves.
        part.unlink(missing_ok=True)
        raise
    return target, size, digest


def _on_disk(source: Path) -> tuple[int, str]:
    """The size in bytes and the SHA-256 of a file, of which nothing is lost any more when this returns."""
    digest = hashlib.sha256()
    with source.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
        os.fsync(stream.fileno())
    return source.stat().st_size, digest.hexdigest()


def _move(source: Path, target: Path, part: Path) -> None:
    try:
        source.replace(target)
    except OSError:
        # Another file system: copy beside the target first, then rename.
        part.write_bytes(source.read_bytes())
        part.replace(target)
        source.unlink()


def remove_files(root: Path, paths: Iterable[Path]) -> int:
    """Remove these files, and the folders of their runs that are empty then; returns how many there were.

    One that is not below `root`, or was removed before, is left alone.
    """
    removed, root = 0, root.resolve()
    for path in paths:
        if root not in path.resolve().parents:
            continue
        try:
            path.unlink()
            removed += 1
        except FileNotFoundError:
            continue
        with suppress(OSError):
            # Not empty yet: another file of the run is there.
            path.parent.rmdir()
    return removed
