"""Sending through one server that we hold: some mails are taken, sent by its sessions, and settled together.

Owns: the order: open a session, take mails, send them, settle them; the pace; when to stop.
Never: takes a mail before there is a session to send it through; sends one that is not ours by now.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from automation.ledger.again import again
from automation.ledger.mail_rows import MailRow
from automation.ledger.mail_servers import Hold
from automation.ledger.sending import Settled
from automation.ledger.states import MailState
from automation.runner.diary import Diary
from automation.runner.envelope import envelope, signed_by
from automation.runner.fate import fate, unbegun
from automation.services import Services
from automation.text import format_duration

if TYPE_CHECKING:
    from automation.mail.lines import Lines
    from automation.mail.server import MailServer
    from automation.mail.wire import Answer

_log = logging.getLogger(__name__)
#: So many are taken at once, and wait for the sessions; half of them are sent while the others are settled.
_AT_ONCE = 50
_LISTED = 500
_KEEP_SECONDS = 5.0
_MAILS_A_LINE = 8
#: What falls due so soon is waited for.
_SOON = timedelta(seconds=2)
_NAP = 1.0
#: A paced server's mails are handed over at least so far apart, and settled together.
_BREATH = 0.05
_STALE = "whoever sends slept for so long that others may have sent it; nothing went"


class Sender:
    """One holder's use of a server.

    Parameters
    ----------
    run_id: send the mails of this run only; None is of all.
    stopping: asked before each mail.
    """

    def __init__(
        self, services: Services, server: MailServer, hold: Hold, run_id: str | None, stopping: Callable[[], bool]
    ) -> None:
        self._services, self._server, self._hold = services, server, hold
        self._run_id, self._stopping = run_id, stopping
        self._sending, self._clock = services.ledger.sending, services.clock
        self._buffer: list[MailRow] = []
        self._ids: list[int] = []
        self._taken: list[MailRow] = []
        self._settled = 0
        self._ended = False
        self._problem: Answer | None = None
        self._note_kept()

    def send_until(self, until: float) -> int:
        """Send what is due until there is nothing, or the monotonic moment has come; returns how many were settled.

        1. Open the first session; where that cannot be, the server is left alone for a while and no mail is touched.
        2. Take some mails, which waits for the disk, and queue them for the sessions. Each session writes into the diary
           what it begins and what was answered; the ledger hears of many answers in one transaction.
        3. In the end take back what nobody began, and wait for the answers that are still to come.
        """
        from automation.mail.lines import Lines
        from automation.mail.wire import Smtp

        self._fill()
        wanted = -(-len(self._ids) // _MAILS_A_LINE)
        with Diary(self._services.settings.data, self._hold.holder, self._server.name) as diary:
            self._diary = diary
            with Lines["MailRow"](self._server, wanted, Smtp.of, self._stopping, self._begins, diary.answered) as lines:
                problem = lines.open()
                if problem is not None:
                    self._leave_alone(problem)
                    return 0
                while self._round(lines, until):
                    pass
            self._settle([unbegun(mail, self._clock.now()) for mail in self._taken])
        if self._problem is not None:
            self._leave_alone(self._problem)
        elif not self._ended:
            self._services.ledger.mail_servers.release(self._hold)
        return self._settled

    def _round(self, lines: Lines[MailRow], until: float) -> bool:
        few = -1 if self._over(lines, until) else self._room(lines) // 2
        answers = lines.answers(self._patience() if lines.busy else 0.0, few)
        self._problem = self._problem or next((answer for _, answer in answers if answer.of_server), None)
        if self._over(lines, until):
            self._taken = lines.recall() + self._taken
        else:
            for mail in self._next(self._room(lines) - lines.waiting):
                self._hand_over(lines, mail)
        self._settle([self._fate(mail, answer) for mail, answer in answers])
        self._settled += len(answers)
        if self._clock.monotonic() - self._kept_at >= _KEEP_SECONDS:
            self._keep()
        return lines.busy or (not self._over(lines, until) and self._more())

    def _over(self, lines: Lines[MailRow], until: float) -> bool:
        ends = self._ended or lines.halted
        return ends or self._stopping() or self._clock.monotonic() >= until

    def _room(self, lines: Lines[MailRow]) -> int:
        """How many mails may wait for a session: of a paced server those that are sent at once, of another one many."""
        return lines.size if self._server.interval else _AT_ONCE

    def _patience(self) -> float:
        """How long to wait for answers: until the next mail may go, and not for each of them."""
        if not self._server.interval:
            return _NAP
        return min(max((self._hold.free_at - self._clock.now()).total_seconds(), _BREATH), _NAP)

    def _begins(self, mail: MailRow) -> str:
        """The text of a mail goes next; why it may not, if it may not. Called in a session's thread."""
        if self._clock.now() >= self._ours_until:
            return _STALE
        try:
            self._diary.begun(mail)
        except OSError as error:
            return f"nothing is sent that cannot be written down: {error}"
        return ""

    def _note_kept(self) -> None:
        self._kept_at = self._clock.monotonic()
        # Others judge by the lease's end; half of it is ours without asking, whatever slept or was set meanwhile.
        self._ours_until = self._clock.now() + self._server.patience / 2

    def _keep(self) -> None:
        self._lost(kept=self._sending.keep(self._hold, self._server.patience))

    def _lost(self, *, kept: bool) -> None:
        self._note_kept()
        if not kept:
            _log.warning("Another process sends through %s by now", self._server.name)
            self._ended = True

    def _more(self) -> bool:
        """Whether there is a mail to send now or soon; waits a little for one that is not yet due."""
        if not self._taken:
            self._fill()
        waiting = self._taken or self._buffer
        if not waiting:
            return False
        begins = max(
            min(mail.due_at for mail in waiting), self._hold.free_at if self._server.interval else self._clock.now()
        )
        self._clock.sleep(min((begins - self._clock.now()).total_seconds(), _NAP))
        return True

    def _fill(self) -> None:
        """Have some mails at hand, those first that fell due first."""
        if not self._ids:
            self._ids = self._sending.due(run_id=self._run_id, server=self._server.name, limit=_LISTED, within=_SOON)
        if not self._buffer and self._ids:
            some, self._ids = self._ids[:_AT_ONCE], self._ids[_AT_ONCE:]
            self._buffer = self._sending.read(some)
            read = some.index(self._buffer[-1].id) + 1 if self._buffer else len(some)
            self._ids = some[read:] + self._ids

    def _next(self, most: int) -> list[MailRow]:
        """Mails that may go now, by their due time and the server's rate."""
        found: list[MailRow] = []
        interval = self._server.interval
        while len(found) < most:
            if not self._taken and not self._take_some():
                break
            now = self._clock.now()
            if interval and self._hold.free_at > now:
                break
            # Who was late by a little catches up; a pause is no credit.
            self._hold.free_at = max(self._hold.free_at, now - _SOON) + interval
            found.append(self._taken.pop(0))
        return found

    def _take_some(self) -> bool:
        """Take mails that are due, as many as will be sent soon; False when there is none, or the server is another's."""
        if not self._buffer:
            self._fill()
        now, interval = self._clock.now(), self._server.interval
        most = max(1, min(_AT_ONCE, int(_SOON / interval))) if interval else _AT_ONCE
        wanted = [mail for mail in self._buffer if mail.due_at <= now][:most]
        if not wanted:
            return False
        ids = {mail.id for mail in wanted}
        self._buffer = [mail for mail in self._buffer if mail.id not in ids]
        taken = self._sending.take(self._hold, wanted, self._server.patience)
        self._lost(kept=taken is not None)
        self._taken = taken or []
        return bool(self._taken)

    def _hand_over(self, lines: Lines[MailRow], mail: MailRow) -> None:
        from automation.mail.lines import Piece

        mail = signed_by(mail, self._services.mail_sender(self._server.name))
        recipient, message, refusal = envelope(self._services.settings, mail)
        if not refusal:
            lines.send(Piece(mail, mail.sender, recipient, message))
            return
        refused = Settled(mail, MailState.PERMANENT, refusal)
        self._tell(refused)
        self._settle([refused])
        self._settled += 1

    def _settle(self, settled: list[Settled]) -> None:
        """Tell the ledger; one that does not answer is asked again, and what it has heard already is not told twice."""
        if settled:
            again(self._clock, "What became of mails", lambda: self._sending.settle_all(settled), lambda: None)

    def _fate(self, mail: MailRow, answer: Answer) -> Settled:
        one = fate(mail, answer, self._clock.now())
        masked = Settled(mail, one.state, self._services.redactor.mask(one.response), one.again_at, one.counts)
        self._tell(masked)
        return masked

    def _tell(self, one: Settled) -> None:
        if one.state is not MailState.SENT:
            _log.warning("Mail %d to %s: %s: %s", one.mail.id, one.mail.recipient, one.state, one.response)

    def _leave_alone(self, problem: Answer) -> None:
        said = self._services.redactor.mask(f"{problem.code or ''} {problem.text}".strip())
        pause = self._services.ledger.mail_servers.away(self._hold, said)
        _log.warning(
            "The mail server %s is left alone for %s, its mails wait: %s",
            self._server.name,
            format_duration(pause),
            said,
        )
