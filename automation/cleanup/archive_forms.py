"""The forms of an archive's file: lines of JSON, CSV, Parquet; making each of the first, and reading all of them.

Owns: what stands for an empty value and for bytes in CSV, which columns Parquet has types for.
Never: knows a database.
"""

from __future__ import annotations

import csv
import os
import zlib
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from automation.cleanup.values import dumps, loads
from automation.errors import FailureClass, InvalidInput, JobFailed

FORMS = ("jsonl", "csv", "parquet")
_ROWS_AT_ONCE = 20_000
_MARK = "automation archive 1"
_ODD = b"automation"


def finished_path(part: Path, form: str) -> Path:
    """What a `.NAME.jsonl.part` is called in the end."""
    return part.with_name(f"{part.name.removeprefix('.').removesuffix('.jsonl.part')}.{form}")


def convert(part: Path, form: str) -> Path:
    """Give a finished `.NAME.jsonl.part` its name and form, which is read back and compared.

    The part of another form stays, so that after a kill it can be done once more.
    """
    target = finished_path(part, form)
    if form == "jsonl":
        part.replace(target)
        return target
    unfinished = target.with_name(f".{target.name}.part")
    unfinished.unlink(missing_ok=True)
    unfinished.touch(mode=0o600)
    _to_csv(part, unfinished) if form == "csv" else _to_parquet(part, unfinished)
    with unfinished.open("rb+") as stream:
        os.fsync(stream.fileno())
    if _fingerprint(part, "jsonl", as_text=form == "csv") != _fingerprint(unfinished, form, as_text=form == "csv"):
        raise JobFailed(
            f"{unfinished} does not hold the rows of {part}; the rows are all in the latter", FailureClass.UNKNOWN
        )
    unfinished.replace(target)
    return target


def read(path: Path, form: str | None = None) -> tuple[list[str], Iterator[list[Any]]]:
    """The columns and the rows of an archive. Raises InvalidInput for a file that is none."""
    name = path.name.lower().removesuffix(".part" if path.name.endswith(".jsonl.part") else "")
    form = form or name.rpartition(".")[2]
    if form not in FORMS:
        raise InvalidInput(f"{path} is no archive; it ends with {', '.join('.' + one for one in FORMS)}")
    if not path.is_file():
        raise InvalidInput(f"there is no file {path}")
    return {"jsonl": _read_jsonl, "csv": _read_csv, "parquet": _read_parquet}[form](path)


def cell(value: Any) -> str:
    r"""A value as text: `\N` for an empty one, `\x…` for bytes, a backslash at the front doubled."""
    if value is None:
        return r"\N"
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, (bytes, bytearray, memoryview)):
        return r"\x" + bytes(value).hex()
    if isinstance(value, (list, dict)):
        return dumps(value)
    if isinstance(value, timedelta):
        return _clock(value)
    text = str(value)
    return "\\" + text if text.startswith("\\") else text


def _clock(value: timedelta) -> str:
    """`-100:00:01.5`, which TIME and INTERVAL columns both read."""
    micros = abs(value) // timedelta(microseconds=1)
    seconds, micros = divmod(micros, 1_000_000)
    sign = "-" if value < timedelta() else ""
    return f"{sign}{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{micros:06}"


def uncell(text: str) -> Any:
    """The value that a cell stands for; numbers and moments stay text, which the database reads by its column."""
    if not text.startswith("\\"):
        return text
    if text == r"\N":
        return None
    return bytes.fromhex(text[2:]) if text.startswith(r"\x") else text[1:]


def _fingerprint(path: Path, form: str, *, as_text: bool) -> tuple[int, int]:
    rows = crc = 0
    for row in read(path, form)[1]:
        line = "\0".join(one if isinstance(one, str) else cell(one) for one in row) if as_text else dumps(row)
        rows, crc = rows + 1, zlib.crc32(line.encode("utf-8", "surrogatepass"), crc)
    return rows, crc


def _read_jsonl(path: Path) -> tuple[list[str], Iterator[list[Any]]]:
    def rows() -> Iterator[list[Any]]:
        with path.open("rb") as stream:
            next(stream)
            for number, line in enumerate(stream, 2):
                if path.suffix == ".part" and not line.endswith(b"\n"):
                    return  # a kill cut it off; its row never went
                try:
                    yield loads(line.decode("utf-8"))
                except (ValueError, KeyError) as error:
                    raise InvalidInput(f"{path}:{number}: is no row of an archive: {error}") from error

    try:
        with path.open("rb") as stream:
            mark, _table, columns, *_ = loads(stream.readline().decode("utf-8"))
    except (ValueError, TypeError) as error:
        raise InvalidInput(f"{path} is no archive: its first line does not say so") from error
    if mark != _MARK:
        raise InvalidInput(f"{path} is no archive that this version reads: it says {mark!r:.60}")
    return columns, rows()


def _to_csv(source: Path, target: Path) -> None:
    columns, rows = _read_jsonl(source)
    with target.open("w", encoding="utf-8", errors="surrogatepass", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(columns)
        writer.writerows([cell(value) for value in row] for row in rows)


def _read_csv(path: Path) -> tuple[list[str], Iterator[list[Any]]]:
    def rows() -> Iterator[list[Any]]:
        with path.open(encoding="utf-8", errors="surrogatepass", newline="") as stream:
            lines = csv.reader(stream)
            next(lines)
            for row in lines:
                yield [uncell(text) for text in row]

    csv.field_size_limit(1 << 30)
    with path.open(encoding="utf-8", errors="surrogatepass", newline="") as stream:
        return next(csv.reader(stream), []), rows()


def _arrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ModuleNotFoundError as error:
        raise InvalidInput("pyarrow is not installed; run: pip install 'automation[parquet]', or use jsonl") from error
    return pyarrow, pyarrow.parquet


def require(form: str) -> None:
    """Raise InvalidInput when a form needs a package that is not there: before the first row goes."""
    if form == "parquet":
        _arrow()


def _to_parquet(source: Path, target: Path) -> None:
    arrow, parquet = _arrow()
    columns, rows = _read_jsonl(source)
    kinds: list[set[Any]] = [set() for _ in columns]
    for row in rows:
        for seen, value in zip(kinds, row, strict=True):
            seen.add(_kind(value))
    fields = [_field(arrow, name, seen - {None}) for name, seen in zip(columns, kinds, strict=True)]
    schema = arrow.schema(fields)
    with parquet.ParquetWriter(target, schema, compression="zstd") as writer:
        for part in _parts(_read_jsonl(source)[1]):
            arrays = [
                arrow.array([_stored(value, field) for value in values], field.type)
                for values, field in zip(zip(*part, strict=True), fields, strict=True)
            ]
            writer.write_batch(arrow.record_batch(arrays, schema=schema))


def _kind(value: Any) -> Any:
    """What decides about a column's type; a whole number that no column of Parquet holds is a kind of its own."""
    if isinstance(value, int) and not isinstance(value, bool):
        return int if -(1 << 63) <= value < 1 << 63 else "large"
    if isinstance(value, datetime):
        return "aware" if value.tzinfo else datetime
    if isinstance(value, str) and not value.isprintable():
        return str if value.encode("utf-8", "replace").decode() == value else "odd"
    return None if value is None else type(value)


def _field(arrow: Any, name: str, kinds: set[Any]) -> Any:
    """Columns of one kind that Parquet has keep it; all others are JSON, and say so."""
    known = {
        bool: arrow.bool_(), int: arrow.int64(), float: arrow.float64(), str: arrow.string(), bytes: arrow.binary(),
        date: arrow.date32(), datetime: arrow.timestamp("us"),
    }  # fmt: skip
    if len(kinds) == 1 and (kind := next(iter(kinds))) in known:
        return arrow.field(name, known[kind])
    return arrow.field(name, arrow.string(), metadata={_ODD: b"json"})


def _is_json(field: Any) -> bool:
    return bool(field.metadata and field.metadata.get(_ODD) == b"json")


def _stored(value: Any, field: Any) -> Any:
    return dumps(value) if value is not None and _is_json(field) else value


def _read_parquet(path: Path) -> tuple[list[str], Iterator[list[Any]]]:
    _, parquet = _arrow()

    def rows() -> Iterator[list[Any]]:
        with parquet.ParquetFile(path) as file:
            odd = [_is_json(field) for field in file.schema_arrow]
            for batch in file.iter_batches(batch_size=_ROWS_AT_ONCE):
                for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                    yield [
                        loads(one) if is_odd and one is not None else one for one, is_odd in zip(row, odd, strict=True)
                    ]

    with parquet.ParquetFile(path) as file:
        return list(file.schema_arrow.names), rows()


def _parts(rows: Iterator[list[Any]]) -> Iterator[Sequence[list[Any]]]:
    part: list[list[Any]] = []
    for row in rows:
        part.append(row)
        if len(part) == _ROWS_AT_ONCE:
            yield part
            part = []
    if part:
        yield part
