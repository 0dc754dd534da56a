"""The versions of watched pages, in a table: `automation_watched`.

Owns: which version a run compares with, also when it is a second attempt; all that are kept, for people. Never: compares.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from automation.database import UtcDateTime

_TEXT = sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
_TABLE = sa.Table(
    "automation_watched",
    sa.MetaData(),
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True),
    sa.Column("job", sa.String(200), nullable=False, index=True),
    sa.Column("what", sa.String(64), nullable=False),
    sa.Column("run_id", sa.String(64), nullable=False),
    sa.Column("at", UtcDateTime(), nullable=False),
    sa.Column("content", _TEXT, nullable=False),
    sa.Column("url", _TEXT),
    sa.Column("kind", sa.String(8)),
    mysql_charset="utf8mb4",
    mariadb_charset="utf8mb4",
)
#: Columns that older tables have not.
_LATER = ("url", "kind")


@dataclass(frozen=True)
class Version:
    """A page as it was at a moment.

    Parameters
    ----------
    number: unique in its table, and growing.
    kind: how it is compared with another one: `text`, `json`, `table` or `value`.
    what: the same for versions that are comparable.
    """

    number: int
    what: str
    at: datetime
    run_id: str
    url: str
    kind: str
    content: str


def versions_of(engine: sa.Engine, job: str, url: str | None = None) -> Sequence[Version]:
    """What is kept of the pages that a job watches, or of one of them; newest first."""
    with engine.connect() as connection:
        if not sa.inspect(connection).has_table(_TABLE.name):
            return ()
    own = _TABLE.c
    with engine.begin() as connection:
        _make_ready(connection)
        wanted = sa.and_(own.job == job[:200], *([own.url == url] if url is not None else []))
        found = connection.execute(sa.select(_TABLE).where(wanted).order_by(own.id.desc())).all()
    return [
        Version(row.id, row.what, row.at, row.run_id, row.url or "", row.kind or "text", row.content) for row in found
    ]


def _make_ready(connection: sa.Connection) -> None:
    _TABLE.create(connection, checkfirst=True)
    there = {column["name"] for column in sa.inspect(connection).get_columns(_TABLE.name)}
    for name in _LATER:
        if name not in there:
            kind = _TABLE.c[name].type.compile(connection.dialect)
            connection.execute(sa.text(f"ALTER TABLE {_TABLE.name} ADD COLUMN {name} {kind}"))


class Versions:
    """The versions of one page as one job reads it.

    Parameters
    ----------
    what: a digest of the page and of what is compared; another reading begins anew.
    url, kind: written beside each version, for people.
    """

    def __init__(self, engine: sa.Engine, job: str, what: str, *, url: str, kind: str) -> None:
        self._engine, self._job, self._what = engine, job[:200], what
        self._told = {"url": url, "kind": kind}

    def last(self, run_id: str) -> tuple[str, datetime] | None:
        """The newest version that another run saw, and when; an earlier attempt of this run does not count."""
        with self._engine.begin() as connection:
            _make_ready(connection)
            mine = sa.and_(self._mine, _TABLE.c.run_id != run_id)
            found = sa.select(_TABLE.c.content, _TABLE.c.at).where(mine).order_by(_TABLE.c.id.desc()).limit(1)
            row = connection.execute(found).one_or_none()
        return None if row is None else (row.content, row.at)

    def keep(self, run_id: str, at: datetime, content: str, most: int) -> None:
        """Add the version that this run saw; only the newest `most` stay."""
        own = _TABLE.c
        with self._engine.begin() as connection:
            connection.execute(sa.delete(_TABLE).where(self._mine, own.run_id == run_id))
            row = {"job": self._job, "what": self._what, "run_id": run_id, "at": at, "content": content, **self._told}
            connection.execute(sa.insert(_TABLE).values(row))
            kept = (
                connection.execute(sa.select(own.id).where(self._mine).order_by(own.id.desc()).limit(most))
                .scalars()
                .all()
            )
            connection.execute(sa.delete(_TABLE).where(self._mine, own.id < kept[-1]))

    @property
    def _mine(self) -> sa.ColumnElement[bool]:
        return sa.and_(_TABLE.c.job == self._job, _TABLE.c.what == self._what)
