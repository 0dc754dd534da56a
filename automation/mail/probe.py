"""Whether a mail server would take us: connect, secure, log in, leave.

Owns: that question.
Never: sends a message.
"""

from __future__ import annotations

import smtplib
import ssl
from contextlib import suppress
from dataclasses import replace

from automation.mail.settings import SmtpSettings
from automation.mail.wire import Smtp, _Refusal, _said

_MOST_SECONDS = 10.0


def probe(settings: SmtpSettings, *, context: ssl.SSLContext | None = None) -> str | None:
    """Why the server does not take us, or None when it does; waits at most ten seconds for each answer."""
    quick = replace(settings, timeout=min(settings.timeout, _MOST_SECONDS))
    try:
        session = Smtp(quick, context=context)._open()
    except (_Refusal, smtplib.SMTPException, OSError) as error:
        return _said(error)
    with suppress(OSError, smtplib.SMTPException):
        session.quit()
    return None
