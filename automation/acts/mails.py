"""Mails of the outbox: sent again, or never.

Owns: refusing what could make a mail arrive twice, or comes too late.
Never: sends one; the runner's delivery does.
"""

from __future__ import annotations

from collections.abc import Sequence

from automation.errors import Refused
from automation.ledger.ledger import Ledger
from automation.ledger.mail_rows import MailRow
from automation.ledger.states import MailState


def retry(ledger: Ledger, mail_ids: Sequence[int], *, yes: bool) -> list[MailRow]:
    """Let these mails be sent again, as they are.

    Raises UnknownName, and Refused: for one in doubt unless `yes` is said, and for one that is on its way or gone.
    """
    found = [ledger.outbox.get(mail_id) for mail_id in mail_ids]
    doubtful = [mail for mail in found if mail.state is MailState.IN_DOUBT]
    if doubtful and not yes:
        raise Refused(
            f"Mail {doubtful[0].id} to {doubtful[0].recipient} may have arrived; look whether it did "
            f"(Message-ID {doubtful[0].message_id}), then write --yes to send it again, or: "
            f"automation outbox cancel {doubtful[0].id}"
        )
    for mail in found:
        if not ledger.outbox.retry(mail.id):
            raise Refused(f"Mail {mail.id} is {ledger.outbox.get(mail.id).state}; it is not sent again")
    return found


def cancel(ledger: Ledger, mail_id: int, author: str, reason: str = "") -> None:
    """Never send this mail. Raises UnknownName, and Refused when it has left."""
    mail = ledger.outbox.get(mail_id)
    why = f"cancelled by {author}" + (f": {reason}" if reason else "")
    if not ledger.outbox.cancel(mail_id, why):
        raise Refused(f"Mail {mail_id} is {mail.state}; it is too late to cancel it")
