"""The outbox: mails and where they are, and one as its reader sees it.

Owns: what stands on these pages.
Never: sends, retries or cancels.
"""

from __future__ import annotations

from automation.ledger.mail_rows import MailRow
from automation.ledger.states import MailState
from automation.mail.preview import attachments, body, read
from automation.text import count
from automation.web.search import read_search
from automation.web.site import Site
from automation.web.words import Viewer

QUALIFIERS = ("state", "job", "to")
_SHOWN = 60
_HEADERS = ("From", "To", "Cc", "Reply-To", "Subject", "Date", "Message-ID")


def outbox_page(site: Site, viewer: Viewer, text: str) -> str:
    """The mails that a search finds, newest first."""
    search = read_search(text, QUALIFIERS)
    known = [str(state) for state in MailState]
    mails = site.ledger.outbox.list(
        states=[state for state in search.values("state") if state in known],
        job=next(iter(search.values("job")), None),
        recipient=next(iter([*search.values("to"), *search.words]), None),
        limit=_SHOWN,
    )
    counts = site.fresh.get("mails", 5.0, site.ledger.figures.mails)
    return site.render(
        "outbox.html",
        viewer,
        section="outbox",
        live="/events",
        q=text,
        problem=search.problem,
        mails=[(mail, viewer.at(mail.created_at), offers(mail)) for mail in mails],
        counts=[(state, counts[state]) for state in known if counts.get(state)],
        title=count(sum(counts.values()), "mail"),
        captured=not site.services.settings.smtp_url,
    )


def offers(mail: MailRow) -> tuple[str, ...]:
    """What can be done with a mail: `retry`, `cancel`."""
    again = (MailState.PERMANENT, MailState.IN_DOUBT, MailState.CANCELLED, MailState.EXPIRED)
    stop = (MailState.QUEUED, MailState.TEMPORARY, MailState.IN_DOUBT)
    return tuple(what for what, states in (("retry", again), ("cancel", stop)) if mail.state in states)


def mail_page(site: Site, viewer: Viewer, mail_id: int) -> str:
    """One mail. Raises UnknownName."""
    mail = site.ledger.outbox.get(mail_id)
    message = read(mail.message)
    return site.render(
        "mail.html",
        viewer,
        section="outbox",
        mail=mail,
        made=viewer.at(mail.created_at),
        due=viewer.at(mail.due_at) if mail.state == MailState.TEMPORARY else None,
        ended=viewer.maybe(mail.finished_at),
        headers=[(name, str(message[name])) for name in _HEADERS if message[name]],
        files=attachments(message),
        offers=offers(mail),
    )


def mail_body(site: Site, mail_id: int) -> str:
    """The mail as a mail program shows it, for a frame. Raises UnknownName."""
    return body(site.ledger.outbox.get(mail_id).message)
