"""Users and their sessions.

Owns: those rows. A session ends with its user's password, role or name.
Never: sees a password or the secret of a session; it is given digests.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from automation.clock import Clock
from automation.database import reading
from automation.errors import Refused, UnknownName
from automation.ledger.access_tables import sessions, tokens, users
from automation.ledger.roles import Role
from automation.ledger.rows import Row
from automation.text import nearest


@dataclass(frozen=True)
class UserRow(Row):
    """Somebody who may sign in; without a password a proxy does that."""

    name: str
    role: Role
    password: str | None = field(repr=False)
    created_at: datetime
    changed_at: datetime

    def as_json(self) -> dict[str, object]:
        """Without the password's digest."""
        shown = super().as_json()
        return {**shown, "password": self.password is not None}


class People:
    """Who may sign in, and who is."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine, self._clock = engine, clock

    def add(self, name: str, role: Role, password: str | None) -> UserRow:
        """A new user; `password` is its digest. Raises Refused for a name that is taken."""
        now = self._clock.now()
        row = {"name": name, "role": role, "password": password, "created_at": now, "changed_at": now}
        try:
            with self._engine.begin() as connection:
                connection.execute(users.insert().values(**row))
        except IntegrityError as error:
            raise Refused(
                f"There is a user '{name}' already; change it with: automation users role, or users password"
            ) from error
        return UserRow.of(row)

    def all(self) -> list[UserRow]:
        """Every user, by name."""
        with reading(self._engine) as connection:
            return [UserRow.of(row) for row in connection.execute(sa.select(users).order_by(users.c.name)).mappings()]

    def find(self, name: str) -> UserRow | None:
        """The user of this name."""
        with reading(self._engine) as connection:
            found = connection.execute(sa.select(users).where(users.c.name == name)).mappings().one_or_none()
        return UserRow.of(found) if found else None

    def change(self, name: str, *, role: Role | None = None, password: str | None = None) -> None:
        """Another role or password digest; every session of the user ends. Raises UnknownName."""
        values = {"role": role, "password": password}
        given = {key: value for key, value in values.items() if value is not None}
        with self._engine.begin() as connection:
            done = connection.execute(
                users.update().where(users.c.name == name).values(**given, changed_at=self._clock.now())
            )
            connection.execute(sessions.delete().where(sessions.c.user_name == name))
        if not done.rowcount:
            raise self._unknown(name)

    def renew_digest(self, name: str, old: str, new: str) -> None:
        """The same password under stronger parameters; sessions go on."""
        with self._engine.begin() as connection:
            connection.execute(users.update().where(users.c.name == name, users.c.password == old).values(password=new))

    def remove(self, name: str) -> int:
        """Forget a user with its sessions; its tokens are revoked, and counted. Raises UnknownName."""
        now = self._clock.now()
        with self._engine.begin() as connection:
            done = connection.execute(users.delete().where(users.c.name == name))
            connection.execute(sessions.delete().where(sessions.c.user_name == name))
            theirs = (tokens.c.made_by == name) & tokens.c.revoked_at.is_(None)
            revoked = (
                connection.execute(tokens.update().where(theirs).values(revoked_at=now)) if done.rowcount else None
            )
        if revoked is None:
            raise self._unknown(name)
        return int(revoked.rowcount)

    def guarded(self) -> bool:
        """Whether there is any user or token: then nobody gets in without being known."""
        query = sa.select(sa.exists(sa.select(users.c.name)) | sa.exists(sa.select(tokens.c.id)))
        with reading(self._engine) as connection:
            return bool(connection.execute(query).scalar_one())

    def begin(self, name: str, digest: str, address: str, lasts: timedelta, *, instead_of: str = "") -> None:
        """A session of this user, by the digest of its secret, in place of another; those that ran out go."""
        now = self._clock.now()
        with self._engine.begin() as connection:
            connection.execute(
                sessions.delete().where((sessions.c.expires_at <= now) | (sessions.c.digest == instead_of))
            )
            values = {"digest": digest, "user_name": name, "address": address[:120]}
            connection.execute(sessions.insert().values(**values, created_at=now, expires_at=now + lasts))

    def signed_in(self, digest: str) -> UserRow | None:
        """Whose session this is; None for one that has run out or was ended."""
        mine = (sessions.c.digest == digest) & (sessions.c.expires_at > self._clock.now())
        query = sa.select(users).join(sessions, sessions.c.user_name == users.c.name).where(mine)
        with reading(self._engine) as connection:
            found = connection.execute(query).mappings().one_or_none()
        return UserRow.of(found) if found else None

    def end(self, digest: str) -> None:
        """End a session."""
        with self._engine.begin() as connection:
            connection.execute(sessions.delete().where(sessions.c.digest == digest))

    def _unknown(self, name: str) -> UnknownName:
        return UnknownName("user", name, nearest(name, [one.name for one in self.all()]))
