"""The outbox as people see it: what is in it, and a mail that is sent again or not at all.

Owns: the moves that a person makes.
Never: speaks SMTP; takes a mail from whoever is sending it.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from automation.clock import Clock
from automation.database import reading
from automation.errors import UnknownName
from automation.ledger.mail_rows import MailRow
from automation.ledger.mail_tables import outbox
from automation.ledger.states import MailState

_WAITING = (MailState.QUEUED, MailState.TEMPORARY)
#: What a person may have sent again: what has not left, and what nobody knows the end of.
AGAIN = (*_WAITING, MailState.IN_DOUBT, MailState.PERMANENT, MailState.CANCELLED, MailState.EXPIRED)
#: What may be kept from leaving.
CANCELLABLE = (*_WAITING, MailState.GATHERED, MailState.IN_DOUBT)


class Outbox:
    """The mails, and what people do with them."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine, self._clock = engine, clock

    def get(self, mail_id: int) -> MailRow:
        """One mail. Raises UnknownName."""
        with reading(self._engine) as connection:
            row = connection.execute(sa.select(outbox).where(outbox.c.id == mail_id)).mappings().one_or_none()
        if row is None:
            raise UnknownName("mail", str(mail_id), hint="; see: automation outbox list")
        return MailRow.of(row)

    def list(
        self,
        *,
        states: Sequence[str] = (),
        run_id: str | None = None,
        job: str | None = None,
        recipient: str | None = None,
        limit: int = 50,
        whole: bool = False,
        below: int | None = None,
    ) -> list[MailRow]:
        """Mails, newest first.

        Parameters
        ----------
        below: only those that are older than the one of this number.
        whole: with their messages, which may be large.
        recipient: whose address holds this, case aside.
        """
        columns = outbox.c if whole else [column for column in outbox.c if column is not outbox.c.message]
        empty = [] if whole else [sa.literal(b"").label("message")]
        query = sa.select(*columns, *empty).order_by(outbox.c.id.desc()).limit(limit)
        if states:
            query = query.where(outbox.c.state.in_(list(states)))
        if run_id:
            query = query.where(outbox.c.run_id == run_id)
        if job:
            query = query.where(outbox.c.job == job)
        if below is not None:
            query = query.where(outbox.c.id < below)
        if recipient:
            query = query.where(sa.func.lower(outbox.c.recipient).contains(recipient.lower(), autoescape=True))
        with reading(self._engine) as connection:
            return [MailRow.of(row) for row in connection.execute(query).mappings()]

    def retry(self, mail_id: int) -> bool:
        """Send it now, with tries of its own; False when it left or is leaving.

        One in doubt may arrive a second time, under the same Message-ID.
        """
        values = {
            "state": MailState.QUEUED,
            "due_at": self._clock.now(),
            "finished_at": None,
            "expires_at": None,
            "uncounted": outbox.c.tries,
        }
        return self._move(mail_id, AGAIN, values)

    def cancel(self, mail_id: int, why: str) -> bool:
        """Never send it; False when it left, is leaving, or has ended otherwise."""
        return self._move(
            mail_id, CANCELLABLE, {"state": MailState.CANCELLED, "finished_at": self._clock.now(), "response": why}
        )

    def _move(self, mail_id: int, states: Sequence[str], values: dict[str, object]) -> bool:
        mine = outbox.update().where(outbox.c.id == mail_id, outbox.c.state.in_(states))
        with self._engine.begin() as connection:
            return connection.execute(mine.values(**values)).rowcount == 1
