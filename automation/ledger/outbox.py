"""The outbox: mails recorded with an idempotency key before any is sent.

Owns: the rows' states and who may send one now.
Never: speaks SMTP.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from automation.clock import Clock
from automation.database import reading
from automation.errors import UnknownName
from automation.ledger.rows import MailRow
from automation.ledger.states import MailState
from automation.ledger.tables import outbox

_WAITING = (MailState.QUEUED, MailState.TEMPORARY)


class Outbox:
    """The moves of a mail."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine, self._clock = engine, clock

    def due(self, *, run_id: str | None = None, limit: int = 100) -> list[int]:
        """Ids of mails to be sent now, oldest first; of one run only, if said."""
        now = self._clock.now()
        waits = outbox.c.state.in_(_WAITING) & (outbox.c.due_at <= now)
        condition = waits if run_id is None else waits & (outbox.c.run_id == run_id)
        with reading(self._engine) as connection:
            return list(connection.scalars(sa.select(outbox.c.id).where(condition).order_by(outbox.c.id).limit(limit)))

    def claim(self, mail_id: int, lease: timedelta) -> MailRow | None:
        """Take a mail to send it; None when somebody else has it or it is done."""
        now = self._clock.now()
        take = outbox.update().where(outbox.c.id == mail_id, outbox.c.state.in_(_WAITING), outbox.c.due_at <= now)
        values = {"state": MailState.SENDING, "lease_until": now + lease, "tries": outbox.c.tries + 1}
        with self._engine.begin() as connection:
            if connection.execute(take.values(**values)).rowcount != 1:
                return None
            return MailRow.of(connection.execute(sa.select(outbox).where(outbox.c.id == mail_id)).mappings().one())

    def settle(self, mail: MailRow, state: MailState, response: str, *, again_at: datetime | None = None) -> bool:
        """Record what the server said; False when another sender has the mail by now."""
        now = self._clock.now()
        mine = outbox.update().where(
            outbox.c.id == mail.id, outbox.c.state == MailState.SENDING, outbox.c.tries == mail.tries
        )
        values = {
            "state": state,
            "response": response[:1000],
            "lease_until": None,
            "due_at": again_at or mail.due_at,
            "finished_at": None if again_at else now,
        }
        with self._engine.begin() as connection:
            return connection.execute(mine.values(**values)).rowcount == 1

    def doubt_expired(self) -> int:
        """Mails whose sender vanished while sending: nobody knows whether they left, so they wait for a person."""
        now = self._clock.now()
        gone = outbox.update().where(outbox.c.state == MailState.SENDING, outbox.c.lease_until < now)
        values = {"state": MailState.IN_DOUBT, "finished_at": now, "response": "the sender vanished while sending"}
        with self._engine.begin() as connection:
            return connection.execute(gone.values(**values)).rowcount

    def get(self, mail_id: int) -> MailRow:
        """One mail. Raises UnknownName."""
        with reading(self._engine) as connection:
            row = connection.execute(sa.select(outbox).where(outbox.c.id == mail_id)).mappings().one_or_none()
        if row is None:
            raise UnknownName("mail", str(mail_id), hint="; see: automation outbox list")
        return MailRow.of(row)

    def list(self, *, state: str | None = None, run_id: str | None = None, limit: int = 50) -> list[MailRow]:
        """Mails, newest first."""
        query = sa.select(outbox).order_by(outbox.c.id.desc()).limit(limit)
        if state:
            query = query.where(outbox.c.state == state)
        if run_id:
            query = query.where(outbox.c.run_id == run_id)
        with reading(self._engine) as connection:
            return [MailRow.of(row) for row in connection.execute(query).mappings()]
