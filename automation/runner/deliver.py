"""Sending the outbox: each mail claimed, sent once, and settled by what the server said.

Owns: the order of claim, send and settle, and when a temporary refusal is tried again.
Never: sends a mail that it did not claim; settles one as sent that the server did not accept.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from automation.errors import AutomationError
from automation.ledger.rows import MailRow
from automation.ledger.states import MailState
from automation.services import Services
from automation.text import count

if TYPE_CHECKING:
    from automation.mail.wire import Answer

_log = logging.getLogger(__name__)
_LEASE = timedelta(minutes=5)
_MOST_TRIES = 10


def _never() -> bool:
    return False


def deliver(
    services: Services, *, run_id: str | None = None, limit: int = 100, stopping: Callable[[], bool] = _never
) -> int:
    """Send what is due, of one run or of all; returns how many mails were settled.

    Without SMTP settings a mail is captured: kept in the outbox and as a file, and nothing leaves.

    Parameters
    ----------
    stopping: asked before each mail; whoever is killed while sending one leaves it in doubt.
    """
    outbox = services.ledger.outbox
    due = outbox.due(run_id=run_id, limit=limit)
    if not due:
        return 0
    if services.settings.smtp_url is None:
        return sum(_capture(services, mail_id) for mail_id in due)
    from automation.mail.wire import Smtp

    settled = 0
    with Smtp(services.smtp) as server:
        for mail_id in due:
            if stopping():
                break
            mail = outbox.claim(mail_id, _LEASE)
            if mail is None:
                continue
            answer = server.send(mail.sender, mail.recipient, mail.message)
            settled += _settle(services, mail, answer)
            if answer.state == "temporary" and answer.code is None:
                # The server is not there: the other mails stay due, and need not wait for it one by one.
                break
    return settled


def _settle(services: Services, mail: MailRow, answer: Answer) -> bool:
    from automation.mail.wire import back_off

    state = MailState(answer.state)
    again_at = None
    if state is MailState.TEMPORARY and mail.tries < _MOST_TRIES:
        again_at = services.clock.now() + back_off(mail.tries)
    elif state is MailState.TEMPORARY:
        state = MailState.PERMANENT
    said = services.redactor.mask(f"{answer.code or ''} {answer.text}".strip())
    if state is not MailState.SENT:
        _log.warning("Mail %d to %s: %s: %s", mail.id, mail.recipient, state, said)
    return services.ledger.outbox.settle(mail, state, said, again_at=again_at)


def _capture(services: Services, mail_id: int) -> bool:
    mail = services.ledger.outbox.claim(mail_id, _LEASE)
    if mail is None:
        return False
    path = captured_path(services, mail)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(mail.message)
    except OSError as error:
        _log.warning("Mail %d cannot be captured in %s: %s", mail.id, path, error)
        again_at = services.clock.now() + timedelta(minutes=1)
        return services.ledger.outbox.settle(mail, MailState.TEMPORARY, f"not captured: {error}", again_at=again_at)
    _log.info("Mail to %s captured, nothing left this machine: %s", mail.recipient, path)
    return services.ledger.outbox.settle(mail, MailState.CAPTURED, f"captured in {path}")


def captured_path(services: Services, mail: MailRow) -> Path:
    """Where a captured mail lies as a file."""
    return services.settings.data / "outbox" / f"{mail.id:06d}-{mail.job}.eml"


def deliver_quietly(services: Services, run_id: str, stopping: Callable[[], bool] = _never) -> int:
    """Deliver a run's mails right after it; what fails is tried again by the next delivery. Returns how many were settled."""
    try:
        sent = deliver(services, run_id=run_id, stopping=stopping)
    except AutomationError as error:
        _log.warning("Mails of run %s wait: %s", run_id, error)
        return 0
    if sent:
        _log.debug("%s of run %s settled", count(sent, "mail"), run_id)
    return sent
