"""Items → CSV, JSON Lines and Parquet, written as they come.

Owns: the files, and cells that no spreadsheet takes for a formula.
Never: keeps items in memory.
"""

from __future__ import annotations

import csv
import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any

from automation.scraping.fields import FieldRule
from automation.scraping.parquet import ParquetFile

_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)*%?", re.ASCII)
MEDIA = {
    "csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson", "parquet": "application/vnd.apache.parquet",
}  # fmt: skip


class Exports:
    """The export files of one run, in a folder.

    Parameters
    ----------
    columns: of CSV and Parquet, in order.
    rules: the fields, by which the columns of Parquet have their types.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        forms: Sequence[str],
        columns: Sequence[str],
        rules: Mapping[str, FieldRule] = MappingProxyType({}),
    ) -> None:
        self.files = {form: folder / f"{name}.{form}" for form in dict.fromkeys(forms)}
        self._open: dict[str, IO[str]] = {
            form: path.open("w", encoding="utf-8", newline="") for form, path in self.files.items() if form != "parquet"
        }
        self._parquet = ParquetFile(self.files["parquet"], columns, rules) if "parquet" in self.files else None
        self._columns = list(columns)
        self._csv = csv.writer(self._open["csv"]) if "csv" in self._open else None
        if self._csv:
            self._csv.writerow(self._columns)

    def write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Append these items."""
        if self._parquet:
            self._parquet.write(rows)
        for row in rows:
            if self._csv:
                self._csv.writerow([cell(row.get(name)) for name in self._columns])
            if "jsonl" in self._open:
                self._open["jsonl"].write(json.dumps(row, ensure_ascii=False, default=_plain) + "\n")

    def close(self) -> None:
        """Finish the files."""
        if self._parquet:
            self._parquet.close()
        for file in self._open.values():
            file.close()


def cell(value: Any) -> str | int | float:
    """A value as a CSV cell; a text that a spreadsheet would run as a formula gets a leading apostrophe."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return _plain(value)
    if isinstance(value, (int, float)):
        return value
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=_plain)
    return f"'{text}" if _runs(text) else text


def _runs(text: str) -> bool:
    if text[:1] in ("\t", "\r", "\n"):
        return True
    start = unicodedata.normalize("NFKC", text).lstrip(" \"'\u00a0")
    return start[:1] in ("=", "+", "-", "@") and not _NUMBER.fullmatch(text.strip())


def _plain(value: Any) -> str:
    return f"{value.normalize():f}" if isinstance(value, Decimal) else str(value)
