"""Sending the outbox: each mail claimed, sent once, and settled by what the server said.

Owns: which mails go through which server, and who looks after those whose sender died.
Never: sends a mail that it did not claim; settles one as sent that the server did not accept.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from automation.errors import AutomationError
from automation.ledger.mail_rows import MailRow
from automation.ledger.sending import Settled
from automation.ledger.states import MailState
from automation.runner.diary import Told, forget_diaries, read_diary
from automation.runner.digests import close_digests
from automation.runner.envelope import signed_by
from automation.runner.fate import VANISHED, fate, unbegun
from automation.runner.sender import Sender
from automation.services import Services
from automation.sight import is_gone, mark_of_this_process
from automation.text import count

_log = logging.getLogger(__name__)
_LEASE = timedelta(minutes=5)
_AT_ONCE = 100
#: A run that has left mails goes on with them for so long before it makes room; others send the rest.
_SECONDS_AFTER_A_RUN = 20.0
_SECONDS = 60.0


def _never() -> bool:
    return False


def deliver(
    services: Services, *, run_id: str | None = None, seconds: float = _SECONDS, stopping: Callable[[], bool] = _never
) -> int:
    """Send what is due, of one run or of all; returns how many mails were settled.

    Without a server a mail is captured: kept in the outbox and as a file, and nothing leaves.

    Parameters
    ----------
    seconds: begin no further mail after so long.
    stopping: asked before each mail; whoever is killed while sending one leaves it in doubt.
    """
    ledger, settled = services.ledger, 0
    settle_unheard(services)
    close_digests(services)
    ledger.sending.expire()
    until = services.clock.monotonic() + seconds
    for name in ledger.sending.servers_due(run_id=run_id):
        try:
            server = services.mail_server(name)
        except AutomationError as error:
            _log.warning("Mails for the server %s wait: %s", name, error)
            continue
        if server is None:
            settled += _capture_all(services, name, run_id, stopping)
            continue
        hold = ledger.mail_servers.take(name, mark_of_this_process(), is_gone)
        if hold is not None:
            settled += Sender(services, server, hold, run_id, stopping).send_until(until)
    return settled


def settle_unheard(services: Services) -> int:
    """Mails whose sender died, or has said nothing for too long; returns how many.

    Where its diary is at hand it tells what became of each; else nobody knows whether they left.
    """
    sending, data = services.ledger.sending, services.settings.data
    found = [(mail, gone) for mail, late in sending.unheard() if (gone := is_gone(mail.holder or "")) or late]
    if not found:
        return 0
    diaries = {key: read_diary(data, *key) for key in {(mail.holder or "", mail.server) for mail, _ in found}}
    for mail, _ in found:
        one = _judged(mail, diaries[mail.holder or "", mail.server], sending.now())
        if sending.settle(one) and one.counts and one.state is not MailState.SENT:
            _log.warning("Mail %d to %s: %s: %s", mail.id, mail.recipient, one.state, one.response)
    forget_diaries(data, is_gone)
    return len(found)


def _judged(mail: MailRow, diary: Told | None, now: datetime) -> Settled:
    """What became of a mail by its dead sender's own words; in doubt where there are none."""
    # Late: it brings the mail library, which most processes never need.
    from automation.mail.wire import Answer

    if diary is not None and mail.state is MailState.TAKEN and (mail.id, mail.tries) not in diary:
        return unbegun(mail, now)
    told = diary.get((mail.id, mail.tries)) if diary is not None else None
    return fate(mail, told or Answer("in_doubt", None, VANISHED), now)


def _capture_all(services: Services, server: str, run_id: str | None, stopping: Callable[[], bool]) -> int:
    settled = 0
    while due := services.ledger.sending.due(run_id=run_id, server=server, limit=_AT_ONCE):
        done = sum(_capture(services, mail_id) for mail_id in due if not stopping())
        settled += done
        if not done:
            break
    return settled


def _capture(services: Services, mail_id: int) -> bool:
    sending = services.ledger.sending
    mail = sending.claim(mail_id, _LEASE, mark_of_this_process())
    if mail is None:
        return False
    path = captured_path(services, mail)
    mail = signed_by(mail, services.mail_sender(mail.server))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(mail.message)
    except OSError as error:
        _log.warning("Mail %d cannot be captured in %s: %s", mail.id, path, error)
        again_at = services.clock.now() + timedelta(minutes=1)
        return sending.settle_as(mail, MailState.TEMPORARY, f"not captured: {error}", again_at=again_at)
    _log.info("Mail to %s captured, nothing left this machine: %s", mail.recipient, path)
    return sending.settle_as(mail, MailState.CAPTURED, f"captured in {path}")


def captured_path(services: Services, mail: MailRow) -> Path:
    """Where a captured mail lies as a file."""
    return services.settings.data / "outbox" / f"{mail.id:06d}-{mail.job}.eml"


def deliver_quietly(services: Services, run_id: str, stopping: Callable[[], bool] = _never) -> int:
    """Deliver a run's mails right after it; what fails is tried again by the next delivery. Returns how many were settled."""
    sent = 0
    with suppress(AutomationError):
        try:
            sent = deliver(services, run_id=run_id, seconds=_SECONDS_AFTER_A_RUN, stopping=stopping)
        except AutomationError as error:
            _log.warning("Mails of run %s wait: %s", run_id, error)
    if sent:
        _log.debug("%s of run %s settled", count(sent, "mail"), run_id)
    return sent
