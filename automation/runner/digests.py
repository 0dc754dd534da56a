"""Closing digests: what was gathered for a recipient becomes one mail.

Owns: what that mail says.
Never: decides when a digest closes; sends.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

from markupsafe import Markup

from automation.errors import AutomationError
from automation.ledger.digests import Closing
from automation.ledger.mail_rows import MailRow
from automation.ledger.states import MailState
from automation.project.digests import Digest
from automation.registry import shipped_folder
from automation.services import Services
from automation.text import count, instant

_log = logging.getLogger(__name__)
#: A mail of more HTML than that, in characters, is its texts.
_LONG = 2_000_000
_BODY = re.compile(r"<body[^>]*>(.*)</body>", re.DOTALL | re.IGNORECASE)
_SHEET = re.compile(r'<div class="sheet"[^>]*>')
_PLAIN = Markup('<p style="white-space:pre-line">{}</p>')


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
    from automation.mail.inline import inline_css

    subject = digest.subject or f"{count(len(some), 'message')}: {digest.name}"
    scope, key = f"digest:{digest.name}", f"{instant(closing.closes_at)}|{closing.server}"
    read = [(one.subject, *_bodies(one)) for one in some]
    now = services.clock.now()
    message = compose(
        to=[closing.recipient],
        subject=subject,
        key=f"{scope}|{key}|{closing.recipient}",
        moment=now,
        sender=some[0].sender or services.mail_sender(closing.server),
        text="\n\n".join(f"{title}\n{'-' * len(title)}\n{text}" for title, text, _ in read),
        html=inline_css(_page(subject, read)),
    )
    first = some[0]
    return {
        "scope": scope, "message_key": key, "recipient": closing.recipient, "run_id": first.run_id, "job": first.job,
        "sender": str(message["From"])[:254], "subject": subject[:998], "message_id": str(message["Message-ID"])[:255],
        "message": message.as_bytes(), "state": MailState.QUEUED, "tries": 0, "created_at": now, "due_at": now,
        "server": closing.server, "on_doubt": first.on_doubt, "expires_at": None,
    }  # fmt: skip


def _page(subject: str, read: Sequence[tuple[str, str, str]]) -> str:
    """The mails under their subjects, in the shipped shell; of very long ones the text.

    A project's own shell is left alone: it may loop, and nothing ends it here.
    """
    # Late, as above.
    from automation.rendering import Templates

    short = sum(len(page) for _, _, page in read) <= _LONG
    parts = [
        Markup("<h2>{}</h2>\n").format(title) + (_inner(page) if page and short else _PLAIN.format(text))
        for title, text, page in read
    ]
    values = {"subject": subject, "language": "", "body": Markup("\n").join(parts)}
    return Templates([shipped_folder("templates")]).render("mail.html", values)


def _inner(page: str) -> Markup:
    """What stands in the body of a mail's page, out of the sheet that is around it."""
    found = _BODY.search(page)
    return Markup(_SHEET.sub("<div>", found[1] if found else page))  # noqa: S704  it was escaped as it was made


def _bodies(mail: MailRow) -> tuple[str, str]:
    """The text and the HTML; either may be empty."""
    message = message_from_bytes(mail.message, policy=SMTP)
    assert isinstance(message, EmailMessage), "its policy makes it so"
    parts = (message.get_body((kind,)) for kind in ("plain", "html"))
    text, page = (str(part.get_content()).strip() if part is not None else "" for part in parts)
    return text, page
