"""Mails that are gathered: which of them are to become one, and the move that makes them so.

Owns: one mail for each digest, closing time and recipient, whoever closes it and however often.
Never: makes a message.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from automation.clock import Clock
from automation.database import insert_or_ignore, reading
from automation.ledger.mail_rows import MailRow
from automation.ledger.mail_tables import outbox
from automation.ledger.states import MailState

_MOST = 1000
_IN_ORDER = (outbox.c.created_at, outbox.c.id)


@dataclass(frozen=True)
class Closing:
    """What is to become one mail."""

    digest: str
    recipient: str
    server: str
    closes_at: datetime


class Digests:
    """Gathered mails and their ends."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine, self._clock = engine, clock

    def due(self, limit: int = 100) -> list[Closing]:
        """What has closed and is not yet one mail; what closed at different times, while nobody was there, apart."""
        columns = (outbox.c.digest, outbox.c.recipient, outbox.c.server, outbox.c.due_at)
        closed = (outbox.c.state == MailState.GATHERED) & (outbox.c.due_at <= self._clock.now())
        query = sa.select(*columns).where(closed).distinct().order_by(outbox.c.due_at).limit(limit)
        with reading(self._engine) as connection:
            return [Closing(*row) for row in connection.execute(query)]

    def gathered(self, closing: Closing) -> list[MailRow]:
        """The mails of one closing, in the order of being recorded; of very many the first."""
        query = sa.select(outbox).where(_of(closing)).order_by(*_IN_ORDER).limit(_MOST)
        with reading(self._engine) as connection:
            return [MailRow.of(row) for row in connection.execute(query).mappings()]

    def close(self, closing: Closing, some: Sequence[MailRow], mail: dict[str, Any], next_close: datetime) -> bool:
        """Put the one mail into the outbox and end these for it, in one transaction.

        Where that closing has its mail already, since one was recorded as it closed, these wait for the next. False, with
        nothing written, when one of them was cancelled meanwhile, or somebody else was first.
        """
        ids = [one.id for one in some]
        mine = outbox.update().where(outbox.c.id.in_(ids), outbox.c.state == MailState.GATHERED)
        with self._engine.begin() as connection:
            new = connection.execute(insert_or_ignore(outbox, connection.dialect.name), [mail]).rowcount == 1
            said = f"in the digest {closing.digest}: {mail['subject']}"
            ended = {"state": MailState.BUNDLED, "finished_at": self._clock.now(), "response": said[:1000]}
            moved = connection.execute(mine.values(**(ended if new else {"due_at": next_close}))).rowcount
            if moved != len(ids):
                connection.rollback()
                return False
        return new


def _of(closing: Closing) -> sa.ColumnElement[bool]:
    return sa.and_(
        outbox.c.state == MailState.GATHERED,
        outbox.c.digest == closing.digest,
        outbox.c.recipient == closing.recipient,
        outbox.c.server == closing.server,
        outbox.c.due_at == closing.closes_at,
    )
