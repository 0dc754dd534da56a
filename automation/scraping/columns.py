"""The tables of scraped items, for each database.

Owns: the type of each field's column, how two values are compared.
Never: makes a table; writes a row.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

from automation.database import UtcDateTime
from automation.scraping.fields import FieldRule

_PLACES = Decimal("0.0001")
#: MariaDB indexes at most 768 characters of four bytes; all key columns share them.
_INDEXED = 768
_UTF8: dict[str, Any] = {"mysql_charset": "utf8mb4", "mariadb_charset": "utf8mb4"}
_TEXT = sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")


class MoneyColumn(TypeDecorator[Decimal]):
    """NUMERIC(18, 4); SQLite, which has no such type, keeps a REAL that gives back the same four decimals."""

    impl = sa.Numeric
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(sa.Float() if dialect.name == "sqlite" else sa.Numeric(18, 4))

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        if value is None:
            return None
        exact = Decimal(str(value)).quantize(_PLACES)
        return float(exact) if dialect.name == "sqlite" else exact

    def process_result_value(self, value: Any, _dialect: Dialect) -> Decimal | None:
        return None if value is None else Decimal(str(value)).quantize(_PLACES)


class ListColumn(TypeDecorator[list[Any]]):
    """The values of a field with `many`, as JSON text that a person can read."""

    impl = _TEXT
    cache_ok = True

    def process_bind_param(self, value: Any, _dialect: Dialect) -> str | None:
        return None if value is None else json.dumps(value, ensure_ascii=False)

    def process_result_value(self, value: Any, _dialect: Dialect) -> list[Any] | None:
        return None if value is None else list(json.loads(value))


def item_table(name: str, fields: Mapping[str, FieldRule], key: Sequence[str], dialect: str) -> sa.Table:
    """The table as the fields want it; key columns are its primary key."""
    schema, _, plain = name.rpartition(".")
    columns: list[sa.Column[Any]] = []
    for field, rule in fields.items():
        kind = _key_type(rule, key, dialect) if field in key else _type(rule)
        columns.append(sa.Column(field, kind, primary_key=field in key, autoincrement=False))
        if rule.type == "money" and not rule.many:
            columns.append(sa.Column(f"{field}_currency", sa.String(16)))
        if rule.download:
            columns.append(sa.Column(f"{field}_file", ListColumn() if rule.many else _TEXT))
    columns += [sa.Column(own, UtcDateTime()) for own in ("first_seen", "last_seen", "changed_at", "gone_at")]
    columns.append(sa.Column("run_id", sa.String(64), index=True))
    return sa.Table(plain, sa.MetaData(), *columns, schema=schema or None, **_UTF8)


def migrations_table(schema: str | None) -> sa.Table:
    """One row for each column that a run added to a table that was there."""
    return sa.Table(
        "automation_migrations",
        sa.MetaData(),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True),
        sa.Column("items_table", sa.String(100), nullable=False),
        sa.Column("column_name", sa.String(64), nullable=False),
        sa.Column("statement", _TEXT, nullable=False),
        sa.Column("run_id", sa.String(64), nullable=False, index=True),
        sa.Column("at", UtcDateTime(), nullable=False),
        schema=schema,
        **_UTF8,
    )


def changes_table(items: sa.Table) -> sa.Table:
    """One row for each value that changed: the item's key, the field, both values as text, when, by which run."""
    return sa.Table(
        f"{items.name}_changes",
        sa.MetaData(),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True),
        sa.Column("key", _TEXT, nullable=False),
        sa.Column("field", sa.String(64), nullable=False),
        sa.Column("old", _TEXT),
        sa.Column("new", _TEXT),
        sa.Column("at", UtcDateTime(), nullable=False, index=True),
        sa.Column("run_id", sa.String(64), nullable=False),
        schema=items.schema,
        **_UTF8,
    )


def comparable(value: Any) -> Any:
    """A value as it is compared with the one in the table: money at four decimals, whatever else as it is."""
    return value.quantize(_PLACES) if isinstance(value, Decimal) else value


def longest_key(key: Sequence[str], dialect: str) -> int | None:
    """How many characters a key column takes at most; None where there is no such limit."""
    return _INDEXED // max(len(key), 1) if dialect in ("mysql", "mariadb") else None


def _type(rule: FieldRule) -> TypeEngine[Any]:
    if rule.many:
        return ListColumn()
    kinds: dict[str, TypeEngine[Any]] = {
        "int": sa.BigInteger(), "number": sa.Double(), "money": MoneyColumn(), "bool": sa.Boolean(), "date": sa.String(40),
    }  # fmt: skip
    return kinds.get(rule.type, _TEXT)


def _key_type(rule: FieldRule, key: Sequence[str], dialect: str) -> TypeEngine[Any]:
    longest = longest_key(key, dialect)
    if rule.type in ("int", "bool") or longest is None:
        return _type(rule)
    # MariaDB compares texts without regard to case unless told; two URLs that differ in case are two items.
    return sa.String(longest, collation="utf8mb4_bin")
