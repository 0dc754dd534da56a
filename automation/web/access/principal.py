"""Whoever calls, as far as we know, and what they may do.

Owns: the value that a request carries, and the two questions that it answers.
Never: finds out who it is; the gate does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import cast

from starlette.requests import Request

from automation.ledger.roles import Role


@dataclass(frozen=True)
class Principal:
    """Who calls.

    Parameters
    ----------
    via: how we know: `open` (nobody has to sign in), `session`, `token`, `proxy`.
    csrf: what a form has to bring, so that it is one of ours.
    scopes: patterns of actions that a token is limited to; empty is all that the role may.
    jobs: names of jobs that a token is limited to; empty is every job.
    read_only: whether the whole server only shows.
    """

    name: str
    role: Role
    via: str
    address: str
    csrf: str = field(default="", repr=False)
    scopes: Sequence[str] = ()
    jobs: Sequence[str] = ()
    read_only: bool = False

    @property
    def is_open(self) -> bool:
        """Whether whoever reaches this server may do everything: the pages say so."""
        return self.via == "open"

    def may(self, role: Role, action: str = "") -> bool:
        """Whether an action that needs this role is theirs."""
        return self.refusal(role, action) is None

    def refusal(self, role: Role, action: str) -> str | None:
        """Why it is not, as a sentence without its dot."""
        if self.read_only and role is not Role.VIEWER:
            return "This server only shows (AUTOMATION_READ_ONLY=1)"
        if not self.role.covers(role):
            return f"That needs the role {role}, and {self.name} is {self.role}"
        if self.scopes and not any(fnmatchcase(action, pattern) for pattern in self.scopes):
            return f"This token is for {', '.join(self.scopes)}, and that is {action}"
        return None

    def sees(self, job: str) -> bool:
        """Whether this job is among those that they may look at and act on."""
        return not self.jobs or job in self.jobs


def principal_of(request: Request) -> Principal:
    """Who calls; known on every route but those for anyone."""
    return cast("Principal", request.state.principal)
