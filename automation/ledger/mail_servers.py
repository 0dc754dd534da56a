"""Mail servers: who sends through one, and from when on the next mail may go.

Owns: the lease of a server with its fence, and how long one that is away is left alone.
Never: speaks SMTP.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa

from automation.clock import Clock
from automation.database import insert_or_ignore, reading
from automation.ledger.mail_tables import mail_servers as servers

_LEASE = timedelta(seconds=30)
#: A server that is away is asked again after so long, each time later; a mail's own tries are not spent on it.
_PAUSES = tuple(timedelta(seconds=seconds) for seconds in (10, 30, 60, 120, 300))


@dataclass
class Hold:
    """A server that is ours for a while.

    Parameters
    ----------
    fence: counts the holders; who has an older one takes no more mails.
    free_at: when the next mail may go by the server's rate; the holder moves it on.
    """

    server: str
    holder: str
    fence: int
    free_at: datetime
    lease: timedelta = field(default=_LEASE)


class MailServers:
    """The moves of a server."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine, self._clock = engine, clock

    def take(self, name: str, holder: str, is_gone: Callable[[str], bool]) -> Hold | None:
        """Hold the server; None while somebody else does, or while it is left alone because it was away.

        Parameters
        ----------
        is_gone: whether a holder is known to be dead; its lease counts no more.
        """
        now = self._clock.now()
        with reading(self._engine) as connection:
            row = connection.execute(sa.select(servers).where(servers.c.name == name)).one_or_none()
        if row is None:
            with self._engine.begin() as connection:
                new = insert_or_ignore(servers, connection.dialect.name)
                connection.execute(new.values(name=name, fence=0, failures=0))
            return self.take(name, holder, is_gone)
        held = row.lease_until is not None and row.lease_until > now and not is_gone(row.holder or "")
        away = row.failures and row.free_at is not None and row.free_at > now
        if held or away:
            return None
        mine = servers.update().where(servers.c.name == name, servers.c.fence == row.fence)
        with self._engine.begin() as connection:
            won = connection.execute(mine.values(fence=row.fence + 1, holder=holder, lease_until=now + _LEASE)).rowcount
        free_at = now if row.failures else max(row.free_at or now, now)
        return Hold(name, holder, row.fence + 1, free_at) if won == 1 else None

    def release(self, hold: Hold) -> None:
        """Give it back; the rate holds for the next one too."""
        self._give(hold, {"holder": None, "lease_until": None, "free_at": hold.free_at})

    def away(self, hold: Hold, reason: str) -> timedelta:
        """Give it back and leave it alone for a while, each time longer; returns how long."""
        with reading(self._engine) as connection:
            failed = connection.scalar(sa.select(servers.c.failures).where(servers.c.name == hold.server)) or 0
        pause = _PAUSES[min(failed, len(_PAUSES) - 1)]
        values = {"failures": failed + 1, "free_at": self._clock.now() + pause, "reason": reason[:1000]}
        self._give(hold, {"holder": None, "lease_until": None, **values})
        return pause

    def wake(self) -> None:
        """Ask servers that were away at once: somebody says that they are back."""
        with self._engine.begin() as connection:
            connection.execute(servers.update().where(servers.c.failures > 0).values(free_at=self._clock.now()))

    def _give(self, hold: Hold, values: dict[str, object]) -> None:
        mine = servers.update().where(servers.c.name == hold.server, servers.c.fence == hold.fence)
        with self._engine.begin() as connection:
            connection.execute(mine.values(**values))
