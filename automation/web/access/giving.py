"""Giving access: users and tokens made, changed and taken away, by whoever may.

Owns: what is checked before, and that somebody who gives access is left.
Never: knows a form or a body; asks who wants it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from automation.errors import InvalidInput, Refused, UnknownName
from automation.ledger.ledger import Ledger
from automation.ledger.people import UserRow
from automation.ledger.roles import Role
from automation.ledger.tokens import TokenRow
from automation.text import nearest, parse_duration
from automation.web.access.names import user_name
from automation.web.access.passwords import digest_of

LONGEST_LABEL = 80


def add_user(ledger: Ledger, name: str, role: Role, password: str | None) -> UserRow:
    """A new user; without a password a proxy signs them in. Raises InvalidInput, Refused for a name that is taken."""
    name = user_name(name)
    return ledger.people.add(name, role, None if password is None else digest_of(password))


def change_user(ledger: Ledger, name: str, role: Role | None, password: str | None) -> UserRow:
    """Another role or password; the user's sessions end. Raises InvalidInput, UnknownName, Refused for the last admin."""
    if role is None and password is None:
        raise InvalidInput("Say what is another: `role`, `password`")
    if role not in (None, Role.ADMIN):
        _keep_an_admin(ledger, name)
    ledger.people.change(name, role=role, password=None if password is None else digest_of(password))
    found = ledger.people.find(name)
    if found is None:
        raise UnknownName("user", name)
    return found


def remove_user(ledger: Ledger, name: str) -> int:
    """Forget a user, and revoke the tokens that they made, which are counted. Raises UnknownName, Refused."""
    _keep_an_admin(ledger, name)
    return ledger.people.remove(name)


def add_token(
    ledger: Ledger,
    who: str,
    label: str,
    role: Role,
    expires: str,
    now: datetime,
    *,
    scopes: Sequence[str] = (),
    jobs: Sequence[str] = (),
    known: Collection[str] = (),
) -> tuple[str, TokenRow]:
    """A token that this user makes: its text, which is told once, and its row.

    Parameters
    ----------
    expires: after a span such as `90d`, or `never`.
    known: the jobs that there are.

    Raises InvalidInput, UnknownName for a job that is not there.
    """
    for job in jobs:
        if job not in known:
            raise UnknownName("job", job, nearest(job, known))
    try:
        end = None if expires == "never" else now + parse_duration(expires)
    except (ValueError, OverflowError) as error:
        raise InvalidInput(f"expires: {error}, or never") from error
    return ledger.tokens.add(label, who, role, scopes=scopes, jobs=jobs, expires_at=end)


def _keep_an_admin(ledger: Ledger, name: str) -> None:
    """Raises Refused for the last admin: nobody could give access any more, and without any user everybody here could."""
    if [each.name for each in ledger.people.all() if each.role is Role.ADMIN] == [name]:
        raise Refused(f"{name} is the last admin; make another one first, or use: automation users remove {name}")
