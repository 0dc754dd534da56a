"""Sending, as the ledger sees it: who may send a mail now, and what became of it.

Owns: the moves into and out of a sender's hands, each fenced by the number of tries.
Never: speaks SMTP; decides what follows an answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from automation.clock import Clock
from automation.commits import light, synced
from automation.database import execute_many, reading
from automation.ledger.mail_rows import MailRow
from automation.ledger.mail_servers import Hold
from automation.ledger.mail_tables import mail_servers, outbox
from automation.ledger.states import MailState

WAITING = (MailState.QUEUED, MailState.TEMPORARY)
_ON_THEIR_WAY = (MailState.TAKEN, MailState.SENDING)
_LONGEST = 1000
_AT_ONCE = 32_000_000

_MAIL, _KNOWN = sa.bindparam("mail", type_=sa.BigInteger), sa.bindparam("known", type_=sa.Integer)


def _set(*names: str) -> dict[str, sa.BindParameter[Any]]:
    return {name: sa.bindparam(name, type_=outbox.c[name].type) for name in names}


def _is(*states: MailState) -> sa.ColumnElement[bool]:
    # Written out: a value for each of many rows is given, and one for all of them is not.
    return sa.or_(*(outbox.c.state == sa.literal_column(f"'{state.value}'") for state in states))


# Built once: a mail costs about as much as one of these statements.
_THESE = (outbox.c.id.in_(sa.bindparam("mails", expanding=True)), outbox.c.tries == _KNOWN, _is(*WAITING))
_FREE = sa.select(outbox.c.id).where(*_THESE).order_by(outbox.c.id).with_for_update()
_TAKE = outbox.update().where(*_THESE).values(**_set("holder", "lease_until", "state"), tries=outbox.c.tries + 1)
_SETTLE = (
    outbox.update()
    .where(outbox.c.id == _MAIL, outbox.c.tries == _KNOWN, _is(*_ON_THEIR_WAY))
    .values(
        **_set("state", "response", "finished_at"),
        due_at=sa.func.coalesce(sa.bindparam("again_at", type_=outbox.c.due_at.type), outbox.c.due_at),
        uncounted=outbox.c.uncounted + sa.bindparam("free", type_=sa.Integer),
        lease_until=sa.null(),
        holder=sa.null(),
    )
)
_HOLD = (
    mail_servers.update()
    .where(mail_servers.c.name == sa.bindparam("server"), mail_servers.c.fence == sa.bindparam("own"))
    .values(
        lease_until=sa.bindparam("until", type_=mail_servers.c.lease_until.type),
        free_at=sa.bindparam("free_at", type_=mail_servers.c.free_at.type),
        failures=0,
        reason=None,
    )
)


@dataclass(frozen=True)
class Settled:
    """What became of a mail that was being sent.

    Parameters
    ----------
    again_at: when it is tried again; None where it is not.
    counts: whether the try counts among those that it has.
    """

    mail: MailRow
    state: MailState
    response: str
    again_at: datetime | None = None
    counts: bool = True


class Sending:
    """The moves of a mail that is on its way."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine, self._clock = engine, clock

    def due(
        self, *, run_id: str | None = None, server: str | None = None, limit: int = 100, within: timedelta = timedelta()
    ) -> list[int]:
        """Ids of mails to be sent now, in the order of falling due; with `run_id` or `server` theirs only.

        Parameters
        ----------
        within: also those that fall due so soon.
        """
        waits = outbox.c.state.in_(WAITING) & (outbox.c.due_at <= self._clock.now() + within)
        if run_id is not None:
            waits &= outbox.c.run_id == run_id
        if server is not None:
            waits &= outbox.c.server == server
        query = sa.select(outbox.c.id).where(waits).order_by(outbox.c.due_at, outbox.c.id).limit(limit)
        with reading(self._engine) as connection:
            return list(connection.scalars(query))

    def servers_due(self, *, run_id: str | None = None) -> list[str]:
        """The servers of the mails that are due; with `run_id` those of one run only."""
        waits = outbox.c.state.in_(WAITING) & (outbox.c.due_at <= self._clock.now())
        if run_id is not None:
            waits &= outbox.c.run_id == run_id
        with reading(self._engine) as connection:
            return sorted(connection.scalars(sa.select(outbox.c.server).where(waits).distinct()))

    def read(self, ids: Sequence[int]) -> list[MailRow]:
        """The first of these mails, as many as are held in memory without thought; those that are gone are left out."""
        with reading(self._engine) as connection:
            sizes = sa.select(outbox.c.id, sa.func.length(outbox.c.message)).where(outbox.c.id.in_(list(ids)))
            length = {row[0]: int(row[1]) for row in connection.execute(sizes)}
            some: list[int] = []
            total = 0
            for mail_id in ids:
                total += length.get(mail_id, 0)
                if some and total > _AT_ONCE:
                    break
                some.append(mail_id)
            found = connection.execute(sa.select(outbox).where(outbox.c.id.in_(some))).mappings()
            rows = {row["id"]: MailRow.of(row) for row in found}
        return [rows[mail_id] for mail_id in some if mail_id in rows]

    def take(self, hold: Hold, wanted: Sequence[MailRow], lease: timedelta) -> list[MailRow] | None:
        """Take mails that are to be sent next, and hold the server a little longer; what is taken is on disk.

        Parameters
        ----------
        lease: how long they stay with us without a word.

        Returns those that nobody else has, or None when somebody else holds the server by now.
        """
        now = self._clock.now()
        with synced(self._engine) as connection:
            if connection.execute(_HOLD, _held(hold, now)).rowcount != 1:
                return None
            return [
                mail
                for tries in dict.fromkeys(mail.tries for mail in wanted)
                for mail in self._take(connection, hold, [one for one in wanted if one.tries == tries], now + lease)
            ]

    def _take(
        self, connection: sa.Connection, hold: Hold, alike: Sequence[MailRow], until: datetime
    ) -> Iterator[MailRow]:
        """Take mails that have been tried as often as each other."""
        known = {"mails": [mail.id for mail in alike], "known": alike[0].tries}
        # Locked, so that what is free is ours; each that another one has taken is left out.
        free = set(connection.scalars(_FREE, known))
        values = {"state": MailState.TAKEN, "holder": hold.holder, "lease_until": until}
        if free:
            connection.execute(_TAKE, {**known, "mails": list(free), **values})
        return (_as_taken(mail, MailState.TAKEN) for mail in alike if mail.id in free)

    def settle_all(self, settled: Sequence[Settled]) -> int:
        """Write down what became of mails; of one that somebody else has judged by now, nothing. Returns how many it was told of.

        It survives the death of every process. A machine that loses its power may forget it; then these mails are taken
        by somebody of whom nobody knows what they began, and are in doubt.
        """
        now = self._clock.now()
        with light(self._engine) as connection:
            execute_many(connection, _SETTLE, [_settled(one, now) for one in settled])
        return len(settled)

    def keep(self, hold: Hold, lease: timedelta) -> bool:
        """Hold the server, and what was taken, a little longer; False when somebody else has the server by now."""
        now = self._clock.now()
        mine = outbox.update().where(outbox.c.state == MailState.TAKEN, outbox.c.holder == hold.holder)
        with self._engine.begin() as connection:
            connection.execute(mine.values(lease_until=now + lease))
            return connection.execute(_HOLD, _held(hold, now)).rowcount == 1

    def claim(self, mail_id: int, lease: timedelta, holder: str = "") -> MailRow | None:
        """Take and begin one mail that is due; None when somebody else has it or it is done."""
        now, mail = self._clock.now(), next(iter(self.read([mail_id])), None)
        if mail is None or mail.due_at > now:
            return None
        taken = {"mails": [mail.id], "known": mail.tries, "holder": holder, "lease_until": now + lease}
        with self._engine.begin() as connection:
            won = connection.execute(_TAKE, {**taken, "state": MailState.SENDING}).rowcount == 1
        return _as_taken(mail, MailState.SENDING) if won else None

    def settle(self, one: Settled) -> bool:
        """Record what became of a mail; False when another sender has it by now."""
        values = _settled(one, self.now())
        with self._engine.begin() as connection:
            return connection.execute(_SETTLE, values).rowcount == 1

    def settle_as(self, mail: MailRow, state: MailState, response: str, *, again_at: datetime | None = None) -> bool:
        """The same, from its parts."""
        return self.settle(Settled(mail, state, response, again_at))

    def now(self) -> datetime:
        """The ledger's moment."""
        return self._clock.now()

    def unheard(self) -> list[tuple[MailRow, bool]]:
        """Mails that somebody has taken or sends, each with whether its lease has run out; without their messages."""
        now = self._clock.now()
        columns = [column for column in outbox.c if column is not outbox.c.message]
        query = sa.select(*columns, sa.literal(b"").label("message")).where(outbox.c.state.in_(_ON_THEIR_WAY))
        with reading(self._engine) as connection:
            found = connection.execute(query.order_by(outbox.c.id)).mappings().all()
        return [(MailRow.of(row), row["lease_until"] is None or row["lease_until"] < now) for row in found]

    def expire(self) -> int:
        """End the mails that have not left in time; returns how many."""
        now = self._clock.now()
        late = outbox.update().where(outbox.c.state.in_(WAITING), outbox.c.expires_at <= now)
        said = sa.func.coalesce(sa.literal("not sent in time; last: ") + outbox.c.response, "not sent in time")
        values = {"state": MailState.EXPIRED, "finished_at": now, "response": sa.func.substr(said, 1, _LONGEST)}
        with self._engine.begin() as connection:
            return connection.execute(late.values(**values)).rowcount


def _held(hold: Hold, now: datetime) -> dict[str, Any]:
    return {"server": hold.server, "own": hold.fence, "until": now + hold.lease, "free_at": hold.free_at}


def _as_taken(mail: MailRow, state: MailState) -> MailRow:
    """As whoever took it knows it."""
    return replace(mail, state=state, tries=mail.tries + 1)


def _settled(one: Settled, now: datetime) -> dict[str, Any]:
    return {
        "mail": one.mail.id,
        "known": one.mail.tries,
        "state": one.state,
        "response": one.response[:_LONGEST],
        "finished_at": None if one.state in WAITING else now,
        "again_at": one.again_at,
        "free": 0 if one.counts else 1,
    }
