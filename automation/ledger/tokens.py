"""API tokens: who has one, for what, until when.

Owns: those rows, and what a token looks like.
Never: keeps the token itself: only its visible beginning and a digest, so that whoever reads the ledger cannot use it.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa

from automation.clock import Clock
from automation.database import reading
from automation.errors import UnknownName
from automation.ledger.access_tables import tokens
from automation.ledger.roles import Role
from automation.ledger.rows import Row

_MARK = "atm"
_USED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True)
class TokenRow(Row):
    """A token as it may be shown.

    Parameters
    ----------
    scopes: patterns of actions, such as `run.*`; empty is everything that the role may.
    jobs: names of jobs that it is for; empty is every job.
    """

    id: str
    digest: str = field(repr=False)
    label: str
    made_by: str
    role: Role
    scopes: Sequence[str]
    jobs: Sequence[str]
    created_at: datetime
    expires_at: datetime | None
    used_at: datetime | None
    revoked_at: datetime | None

    def as_json(self) -> dict[str, object]:
        """Without the digest; `prefix` is how the token begins."""
        shown = super().as_json()
        del shown["digest"]
        return {"prefix": f"{_MARK}_{self.id}_", **shown}


class Tokens:
    """Who calls with which token."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine, self._clock = engine, clock

    def add(
        self,
        label: str,
        made_by: str,
        role: Role,
        *,
        scopes: Sequence[str] = (),
        jobs: Sequence[str] = (),
        expires_at: datetime | None = None,
    ) -> tuple[str, TokenRow]:
        """A new token: its text, which nobody can read again, and its row."""
        number, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
        row = {
            "id": number, "digest": _digest(secret), "label": label, "made_by": made_by, "role": role, "scopes": list(scopes),
            "jobs": list(jobs), "created_at": self._clock.now(), "expires_at": expires_at, "used_at": None, "revoked_at": None,
        }  # fmt: skip
        with self._engine.begin() as connection:
            connection.execute(tokens.insert().values(**row))
        return f"{_MARK}_{number}_{secret}", TokenRow.of(row)

    def all(self) -> list[TokenRow]:
        """Every token, newest first."""
        query = sa.select(tokens).order_by(tokens.c.created_at.desc(), tokens.c.id)
        with reading(self._engine) as connection:
            return [TokenRow.of(row) for row in connection.execute(query).mappings()]

    def check(self, text: str) -> TokenRow | None:
        """The token of this text; None for one that is unknown, has run out, or was revoked."""
        mark, _, rest = text.strip().partition("_")
        number, _, secret = rest.partition("_")
        if mark != _MARK or not (number and secret):
            return None
        found = self._find(number)
        # Compared in any case, so that the time tells nothing of which numbers there are.
        same = hmac.compare_digest(found.digest if found else _digest(""), _digest(secret))
        now = self._clock.now()
        if found is None or not same or found.revoked_at or (found.expires_at and found.expires_at <= now):
            return None
        if found.used_at is None or now - found.used_at > _USED_EVERY:
            with self._engine.begin() as connection:
                connection.execute(tokens.update().where(tokens.c.id == number).values(used_at=now))
        return found

    def revoke(self, number: str) -> TokenRow:
        """End a token, by its number or its visible beginning. Raises UnknownName."""
        number = number.removeprefix(f"{_MARK}_").partition("_")[0]
        found = self._find(number)
        if found is None:
            raise UnknownName("token", number, hint="see: automation tokens list")
        with self._engine.begin() as connection:
            left = (tokens.c.id == number) & tokens.c.revoked_at.is_(None)
            connection.execute(tokens.update().where(left).values(revoked_at=self._clock.now()))
        return found

    def _find(self, number: str) -> TokenRow | None:
        with reading(self._engine) as connection:
            found = connection.execute(sa.select(tokens).where(tokens.c.id == number)).mappings().one_or_none()
        return TokenRow.of(found) if found else None


def _digest(secret: str) -> str:
    # A secret of 256 random bits needs no slow digest: there is nothing to guess.
    return hashlib.sha256(secret.encode()).hexdigest()
