"""Users and tokens: who may sign in, what programs may call with, and forms to give and take access.

Owns: what stands on that page; a token that was just made is shown on it, once.
Never: makes or changes anything.
"""

from __future__ import annotations

from automation.ledger.roles import Role
from automation.web.site import Site
from automation.web.words import Viewer


def access_page(site: Site, viewer: Viewer, made: str = "") -> str:
    """The page, for an admin; `made` is the text of a new token."""
    people, now = site.ledger.people.all(), site.clock.now()
    tokens = [
        (
            one,
            viewer.at(one.created_at),
            viewer.maybe(one.expires_at),
            viewer.maybe(one.used_at),
            "revoked" if one.revoked_at else "has ended" if one.expires_at and one.expires_at <= now else "",
        )
        for one in site.ledger.tokens.all()
    ]
    return site.render(
        "access.html",
        viewer,
        section="settings",
        users=[(one.name, str(one.role), viewer.at(one.created_at), one.password is None) for one in people],
        tokens=tokens,
        roles=[str(one) for one in Role],
        made=made,
    )
