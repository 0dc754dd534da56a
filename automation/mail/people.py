"""Who gets a mail: rows of a query or of a CSV file, each its own mail, or grouped into one.

Owns: the key that tells mails apart, and what is wrong with a list.
Never: asks a database.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from automation.errors import FailureClass, JobFailed
from automation.text import printable

Keyed = tuple[str, dict[str, Any]]
_LONGEST_KEY = 200


class ForCsv(BaseModel):
    """A CSV file that gives one mail a row; its first line names the columns.

    Parameters
    ----------
    file: seen from the project's folder.
    key: the column that tells the rows apart; default: the row's number.
    delimiter: what stands between two values.
    encoding: of the file; a mark at its beginning is no part of the first name.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: str = Field(min_length=1)
    key: str | None = None
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    encoding: str = "utf-8-sig"


def rows_of_csv(path: Path, source: ForCsv, most: int) -> list[dict[str, Any]]:
    """The rows. Raises JobFailed with the file, the line and what is wrong there."""
    try:
        with path.open(encoding=source.encoding, newline="") as file:
            return list(_checked(csv.reader(file, delimiter=source.delimiter, strict=True), path.name, most))
    except OSError as error:
        raise JobFailed(f"for_csv: {path}: {error.strerror or error}", FailureClass.CONFIG) from error
    except (UnicodeDecodeError, LookupError) as error:
        hint = f"for_csv: {path.name} is not {source.encoding}: {error}; set encoding, such as cp1252"
        raise JobFailed(hint, FailureClass.DATA_INVALID) from error
    except csv.Error as error:
        raise JobFailed(f"for_csv: {path.name}: {error}", FailureClass.DATA_INVALID) from error


def _checked(lines: Any, name: str, most: int) -> Iterator[dict[str, Any]]:
    head = [title.strip() for title in next(lines, [])]
    if not head or len(set(head)) < len(head) or "" in head:
        raise JobFailed(
            f"for_csv: {name}: its first line must name each column once; it is: {printable(', '.join(head), 200)}",
            FailureClass.DATA_INVALID,
        )
    found = 0
    for line in lines:
        if not any(value.strip() for value in line):
            continue
        found += 1
        if len(line) != len(head):
            raise JobFailed(
                f"for_csv: {name}, line {lines.line_num}: {len(line)} values for {len(head)} columns; "
                "a value with the delimiter in it stands in quotes",
                FailureClass.DATA_INVALID,
            )
        if found > most:
            raise JobFailed(
                f"for_csv: {name} has more than {most:,} rows, which is max_recipients; nothing was sent",
                FailureClass.DATA_INVALID,
            )
        yield dict(zip(head, line, strict=True))


def keyed(rows: Iterable[dict[str, Any]], column: str | None, what: str) -> Iterator[Keyed]:
    """Each row with its key. Raises JobFailed for a column that is not there, and a key that is empty or comes twice."""
    seen: set[str] = set()
    for number, row in enumerate(rows, start=1):
        key = str(number) if column is None else _key(row, column, number, what)
        if key in seen:
            raise JobFailed(
                f"{what}: {column} is '{printable(key, 60)}' in more than one row; choose a key that is unique, "
                "or group_by to make one mail of them",
                FailureClass.DATA_INVALID,
            )
        seen.add(key)
        yield key, row


def grouped(rows: Iterable[dict[str, Any]], column: str, what: str) -> Iterator[Keyed]:
    """One mail for each value of a column, in the order of the first; `rows` are all rows of it, the first one is `row`."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for number, row in enumerate(rows, start=1):
        groups.setdefault(_key(row, column, number, what), []).append(row)
    for key, some in groups.items():
        yield key, {"row": some[0], "rows": some}


def _key(row: dict[str, Any], column: str, number: int, what: str) -> str:
    if column not in row:
        raise JobFailed(
            f"{what} gives no column '{column}' for its key; there is: {', '.join(row)}", FailureClass.CONFIG
        )
    value = row[column]
    if value is None or str(value).strip() == "":
        said = "NULL" if value is None else "empty"
        raise JobFailed(f"{what}: the key '{column}' is {said} in row {number}", FailureClass.DATA_INVALID)
    key = str(value)
    if len(key) > _LONGEST_KEY:
        raise JobFailed(
            f"{what}: the key '{printable(key, 60)}' is longer than 200 characters", FailureClass.DATA_INVALID
        )
    return key
