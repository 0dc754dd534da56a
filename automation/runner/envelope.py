"""Whom a mail really goes to: its recipient, or whoever gets all mail of this installation.

Owns: AUTOMATION_MAIL_OVERRIDE and AUTOMATION_MAIL_ALLOW; who a mail comes from that does not say.
Never: changes what a mail says.
"""

from __future__ import annotations

from dataclasses import replace

from automation.ledger.mail_rows import MailRow
from automation.settings import Settings


def signed_by(mail: MailRow, sender: str) -> MailRow:
    """The mail as it comes from somebody; one that says already who it comes from stays as it is."""
    if mail.sender:
        return mail
    return replace(mail, sender=sender, message=f"From: {sender}\r\n".encode() + mail.message)


def envelope(settings: Settings, mail: MailRow) -> tuple[str, bytes, str]:
    """The recipient for the server, the message, and why it may not leave, if it may not.

    A mail that goes to somebody else names its recipient in `X-Original-To`.
    """
    if settings.mail_override:
        return settings.mail_override, f"X-Original-To: {mail.recipient}\r\n".encode() + mail.message, ""
    if settings.mail_allow and not allowed(mail.recipient, settings.mail_allow):
        return (
            "",
            b"",
            f"AUTOMATION_MAIL_ALLOW lets mail go to {', '.join(settings.mail_allow)} alone; nothing was sent",
        )
    return mail.recipient, mail.message, ""


def allowed(recipient: str, names: tuple[str, ...]) -> bool:
    """Whether the address, or its domain, is one of these; case aside."""
    address = recipient.casefold()
    return address in names or address.rpartition("@")[2] in names
