"""A mail server by name: how to reach it, how fast it may be asked, and how mails are signed for it.

Owns: that shape.
Never: connects.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property

from automation.mail.settings import SmtpSettings

DEFAULT = "default"


@dataclass(frozen=True)
class MailServer:
    """A server that mails leave through.

    Parameters
    ----------
    interval: between two mails, by its rate; zero is none.
    connections: so many sessions at once, at most.
    sign: adds a DKIM signature to a message.
    token: an access token to log in with in place of a password, fetched when a session is opened.
    """

    name: str
    smtp: SmtpSettings
    interval: timedelta = timedelta()
    connections: int = 2
    sign: Callable[[bytes], bytes] | None = field(default=None, repr=False)
    token: Callable[[], str] | None = field(default=None, repr=False)

    @cached_property
    def trust(self) -> ssl.SSLContext | None:
        """The authorities that its certificate is checked against, read once for all sessions; None without TLS."""
        return None if self.smtp.tls == "none" else ssl.create_default_context()

    def signed(self, message: bytes) -> bytes:
        """The message as it leaves. Raises ValueError where it cannot be signed."""
        return message if self.sign is None else self.sign(message)

    @property
    def patience(self) -> timedelta:
        """How long one mail may be on its way before its sender is taken for dead: each answer may take the timeout."""
        return timedelta(seconds=60 + 8 * self.smtp.timeout)
