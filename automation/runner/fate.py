"""From what a mail server said to what becomes of the mail: a pure function.

Owns: how often a mail is tried, and what a doubt means.
Never: sends or writes.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from automation.ledger.mail_rows import MailRow
from automation.ledger.sending import Settled
from automation.ledger.states import MailState

if TYPE_CHECKING:
    from automation.mail.wire import Answer

MOST_TRIES = 10
#: After a first refusal a minute, which greylisting asks for, and never longer than four hours.
_WAITS = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 30, 60, 120, 240))
VANISHED = "whoever sent it vanished before the server's answer was written down"


def back_off(tries: int) -> timedelta:
    """How long to wait after that many refusals: a minute first, four hours at most."""
    return _WAITS[min(max(tries, 1), len(_WAITS)) - 1]


def unbegun(mail: MailRow, now: datetime) -> Settled:
    """One that was taken, and that nobody began to send: as before, and the try does not count."""
    state = MailState.TEMPORARY if mail.tries - mail.uncounted > 1 else MailState.QUEUED
    return Settled(mail, state, mail.response or "", now, counts=False)


def fate(mail: MailRow, answer: Answer, now: datetime) -> Settled:
    """What follows the answer, for a mail as it was taken.

    What the server says of itself costs the mail no try: it waits until the server is back. A doubt is held for a
    person, or sent again under the same Message-ID where the mail says so.
    """
    said = f"{answer.code or ''} {answer.text}".strip()
    tries = mail.tries - mail.uncounted
    if answer.state == "sent":
        return Settled(mail, MailState.SENT, said)
    if answer.of_server:
        return replace(unbegun(mail, now), response=said)
    again = answer.state == "temporary" or (answer.state == "in_doubt" and mail.on_doubt == "resend")
    if again and tries < MOST_TRIES:
        return Settled(mail, MailState.TEMPORARY, said, now + back_off(tries))
    if answer.state == "temporary":
        return Settled(mail, MailState.PERMANENT, f"not taken in {MOST_TRIES} tries; last: {said}")
    return Settled(mail, MailState(answer.state), said)
