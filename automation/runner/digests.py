"""Closing digests: what was gathered for a recipient becomes one mail.

Owns: what that mail says.
Never: decides when a digest closes; sends.
"""

from __future__ import annotations

import html
import logging
from collections.abc import Sequence
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

from automation.errors import AutomationError
from automation.ledger.digests import Closing
from automation.ledger.mail_rows import MailRow
from automation.ledger.states import MailState
from automation.project.digests import Digest
from automation.services import Services
from automation.text import count, instant

_log = logging.getLogger(__name__)


def close_digests(services: Services) -> int:
    """Make one mail of each closing that is due; returns how many were made.

    One whose digest is not declared any more closes all the same: what was gathered is not lost.
    """
    made = 0
    for closing in services.ledger.digests.due():
        digest = services.digests.get(closing.digest, Digest(closing.digest, "0 0 * * *"))
        some = services.ledger.digests.gathered(closing)
        try:
            mail = _mail(services, closing, digest, some)
            made += services.ledger.digests.close(closing, some, mail, digest.next_close(services.clock.now()))
        except AutomationError as error:
            _log.warning("The digest %s for %s waits: %s", closing.digest, closing.recipient, error)
    return made


def _mail(services: Services, closing: Closing, digest: Digest, some: Sequence[MailRow]) -> dict[str, Any]:
    # Late: it brings the mail library, which most processes never need.
    from automation.mail import compose

    subject = digest.subject or f"{count(len(some), 'message')}: {digest.name}"
    scope, key = f"digest:{digest.name}", f"{instant(closing.closes_at)}|{closing.server}"
    texts = [(one.subject, _text(one)) for one in some]
    now = services.clock.now()
    message = compose(
        to=[closing.recipient],
        subject=subject,
        key=f"{scope}|{key}|{closing.recipient}",
        moment=now,
        sender=some[0].sender or services.mail_sender(closing.server),
        text="\n\n".join(f"{title}\n{'-' * len(title)}\n{text}" for title, text in texts),
        html="".join(
            f'<h2>{html.escape(title)}</h2><p style="white-space:pre-line">{html.escape(text)}</p>'
            for title, text in texts
        ),
    )
    first = some[0]
    return {
        "scope": scope, "message_key": key, "recipient": closing.recipient, "run_id": first.run_id, "job": first.job,
        "sender": str(message["From"])[:254], "subject": subject[:998], "message_id": str(message["Message-ID"])[:255],
        "message": message.as_bytes(), "state": MailState.QUEUED, "tries": 0, "created_at": now, "due_at": now,
        "server": closing.server, "on_doubt": first.on_doubt, "expires_at": None,
    }  # fmt: skip


def _text(mail: MailRow) -> str:
    message = message_from_bytes(mail.message, policy=SMTP)
    assert isinstance(message, EmailMessage), "its policy makes it so"
    part = message.get_body(("plain",))
    return str(part.get_content()).strip() if part is not None else ""
