"""Mail: a message composed safely, and one message to one recipient over SMTP."""

from __future__ import annotations

from automation.mail.addresses import parse_address, recipients_of
from automation.mail.compose import compose
from automation.mail.files import Attachment
from automation.mail.plain import text_from_html
from automation.mail.settings import SmtpSettings, parse_smtp_url
from automation.mail.wire import Answer, Smtp

__all__ = [
    "Answer",
    "Attachment",
    "Smtp",
    "SmtpSettings",
    "compose",
    "parse_address",
    "parse_smtp_url",
    "recipients_of",
    "text_from_html",
]
