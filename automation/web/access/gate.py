"""The gate: from a request to whoever calls.

Owns: the order in which tokens, proxies, sessions and an open door are asked; signing in and out.
Never: says what a route needs.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
from datetime import timedelta

from automation.clock import Clock
from automation.ledger.ledger import Ledger
from automation.ledger.people import UserRow
from automation.ledger.roles import Role
from automation.web.access.attempts import Attempts
from automation.web.access.caller import Caller, Rules
from automation.web.access.csrf import token_of
from automation.web.access.passwords import digest_of, is_outdated, is_password
from automation.web.access.principal import Principal
from automation.web.access.refusals import Forbidden, NotSignedIn, TooOften

SESSION = timedelta(hours=12)
_LOGINS = 5
_LOGINS_OF_ADDRESS = 30
_CALLS = 600
_log = logging.getLogger(__name__)


class Gate:
    """Who may come in.

    Parameters
    ----------
    key: secret of this server, for the forms of those who have no session.
    calls: how many requests a token or an address may make within a minute.
    """

    def __init__(self, ledger: Ledger, clock: Clock, key: str, rules: Rules | None = None, calls: int = _CALLS) -> None:
        self.rules = rules or Rules()
        self.ledger, self._key = ledger, key
        self._logins, self._addresses = Attempts(clock, _LOGINS), Attempts(clock, _LOGINS_OF_ADDRESS)
        self._calls = Attempts(clock, calls)

    def who(self, caller: Caller) -> Principal:
        """Who calls. Raises NotSignedIn, Forbidden, TooOften, LedgerUnavailable."""
        found = self._who(caller)
        if found.via == "token":
            self.count(found.name)
        return found

    def count(self, name: str) -> None:
        """Count a call of somebody who has proved who they are. Raises TooOften."""
        if seconds := self._calls.take(name):
            raise TooOften(seconds)

    def doubt(self, what: str, caller: Caller) -> None:
        """Count a call that did not prove it. Raises TooOften when more came from its address than mistakes."""
        if seconds := self._addresses.take(f"{what} {caller.address}"):
            raise TooOften(seconds)

    def _who(self, caller: Caller) -> Principal:
        if caller.bearer is not None:
            return self._by_token(caller)
        if caller.proxied_user:
            return self._by_proxy(caller)
        if caller.cookie and (user := self.ledger.people.signed_in(_digest(caller.cookie))):
            return self._principal(user.name, user.role, "session", caller, token_of(caller.cookie))
        if self.ledger.people.guarded():
            raise NotSignedIn
        return self._open(caller)

    def _by_token(self, caller: Caller) -> Principal:
        token = self.ledger.tokens.check(caller.bearer or "")
        if token is None:
            self.doubt("token", caller)
            raise NotSignedIn("This token is unknown, has run out, or was revoked")
        return Principal(
            f"token {token.label} ({token.id})", token.role, "token", caller.address,
            scopes=token.scopes, jobs=token.jobs, read_only=self.rules.read_only,
        )  # fmt: skip

    def _by_proxy(self, caller: Caller) -> Principal:
        user = self.ledger.people.find(caller.proxied_user.lower())
        if user is None:
            raise Forbidden(
                f"The proxy has signed in '{caller.proxied_user[:80]}', who is no user here; "
                "add them: automation users add NAME --no-password"
            )
        return self._principal(user.name, user.role, "proxy", caller, token_of(f"{self._key} {user.name}"))

    def _open(self, caller: Caller) -> Principal:
        """Without users: this machine, and nobody behind a proxy on it."""
        if not (caller.local and caller.direct and self.rules.loopback):
            raise Forbidden(
                "Without users only this machine itself is answered, and this request came from elsewhere or through a "
                "proxy; add a user: automation users add NAME --role admin"
            )
        return self._principal("local", Role.ADMIN, "open", caller, token_of(self._key))

    def _principal(self, name: str, role: Role, via: str, caller: Caller, csrf: str) -> Principal:
        return Principal(name, role, via, caller.address, csrf, read_only=self.rules.read_only)

    def signed(self, text: str) -> str:
        """What only this server can say of a text, the same each time, in hexadecimal."""
        return hmac.new(self._key.encode(), text.encode(), hashlib.sha256).hexdigest()

    def sign_in(self, name: str, password: str, caller: Caller) -> tuple[str, UserRow]:
        """A new session, in place of the one that the browser had: its secret, and whose it is.

        Raises NotSignedIn, and TooOften, whoever it is and whether the password fits.
        """
        name = name.strip().lower()
        ours = f"{caller.address} {name}"
        if seconds := max(self._addresses.take(caller.address), self._logins.take(ours)):
            raise TooOften(seconds, "Too many attempts to sign in")
        user = self.ledger.people.find(name)
        if not is_password(user.password if user else None, password) or user is None:
            _log.warning("A wrong name or password for signing in, from %s", caller.address)
            raise NotSignedIn("Name or password is wrong")
        self._logins.forgive(ours)
        if user.password and is_outdated(user.password):
            self.ledger.people.renew_digest(user.name, user.password, digest_of(password))
        secret = secrets.token_urlsafe(32)
        before = _digest(caller.cookie) if caller.cookie else ""
        self.ledger.people.begin(user.name, _digest(secret), caller.address, SESSION, instead_of=before)
        return secret, user

    def sign_out(self, caller: Caller) -> None:
        """End the browser's session."""
        if caller.cookie:
            self.ledger.people.end(_digest(caller.cookie))


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
