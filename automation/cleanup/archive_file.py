"""Archives in files: a line of JSON for each row while the sweep goes on, and the wanted form at its end.

Owns: appending so that a kill loses nothing and doubles nothing, and comparing what was written with what was meant.
Never: deletes a row of a table.
"""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from automation.cleanup.archive_forms import convert, finished_path
from automation.cleanup.rows import Rows
from automation.cleanup.schema import Target
from automation.cleanup.values import dumps, row_line
from automation.errors import FailureClass, JobFailed


@dataclass
class _File:
    """The growing file of one table; `rows`, `size` and `crc` are those that were committed, `lines` those to come.

    Parameters
    ----------
    ahead: what was written behind `size` before the transaction of its batch began.
    """

    path: Path
    columns: list[str]
    rows: int = 0
    size: int = 0
    crc: int = 0
    lines: list[bytes] = field(default_factory=list)
    ahead: bytes = b""

    def state(self) -> dict[str, int]:
        return {"rows": self.rows, "size": self.size, "crc": self.crc}


class FileArchive:
    """A file for each table, `TABLE-KEY.jsonl` in a folder.

    Parameters
    ----------
    key: of the run, in the file's name.
    form: `jsonl`, `csv` or `parquet`, made of the lines at the end.
    """

    writes_ahead = True

    def __init__(self, folder: Path, key: str, form: str, members: Sequence[Target]) -> None:
        self._folder, self._form = folder, form
        self._files = {
            member.name: _File(folder / f".{_plain(member.name.table)}-{_plain(key)}.jsonl.part", list(member.types))
            for member in members
        }
        self._pending: dict[Any, dict[str, int]] = {}
        self._trusted = True

    def open(self, state: dict[str, Any], *, trusted: bool) -> None:
        """Cut off what was written for a batch that never went. Raises JobFailed when lines that counted are gone."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._trusted = trusted
        for name, file in self._files.items():
            known = state.get(name.table, {})
            left = finished_path(file.path, "jsonl")
            if (known or not trusted) and left.exists() and not file.path.exists():
                left.replace(file.path)
            there = file.path.stat().st_size if file.path.exists() else 0
            if there < known.get("size", 0):
                raise JobFailed(
                    f"the archive {file.path} has {there} bytes, and {known['size']} were committed with the rows that went; "
                    "put the file back, or let a worker of that machine go on",
                    FailureClass.DATA_INVALID,
                )
            if trusted:
                file.rows, file.size, file.crc = (known.get(one, 0) for one in ("rows", "size", "crc"))
                _cut(file.path, file.size)
            elif there:
                self._take_over(file)

    def _take_over(self, file: _File) -> None:
        """Nothing says which lines count, so that all whole ones do; a row may then be there twice."""
        data = file.path.read_bytes()
        data = data[: data.rfind(b"\n") + 1]
        _cut(file.path, len(data))
        file.rows, file.size, file.crc = max(data.count(b"\n") - 1, 0), len(data), zlib.crc32(data)

    def keep(self, connection: sa.Connection, target: Target, rows: Rows) -> None:  # noqa: ARG002
        """See Archive."""
        file = self._files[target.name]
        if not file.size and not file.lines and rows:
            file.lines.append(_header(target))
        try:
            file.lines += map(row_line, rows.of(file.columns))
        except TypeError as error:
            raise JobFailed(f"'{target.name.table}' cannot be archived: {error}", FailureClass.DATA_INVALID) from error

    def ahead(self) -> None:
        """See Archive."""
        for file in self._files.values():
            file.ahead, file.lines = b"".join(file.lines), []
            if file.ahead:
                _append(file.path, file.size, file.ahead)

    def secured(self) -> dict[str, Any]:
        """Append, wait for the disk, read it back; unless all of that was done before the transaction."""
        self._pending = {}
        for name, file in self._files.items():
            block = b"".join(file.lines)
            if block and block != file.ahead:
                _append(file.path, file.size, block)
            elif not block:
                _cut(file.path, file.size)
            heads = 1 if file.lines and not file.size else 0
            self._pending[name] = {
                "rows": file.rows + len(file.lines) - heads,
                "size": file.size + len(block),
                "crc": zlib.crc32(block, file.crc),
            }
        return {name.table: state for name, state in self._pending.items()}

    def committed(self) -> None:
        """See Archive."""
        for name, file in self._files.items():
            state = self._pending[name]
            file.rows, file.size, file.crc, file.lines = state["rows"], state["size"], state["crc"], []
            file.ahead = b""

    def roll_back(self) -> None:
        """See Archive."""
        for file in self._files.values():
            file.lines, file.ahead = [], b""
            _cut(file.path, file.size)

    def finish(self) -> tuple[dict[str, int], list[Path]]:
        """Compare each whole file once more, and give it its form and name."""
        counts, paths = {}, []
        for name, file in self._files.items():
            counts[name.table] = file.rows
            if not file.size:
                continue
            if (found := _checksum(file.path)) != (file.size, file.crc):
                raise JobFailed(
                    f"the archive {file.path} has changed: size and checksum are {found}, and {(file.size, file.crc)} were "
                    "written; all rows that went are in it as far as it is whole",
                    FailureClass.DATA_INVALID,
                )
            paths.append(convert(file.path, self._form))
        return counts, paths

    def pause(self) -> None:
        """See Archive: as lines of JSON, whatever the form is to be."""
        for file in self._files.values():
            if file.size and file.path.exists():
                file.path.replace(finished_path(file.path, "jsonl"))

    def settled(self) -> None:
        """See Archive."""
        for file in self._files.values():
            file.path.unlink(missing_ok=True)

    def finished(self, state: dict[str, Any]) -> tuple[dict[str, int], list[Path]]:
        """See Archive."""
        paths = [finished_path(file.path, self._form) for file in self._files.values()]
        rows = {name.table: state.get(name.table, {}).get("rows", 0) for name in self._files}
        return rows, [path for path in paths if path.exists()]


def _plain(text: str) -> str:
    return re.sub(r"[^\w.-]+", "_", text) or "_"


def _header(target: Target) -> bytes:
    told = {"table": target.name.table, "columns": list(target.types), "types": [str(t) for t in target.types.values()]}
    return dumps(["automation archive 1", *told.values()]).encode() + b"\n"


def _append(path: Path, size: int, block: bytes) -> None:
    """Write after so many bytes, wait for the disk, and read it back. Raises JobFailed when it is not the same."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.ftruncate(descriptor, size)
        written = 0
        while written < len(block):
            written += os.pwrite(descriptor, block[written:], size + written)
        os.fsync(descriptor)
        there = os.pread(descriptor, len(block) + 1, size)
    finally:
        os.close(descriptor)
    if zlib.crc32(there) != zlib.crc32(block) or there.count(b"\n") != block.count(b"\n"):
        raise JobFailed(f"{path} does not hold what was written to it; nothing was deleted", FailureClass.UNKNOWN)
    if not size:
        _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _cut(path: Path, size: int) -> None:
    if path.exists() and path.stat().st_size > size:
        os.truncate(path, size)


def _checksum(path: Path) -> tuple[int, int]:
    size = crc = 0
    for chunk in _chunks(path):
        size, crc = size + len(chunk), zlib.crc32(chunk, crc)
    return size, crc


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            yield chunk
