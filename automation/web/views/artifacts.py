"""The files of a run, as they stand on its page.

Owns: how much of a file is read for a look at it.
Never: changes a file, or gives one out.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from automation.artifacts import Artifact
from automation.web.words import FileLine, file_line

_HEAD_BYTES = 8192
_HEAD_ROWS = 8
_COLUMNS = 10
_CELL = 80
_TEXTS = ("text/plain", "text/markdown", "application/json", "application/x-ndjson")
_LOOKS = 8
_HEAD_CHARS = 1500


@dataclass(frozen=True)
class Shown:
    """A file with a look into it.

    Parameters
    ----------
    form: `page`, `image`, `table`, `text`, or "" where nothing is shown of it.
    """

    line: FileLine
    form: str
    rows: tuple[tuple[str, ...], ...] = ()
    text: str = ""


def shown_files(files: Sequence[Artifact], keeps: Callable[[Artifact], bool]) -> list[Shown]:
    """Every file, the first of them with a look; those of the runner itself (`_…`) come last and without one.

    Parameters
    ----------
    keeps: whether a file may be looked into.
    """
    ordered = sorted(files, key=lambda one: (one.name.startswith("_"), one.name))
    looks = [one for one in ordered[:_LOOKS] if not one.name.startswith("_") and keeps(one)]
    return [_shown(one, look=one in looks) for one in ordered]


def _shown(file: Artifact, *, look: bool) -> Shown:
    line, kind = file_line(file), file.media_type.partition(";")[0]
    if look and kind == "text/html":
        return Shown(line, "page")
    if look and line.show and kind.startswith("image/"):
        return Shown(line, "image")
    if not look or kind not in ("text/csv", *_TEXTS):
        return Shown(line, "")
    try:
        with file.path.open("rb") as opened:
            head = opened.read(_HEAD_BYTES).decode("utf-8", "replace")
    except OSError:  # it is no longer kept; the list says that it was there
        return Shown(line, "")
    if kind == "text/csv":
        return Shown(line, "table", rows=_rows(head, whole=file.size <= _HEAD_BYTES))
    return Shown(line, "text", text=head[:_HEAD_CHARS] + ("…" if file.size > _HEAD_CHARS else ""))


def _rows(head: str, *, whole: bool) -> tuple[tuple[str, ...], ...]:
    lines = head.splitlines()
    try:
        rows = list(csv.reader(lines if whole else lines[:-1]))[:_HEAD_ROWS]
    except csv.Error:
        return ()
    return tuple(tuple(cell[:_CELL] for cell in row[:_COLUMNS]) for row in rows)
