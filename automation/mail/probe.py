"""Whether a mail server would take us: connect, secure, log in, leave.

Owns: that question.
Never: sends a message.
"""

from __future__ import annotations

import smtplib
import ssl
from contextlib import suppress
from dataclasses import replace

from automation.mail.content import Refusal
from automation.mail.said import said_by
from automation.mail.server import MailServer
from automation.mail.wire import Smtp

_MOST_SECONDS = 10.0


def probe(server: MailServer, *, context: ssl.SSLContext | None = None) -> str | None:
    """Why the server does not take us, or None when it does; waits at most ten seconds for each answer."""
    quick = replace(server.smtp, timeout=min(server.smtp.timeout, _MOST_SECONDS))
    try:
        session = Smtp(quick, context=context, token=server.token)._open()
    except (Refusal, smtplib.SMTPException, OSError) as error:
        return said_by(error)
    with suppress(OSError, smtplib.SMTPException):
        session.quit()
    return None
