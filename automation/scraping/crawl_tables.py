"""The tables in which crawls write down how far they are.

Owns: their columns. Never: reads or writes a row.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from automation.database import UtcDateTime

_TEXT = sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
_UTF8: dict[str, Any] = {"mysql_charset": "utf8mb4", "mariadb_charset": "utf8mb4"}


def crawl_tables(schema: str | None) -> tuple[sa.Table, sa.Table]:
    """`automation_crawls` and `automation_pages`."""
    metadata = sa.MetaData(schema=schema)
    crawls = sa.Table(
        "automation_crawls",
        metadata,
        sa.Column("run_id", sa.String(64), primary_key=True),
        sa.Column("source", sa.String(200), nullable=False, index=True),
        sa.Column("items_table", sa.String(100), nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("plan", sa.String(64), nullable=False),
        sa.Column("progress", _TEXT, nullable=False),
        sa.Column("began_at", UtcDateTime(), nullable=False),
        sa.Column("saved_at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime()),
        sa.Column("kept", sa.BigInteger),
        sa.Column("complete", sa.Boolean),
        sa.Column("good", sa.Boolean),
        **_UTF8,
    )
    pages = sa.Table(
        "automation_pages",
        metadata,
        sa.Column("run_id", sa.String(64), primary_key=True),
        sa.Column("turn", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.SmallInteger, nullable=False),
        sa.Column("url", _TEXT, nullable=False),
        sa.Column("depth", sa.Integer, nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("done", sa.Boolean, nullable=False),
        sa.Column("mark", sa.String(32), nullable=False),
        sa.Column("item", _TEXT),
        sa.Column("errand", _TEXT),
        **_UTF8,
    )
    return crawls, pages


def staged_table(schema: str | None) -> sa.Table:
    """`automation_staged`: items as JSON, in their order."""
    return sa.Table(
        "automation_staged",
        sa.MetaData(schema=schema),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True),
        sa.Column("run_id", sa.String(64), nullable=False, index=True),
        sa.Column("whole", sa.Boolean, nullable=False),
        sa.Column("item", _TEXT, nullable=False),
        **_UTF8,
    )
