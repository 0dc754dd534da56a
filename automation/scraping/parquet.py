"""Items → a Parquet file, some thousands of rows at once.

Owns: the type of each column there. Never: keeps all items in memory.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from automation.errors import FailureClass, JobFailed
from automation.scraping.fields import FieldRule

_GROUP = 5000
_CENTS = Decimal("0.0001")


class ParquetFile:
    """One file; texts, whole numbers, numbers, exact money, truth values, and lists as JSON text.

    Raises JobFailed (CONFIG) when the library for it is not installed.
    """

    def __init__(self, path: Path, columns: Sequence[str], rules: Mapping[str, FieldRule]) -> None:
        try:
            import pyarrow
            from pyarrow import parquet
        except ModuleNotFoundError as error:
            raise JobFailed(
                "Parquet files need a library that is not installed: pip install 'automation[parquet]'",
                FailureClass.CONFIG,
                code="extra",
            ) from error
        kinds = {
            "int": pyarrow.int64(), "number": pyarrow.float64(), "money": pyarrow.decimal128(18, 4),
            "bool": pyarrow.bool_(),
        }  # fmt: skip
        self._kinds = {name: rules[name].type for name in columns if name in rules and not rules[name].many}
        fields = [(name, kinds.get(self._kinds.get(name, "text"), pyarrow.string())) for name in columns]
        self._schema = pyarrow.schema(fields)
        self._writer = parquet.ParquetWriter(path, self._schema, compression="zstd")
        self._table = pyarrow.Table
        self._rows: list[dict[str, Any]] = []

    def write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Append these items."""
        self._rows += [{name: self._value(name, row.get(name)) for name in self._schema.names} for row in rows]
        if len(self._rows) >= _GROUP:
            self._flush()

    def close(self) -> None:
        """Finish the file."""
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        rows, self._rows = self._rows, []
        if rows:
            self._writer.write_table(self._table.from_pylist(rows, schema=self._schema))

    def _value(self, name: str, value: Any) -> Any:
        kind = self._kinds.get(name, "text")
        if value is None or kind in ("int", "number", "bool"):
            return value
        if kind == "money":
            return Decimal(str(value)).quantize(_CENTS)
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
