"""Roles: what somebody may do, each with all that the one before it may.

Owns: their names and order.
Never: knows a route.
"""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """viewer looks; operator runs, cancels, pauses, brings back; admin gives access."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    def covers(self, needed: Role) -> bool:
        """Whether whoever has this role may do what that one is needed for."""
        order = list(Role)
        return order.index(self) >= order.index(needed)
