"""The answers of a run, kept as a file, from which the same report can be made again.

Owns: how rows are written to a file and read back with the same types, a portion at a time.
Never: asks a database; runs anything that it reads: the file is JSON lines, compressed.

A line is a JSON object: `{"query": …}` begins an answer, `{"t": …, "c": …}` is a portion of it, column by column with
the type of each, and `{"end": …}` ends it. The first line of the file says which run it was.
"""

from __future__ import annotations

import gzip
import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from automation.errors import FailureClass, JobFailed
from automation.reports.answer import Answer, Row

#: An artifact whose name begins so is for machines: a pattern of a user finds it only when it begins so, too.
NAME = "_data.jsonl.gz"
_LEVEL = 1
_PLAIN = frozenset((int, float, str, bool))
_MIXED = "*"

#: Type → its tag, and how a value is written as JSON; what is none of these becomes text.
_WRITE: dict[type, tuple[str, Callable[[Any], Any]]] = {
    Decimal: ("n", str),
    datetime: ("m", lambda value: value.isoformat()),
    date: ("d", lambda value: value.isoformat()),
    time: ("t", lambda value: value.isoformat()),
    timedelta: ("s", lambda value: [value.days, value.seconds, value.microseconds]),
    bytes: ("b", lambda value: b64encode(value).decode()),
    UUID: ("u", str),
}
_READ: dict[str, Callable[[Any], Any]] = {
    "n": Decimal,
    "m": datetime.fromisoformat,
    "d": date.fromisoformat,
    "t": time.fromisoformat,
    "s": lambda value: timedelta(*value),
    "b": b64decode,
    "u": UUID,
}


def _encoded(column: Sequence[Any]) -> tuple[str, list[Any]]:
    """A column's tag and its values as JSON; the tag is for every value but NULL, or says that each has its own."""
    kinds = set(map(type, column)) - {type(None)}
    if kinds <= _PLAIN:
        return "", list(column)
    if len(kinds) == 1 and (known := _WRITE.get(next(iter(kinds)))):
        tag, write = known
        return tag, [None if value is None else write(value) for value in column]
    return _MIXED, [_tagged(value) for value in column]


def _tagged(value: Any) -> Any:
    if value is None or type(value) in _PLAIN:
        return value
    if isinstance(value, (bytearray, memoryview)):
        value = bytes(value)
    tag, write = _WRITE.get(type(value), ("", str))
    return [tag, write(value)]


def _decoded(tag: str, column: list[Any]) -> list[Any]:
    if not tag:
        return column
    if tag == _MIXED:
        return [_READ.get(one[0], str)(one[1]) if isinstance(one, list) else one for one in column]
    read = _READ[tag]
    return [None if value is None else read(value) for value in column]


class Spool:
    """Rows on their way to a file, while a query is read.

    Parameters
    ----------
    limit: how many rows it takes.
    """

    def __init__(self, path: Path, limit: int) -> None:
        self.path, self.limit, self.rows = path, limit, 0
        self._stream = gzip.open(path, "wt", compresslevel=_LEVEL, encoding="ascii", newline="\n")  # noqa: SIM115  closed by `end`

    def begin(self, name: str, columns: Sequence[str]) -> None:
        """The answer's name and columns come first."""
        self._line({"query": name, "columns": list(columns)})

    def add(self, rows: Sequence[Row]) -> None:
        """Write these rows, as far as the limit goes."""
        rows = rows[: self.limit - self.rows]
        if rows:
            pairs = [_encoded(column) for column in zip(*rows, strict=True)]
            self._line({"t": [tag for tag, _ in pairs], "c": [column for _, column in pairs]})
            self.rows += len(rows)

    def end(self, *, truncated: bool, cut: bool, seconds: float) -> None:
        """Nothing comes any more."""
        self._line({"end": self.rows, "truncated": truncated, "cut": cut, "seconds": seconds})
        self.close()

    def close(self) -> None:
        """Give the file back, also one that is not whole."""
        self._stream.close()

    def portions(self) -> Iterator[Sequence[Row]]:
        """The rows as they were."""
        with gzip.open(self.path, "rt", encoding="ascii") as stream:
            for line in stream:
                found = json.loads(line)
                if "c" in found:
                    yield _rows(found)

    def _line(self, value: Any) -> None:
        self._stream.write(json.dumps(value, separators=(",", ":")) + "\n")


def _rows(portion: dict[str, Any]) -> list[Row]:
    columns = [_decoded(tag, column) for tag, column in zip(portion["t"], portion["c"], strict=True)]
    return list(zip(*columns, strict=True))


@dataclass(frozen=True)
class Origin:
    """The run that asked, and the moments that its report is of; what a second rendering of its data shows again."""

    job: str
    run_id: str
    nominal_time: datetime
    window_start: datetime
    window_end: datetime

    def as_json(self) -> dict[str, str]:
        """As the stored file has it."""
        return {
            name: value.isoformat() if isinstance(value, datetime) else str(value) for name, value in vars(self).items()
        }


def join(target: Path, origin: Origin, facts: dict[str, Any], spools: Sequence[Spool]) -> Path:
    """One file of all answers: compressed files in a row are one compressed file.

    Parameters
    ----------
    facts: what else the report says, as JSON: what was known of the data's sources.
    """
    with target.open("wb") as whole:
        whole.write(
            gzip.compress(json.dumps({"version": 1, "origin": origin.as_json(), "facts": facts}).encode() + b"\n", 1)
        )
        for spool in spools:
            with spool.path.open("rb") as part:
                while chunk := part.read(1 << 20):
                    whole.write(chunk)
    return target


def load(path: Path, folder: Path, max_rows: int) -> tuple[Origin, dict[str, Any], dict[str, Answer]]:
    """The answers of a stored file by name, with its origin and facts.

    Parameters
    ----------
    folder: where rows go that a page does not show.
    max_rows: how many rows of each answer a page shows.

    Raises JobFailed (`data_invalid`) for a file that is damaged or of another make.
    """
    answers: dict[str, Answer] = {}
    try:
        with gzip.open(path, "rt", encoding="ascii") as stream:
            head = json.loads(next(stream))
            said = {**head["origin"]}
            for name in ("nominal_time", "window_start", "window_end"):
                said[name] = datetime.fromisoformat(said[name])
            for line in stream:
                begun = json.loads(line)
                answers[begun["query"]] = _answer(begun, stream, folder / f"{len(answers)}.again.gz", max_rows)
            return Origin(**said), dict(head["facts"]), answers
    except (OSError, EOFError, ValueError, KeyError, TypeError, StopIteration) as error:
        raise JobFailed(
            f"{path.name} cannot be read: {type(error).__name__}: {error}", FailureClass.DATA_INVALID
        ) from error


def _answer(begun: dict[str, Any], stream: Iterator[str], spare: Path, max_rows: int) -> Answer:
    """One answer; only where it has more rows than are shown, they are written to a file of their own."""
    spool = Spool(spare, 1 << 62)
    rows: list[Row] = []
    for line in stream:
        found = json.loads(line)
        if "end" in found:
            break
        portion = _rows(found)
        rows.extend(portion[: max(0, max_rows - len(rows))])
        spool.add(portion)
    spool.close()
    more = int(found["end"]) > len(rows)
    return Answer(
        begun["query"],
        tuple(begun["columns"]),
        tuple(rows),
        truncated=more or bool(found["cut"]),
        seconds=float(found["seconds"]),
        found=int(found["end"]),
        cut=bool(found["cut"]),
        rest=spool if more else None,
    )
