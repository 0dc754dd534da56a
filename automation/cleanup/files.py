"""Cleaning up folders: old files, too many of them, too much of them; into a trash folder or away for good.

Owns: which files those are, and removing each only while it is the one that was judged.
Never: follows a symbolic link, leaves the file system of the folder, or touches what is no plain file.
"""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from automation.cleanup.rule import Files
from automation.errors import FailureClass, GiveUp, JobFailed
from automation.text import count, instant, parse_duration, parse_size, size

_STAMP = "%Y%m%dT%H%M%SZ"
Guards = Callable[[int, int], Sequence[str]]


@dataclass(frozen=True)
class Found:
    """A plain file; `path` begins below the folder, and `inode` tells it from one that takes its name."""

    path: Path
    changed: float
    size: int
    inode: int

    @property
    def at(self) -> datetime:
        """When it was changed last."""
        return datetime.fromtimestamp(self.changed, UTC)


def clean_files(
    files: Files,
    base: Path,
    *,
    now: datetime,
    log: logging.Logger | logging.LoggerAdapter[Any],
    guards: Guards,
    dry_run: bool,
    cancelled: Callable[[], bool],
    progress: Callable[[int, int], None],
) -> dict[str, Any]:
    """Remove the files that the rule means, the oldest first, or only count them.

    Parameters
    ----------
    base: where relative folders begin.
    guards: from how many files there are and how many would go to what speaks against it.

    Raises JobFailed (config) for a folder that cannot be used, GiveUp when a guard refuses; nothing went then.
    """
    root = base / files.folder
    _must_be_folder(root)
    trash = base / files.trash.folder if files.trash else None
    there = sorted(walk(root, files, trash), key=lambda one: (one.changed, one.path))
    going = choose(there, files, now)
    refusals = list(guards(len(there), len(going)))
    result: dict[str, Any] = {
        "folder": str(root), "total": len(there), "matched": len(going), "bytes": sum(one.size for one in going),
        "percent": round(100 * len(going) / len(there), 2) if there else 0.0, "deleted": 0, "changed_meanwhile": 0,
        "oldest": instant(going[0].at) if going else None, "newest": instant(going[-1].at) if going else None,
        "sample": [str(one.path) for one in going[:5]], "dry_run": dry_run, "refusals": refusals, "complete": True,
        "stopped": None, "asked": False, "files": [], "emptied_from_trash": 0,
    }  # fmt: skip
    log.info("%s of %s of %s, %s", count(len(going), "file"), f"{len(there):,}", root, size(result["bytes"]))
    if dry_run:
        return result
    if refusals:
        raise GiveUp("nothing was deleted: " + "; ".join(refusals))
    into = trash / now.strftime(_STAMP) if trash else None
    for number, one in enumerate(going):
        if cancelled():
            result |= {"stopped": "it was asked to stop", "asked": True, "complete": False}
            break
        gone = remove(root, one, into)
        result["deleted" if gone else "changed_meanwhile"] += 1
        progress(number + 1, len(going))
    if trash is not None and files.trash is not None and files.trash.age is not None:
        result["emptied_from_trash"] = empty_trash(trash, now - parse_duration(files.trash.age))
    return result


def walk(root: Path, files: Files, trash: Path | None) -> Iterator[Found]:
    """Every plain file of the folder that has one of the patterns; trash, links and other file systems are left out."""
    device, waiting = root.stat().st_dev, [Path()]
    skipped = trash.resolve() if trash else None
    while waiting:
        below = waiting.pop()
        with os.scandir(root / below) as entries:
            for entry in entries:
                info = entry.stat(follow_symlinks=False)
                if stat.S_ISDIR(info.st_mode):
                    if files.recursive and info.st_dev == device and (root / below / entry.name).resolve() != skipped:
                        waiting.append(below / entry.name)
                elif stat.S_ISREG(info.st_mode) and any(fnmatchcase(entry.name, one) for one in files.pattern):
                    yield Found(below / entry.name, info.st_mtime, info.st_size, info.st_ino)


def choose(there: Sequence[Found], files: Files, now: datetime) -> list[Found]:
    """Those that go, of files with the oldest first: too old, too many, or too much; the newest `keep_last` stay."""
    oldest = now - parse_duration(files.age) if files.age else None
    total, most = sum(one.size for one in there), parse_size(files.max_size) if files.max_size else None
    left, going = len(there), []
    for one in there[: max(len(there) - files.keep_last, 0)]:
        too_old = oldest is not None and one.at < oldest
        too_many = files.max_count is not None and left > files.max_count
        too_much = most is not None and total > most
        if too_old or too_many or too_much:
            going.append(one)
            left, total = left - 1, total - one.size
    return going


def remove(root: Path, one: Found, into: Path | None) -> bool:
    """Remove or move a file; False when it is gone, or is no longer the one that was judged."""
    try:
        with _opened(root, one.path.parent) as folder:
            info = os.stat(one.path.name, dir_fd=folder, follow_symlinks=False)
            if (info.st_ino, info.st_mtime, info.st_size) != (one.inode, one.changed, one.size):
                return False
            if into is None:
                os.unlink(one.path.name, dir_fd=folder)
            else:
                target = into / one.path
                target.parent.mkdir(parents=True, exist_ok=True)
                os.rename(one.path.name, target, src_dir_fd=folder)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise JobFailed(f"{root / one.path}: {error.strerror}; what was removed before it stays so") from error
    return True


def empty_trash(trash: Path, before: datetime) -> int:
    """Delete for good what was thrown away before a moment; returns the files."""
    gone = 0
    for thrown in sorted(trash.iterdir()) if trash.is_dir() else []:
        if thrown.is_symlink() or not thrown.is_dir() or not _older(thrown.name, before):
            continue
        for folder, _, names in os.walk(thrown, topdown=False, followlinks=False):
            for name in names:
                Path(folder, name).unlink()
                gone += 1
            for entry in Path(folder).iterdir():
                entry.rmdir() if not entry.is_symlink() else entry.unlink()
        thrown.rmdir()
    return gone


def _older(name: str, before: datetime) -> bool:
    try:
        return datetime.strptime(name, _STAMP).replace(tzinfo=UTC) < before
    except ValueError:
        return False  # not thrown away by us


@contextmanager
def _opened(root: Path, below: Path) -> Iterator[int]:
    """A folder below the root, opened step by step so that none of the steps is a link by now."""
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for part in below.parts:
            deeper = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = deeper
        yield descriptor
    finally:
        os.close(descriptor)


def _must_be_folder(root: Path) -> None:
    if not root.is_dir():
        raise JobFailed(f"there is no folder {root}; check 'files.folder'", FailureClass.CONFIG)
    resolved = root.resolve()
    if resolved in (Path("/"), Path.home().resolve()) or len(resolved.parts) < 3:
        raise JobFailed(f"{root} is too near to the root of everything; name a folder of your own", FailureClass.CONFIG)
