"""Passwords: argon2id, and what is too short.

Owns: making and comparing digests, always in the same time.
Never: keeps or logs a password.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from automation.errors import InvalidInput

if TYPE_CHECKING:
    from argon2 import PasswordHasher

SHORTEST = 12
LONGEST = 1024


@lru_cache(maxsize=1)
def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher
    from argon2.profiles import RFC_9106_LOW_MEMORY

    return PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)


@lru_cache(maxsize=1)
def _nobodys() -> str:
    return _hasher().hash("the password of nobody")


def digest_of(password: str) -> str:
    """The digest that is kept. Raises InvalidInput for a password that is too short or too long."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise InvalidInput(f"A password has {SHORTEST} to {LONGEST} characters; this one has {len(password)}")
    return _hasher().hash(password)


def is_password(digest: str | None, password: str) -> bool:
    """Whether this is it. Without a digest it is not, after the same work: the time does not tell who exists."""
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        fits = _hasher().verify(digest or _nobodys(), password[: LONGEST + 1])
    except (VerificationError, InvalidHashError):
        return False
    return fits and digest is not None


def is_outdated(digest: str) -> bool:
    """Whether the digest was made with weaker parameters than ours now."""
    return _hasher().check_needs_rehash(digest)
