"""Columns and values of an archive in a table, also where its database is of another kind.

Owns: which type a column gets there, a value as it is put there, and the form in which both sides of a copy are compared.
Never: lets a value through that is another one afterwards: what no type there can hold is refused, by its type or when it is read back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.types import TypeEngine

from automation.cleanup.schema import Target
from automation.cleanup.values import bindable, row_line
from automation.errors import FailureClass, JobFailed

_MYSQL = ("mysql", "mariadb")
#: The longest text that can be a key of MariaDB.
_KEY_LENGTH = 700


class Kinds(Protocol):
    """How the columns of a table are kept."""

    def type_of(self, name: str) -> TypeEngine[Any]:
        """Of the column in the archive."""
        ...

    def put(self, name: str, value: Any) -> Any:
        """A value as the archive's driver takes it."""
        ...

    def same(self, names: Sequence[str], row: Sequence[Any]) -> bytes:
        """A form of a row, as read from either side, that is equal when the values are."""
        ...

    def read(self, target: Target, name: str, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        """The archive's column as it is read back."""
        ...


@dataclass(frozen=True)
class SameKinds:
    """The archive's database is of the same kind: types and values stay as they are."""

    target: Target

    def type_of(self, name: str) -> TypeEngine[Any]:
        """A column of SQLite without a type takes any value, and so does one that is called BLOB."""
        kind = self.target.types[name]
        return sa.LargeBinary() if isinstance(kind, sa.types.NullType) else kind

    def put(self, name: str, value: Any) -> Any:  # noqa: ARG002
        """See Kinds."""
        return bindable(value)

    def same(self, names: Sequence[str], row: Sequence[Any]) -> bytes:  # noqa: ARG002
        """See Kinds."""
        return row_line(row)

    def read(self, target: Target, name: str, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        """See Kinds."""
        return target.exact(name, column)


@dataclass(frozen=True)
class _Kind:
    """What both databases have.

    Parameters
    ----------
    types: of PostgreSQL, MariaDB and SQLite; None where it has none.
    plain: a value as SQLite keeps it, and as both sides are compared.
    """

    types: tuple[TypeEngine[Any] | None, TypeEngine[Any] | None, TypeEngine[Any] | None]
    plain: Callable[[Any], Any]


class OtherKinds:
    """The archive's database is of another kind.

    Raises JobFailed (config) for a column whose type has no counterpart there.
    """

    def __init__(self, target: Target, source: str, to: sa.Dialect) -> None:
        self._to, self._target = _place(to.name), target
        self._mariadb = bool(getattr(to, "is_mariadb", False))
        self._kinds = {name: _kind_of(kind, source) for name, kind in target.types.items()}
        for name, kind in self._kinds.items():
            if kind is None or kind.types[self._to] is None:
                raise JobFailed(
                    f"column '{name}' of '{target.name.table}' is {target.types[name]!s}, which {to.name} has no type for; "
                    'archive to "jsonl", or to a database of the same kind',
                    FailureClass.CONFIG,
                )

    def _kind(self, name: str) -> _Kind:
        kind = self._kinds[name]
        assert kind is not None
        return kind

    def type_of(self, name: str) -> TypeEngine[Any]:
        """Texts and bytes of a key have a length in MariaDB."""
        kind = self._kind(name)
        collation = "utf8mb4_nopad_bin" if self._mariadb else "utf8mb4_0900_bin"
        found = kind.types[self._to]
        assert found is not None
        if self._to != 1 or kind not in (_TEXT, _BYTES):
            return found
        if name not in self._target.primary:
            return mysql.LONGTEXT(charset="utf8mb4", collation=collation) if kind is _TEXT else found
        if kind is _BYTES:
            return mysql.VARBINARY(_KEY_LENGTH)
        return mysql.VARCHAR(_KEY_LENGTH, charset="utf8mb4", collation=collation)

    def put(self, name: str, value: Any) -> Any:
        """SQLite has numbers, texts and bytes; the others have a type for each."""
        if value is None:
            return None
        kind = self._kind(name)
        if self._to == 2:
            return kind.plain(value)
        if kind is _INSTANT:
            moment = value if value.tzinfo else value.replace(tzinfo=UTC)
            return moment if self._to == 0 else moment.astimezone(UTC).replace(tzinfo=None)
        if kind is _UUID:
            return str(value)
        return bool(value) if kind is _BOOLEAN and self._to == 0 else value

    def same(self, names: Sequence[str], row: Sequence[Any]) -> bytes:
        """What each value is, whatever driver read it."""
        return row_line(
            [None if value is None else self._kind(name).plain(value) for name, value in zip(names, row, strict=True)]
        )

    def read(self, target: Target, name: str, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:  # noqa: ARG002
        """See Kinds."""
        return column


def _place(dialect: str) -> int:
    return 1 if dialect in _MYSQL else ("postgresql", "", "sqlite").index(dialect)


def _number(value: Any) -> Any:
    """1.50 and 1.5 are the same; a whole number of SQLite is one of the same value."""
    number = Decimal(str(value))
    if not number:
        return "0"
    # normalize() would round to the digits of the context.
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _real(value: Any) -> float:
    found = float(value)
    if found != value:
        raise ValueError(f"{value} has more digits than a number there")
    return found


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r:.60} is no text")
    return value


def _moment(value: Any) -> str:
    if isinstance(value, str):
        return value
    shown = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
    return str(shown.isoformat(sep=" "))


def _day(value: Any) -> str:
    return value if isinstance(value, str) else date.isoformat(value)


def _clock(value: Any) -> str:
    """MariaDB's driver reads a time as a span."""
    if isinstance(value, timedelta):
        value = (
            (datetime.combine(date.min, time()) + value).time() if timedelta() <= value < timedelta(days=1) else value
        )
    return value.isoformat() if isinstance(value, time) else str(value)


def _span(value: Any) -> int:
    return int(value // timedelta(microseconds=1))


_INTEGER = _Kind((sa.BigInteger(), sa.BigInteger(), sa.Integer()), int)
_UNSIGNED = _Kind((sa.Numeric(20, 0), None, sa.Text()), _number)
_REAL = _Kind((sa.Double(), mysql.DOUBLE(), sa.REAL()), _real)
_TEXT = _Kind((sa.Text(), mysql.LONGTEXT(), sa.Text()), _text)
_BYTES = _Kind((postgresql.BYTEA(), mysql.LONGBLOB(), sqlite.BLOB()), bytes)
_BOOLEAN = _Kind((sa.Boolean(), mysql.TINYINT(1), sa.Integer()), int)
_DAY = _Kind((sa.Date(), sa.Date(), sa.Text()), _day)
_MOMENT = _Kind((sa.TIMESTAMP(), mysql.DATETIME(fsp=6), sa.Text()), _moment)
_INSTANT = _Kind((sa.TIMESTAMP(timezone=True), mysql.DATETIME(fsp=6), sa.Text()), _moment)
_CLOCK = _Kind((sa.Time(), mysql.TIME(fsp=6), sa.Text()), _clock)
_SPAN = _Kind((postgresql.INTERVAL(), None, None), _span)
_UUID = _Kind((postgresql.UUID(), mysql.CHAR(36), sa.Text()), str)


def _kind_of(kind: TypeEngine[Any], source: str) -> _Kind | None:
    """What a column holds; None for what no other database has."""
    if source == "sqlite":
        return _of_sqlite(kind)
    for kinds, found in _BY_TYPE:
        if isinstance(kind, kinds):
            return found
    if isinstance(kind, sa.Integer):
        unsigned = getattr(kind, "unsigned", False) and isinstance(kind, sa.BigInteger)
        return _UNSIGNED if unsigned else _INTEGER
    if isinstance(kind, sa.Numeric) and not kind.precision:
        return _Kind((None, None, sa.Text()), _number)
    if isinstance(kind, sa.Numeric) and kind.precision:
        digits, scale = kind.precision, kind.scale or 0
        exact = sa.Numeric(digits, scale)
        return _Kind((exact, exact if digits <= 65 and 0 <= scale <= min(30, digits) else None, sa.Text()), _number)
    if isinstance(kind, sa.DateTime):
        return _INSTANT if isinstance(kind, mysql.TIMESTAMP) or kind.timezone else _MOMENT
    if isinstance(kind, sa.Time) and not kind.timezone:
        return _SPAN if source in _MYSQL else _CLOCK
    return None


_BY_TYPE: tuple[tuple[Any, _Kind], ...] = (
    (sa.Boolean, _BOOLEAN),
    (sa.Float, _REAL),
    ((sa.JSON, sa.String), _TEXT),
    (sa.types._Binary, _BYTES),
    (sa.Date, _DAY),
    (sa.Uuid, _UUID),
)


def _of_sqlite(kind: TypeEngine[Any]) -> _Kind:
    """Its columns hold whatever was put there; dates are texts and stay what they are. What does not fit is refused when it is read back."""
    if isinstance(kind, sa.Integer | sa.Boolean):
        return _INTEGER
    if isinstance(kind, sa.Numeric | sa.Float):
        return _REAL
    return _BYTES if isinstance(kind, sa.types._Binary | sa.types.NullType) else _TEXT
