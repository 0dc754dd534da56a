"""Logins with an OAuth2 access token, as Google and Microsoft ask for.

Owns: fetching a token and keeping it until it runs out (RFC 6749), and saying it to a server (XOAUTH2, RFC 7628).
Never: shows a token; asks a person for consent: the refresh token or the client's secret is given.
"""

from __future__ import annotations

import smtplib
import threading
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from automation.clock import Clock
from automation.errors import JobFailed
from automation.mail.content import Refusal
from automation.net import Client
from automation.text import printable

_LOCAL = ("localhost", "127.0.0.1", "::1")
#: A token that runs out so soon is fetched anew: the login takes a moment too.
_SPARE_SECONDS = 60.0
_USUAL_SECONDS = 3600.0


@dataclass(frozen=True)
class Grant:
    """What an access token is asked for with.

    Parameters
    ----------
    refresh_token: of a person who gave their consent; without one the client asks for itself.
    scope: such as `https://outlook.office365.com/.default`.
    """

    token_url: str
    client_id: str
    client_secret: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)
    scope: str = ""

    def problem(self) -> str | None:
        """Why it cannot be used."""
        parts = urlsplit(self.token_url)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOCAL):
            return "token_url must begin with https://, since secrets go there"
        if not (self.refresh_token or self.client_secret):
            return "needs a refresh_token, or a client_secret with which the client asks for itself"
        return None

    def form(self) -> dict[str, str]:
        """The fields of the request."""
        kind = "refresh_token" if self.refresh_token else "client_credentials"
        fields = {
            "grant_type": kind,
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "refresh_token": self.refresh_token,
            "scope": self.scope,
        }
        return {name: value for name, value in fields.items() if value}


class TokenSource:
    """Gives a token that holds for a while yet; threads may share it."""

    def __init__(self, grant: Grant, clock: Clock) -> None:
        self._grant, self._clock = grant, clock
        self._lock = threading.Lock()
        self._token, self._until = "", float("-inf")

    def __call__(self) -> str:
        """An access token. Raises Refusal with what the token server said."""
        with self._lock:
            if self._clock.monotonic() >= self._until:
                self._fetch()
            return self._token

    def _fetch(self) -> None:
        host = urlsplit(self._grant.token_url)
        own = (f"{host.hostname}/32",) if host.hostname == "127.0.0.1" else ()
        try:
            with Client(clock=self._clock, allow_networks=own) as client:
                answer = client.post(self._grant.token_url, data=self._grant.form(), follow_redirects=False)
            said: Any = answer.json()
        except JobFailed as error:
            raise Refusal("temporary", None, f"no access token: {error}") from error
        token = said.get("access_token") if isinstance(said, dict) else None
        if not isinstance(token, str) or not token.isascii():
            why = said.get("error_description") or said.get("error") if isinstance(said, dict) else None
            words = printable(str(why or f"status {answer.status_code} without an access_token"), 300)
            raise Refusal("temporary", None, f"no access token from {host.hostname}: {words}")
        lasts = said.get("expires_in", _USUAL_SECONDS)
        seconds = float(lasts) if isinstance(lasts, (int, float)) else _USUAL_SECONDS
        self._token, self._until = token, self._clock.monotonic() + seconds - _SPARE_SECONDS


def log_in_with_token(session: smtplib.SMTP, user: str, token: str) -> None:
    """Log in with an access token. Raises SMTPAuthenticationError, SMTPNotSupportedError."""
    session.ehlo_or_helo_if_needed()
    known = str(session.esmtp_features.get("auth", "")).upper().split()
    if "XOAUTH2" in known:
        first = f"user={user}\x01auth=Bearer {token}\x01\x01"
        last = ""
    elif "OAUTHBEARER" in known:
        first, last = f"n,a={user},\x01auth=Bearer {token}\x01\x01", "\x01"
    else:
        raise smtplib.SMTPNotSupportedError("the server offers neither XOAUTH2 nor OAUTHBEARER")
    mechanism = "XOAUTH2" if "XOAUTH2" in known else "OAUTHBEARER"
    # A server that refuses says why first, and wants a word before it says 535.
    session.auth(mechanism, lambda challenge=None: first if challenge is None else last)
