"""One message to one recipient over SMTP, and what the server said.

Owns: the session (TLS, login, reuse) and the verdict: sent, temporary, permanent, in doubt.
Never: sends a login without TLS to another machine; tries a message again by itself once DATA began.
"""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Literal, Self

from automation.mail.addresses import bare_address
from automation.mail.content import Content, Refusal, opening
from automation.mail.oauth2 import log_in_with_token
from automation.mail.said import own_name, said_by, words_of
from automation.mail.server import MailServer
from automation.mail.settings import SmtpSettings

State = Literal["sent", "temporary", "permanent", "in_doubt"]
_CLOSING = 421
#: What goes on after MAIL, RCPT and DATA.
_ACCEPTED = ((250,), (250, 251, 252), (354,))


@dataclass(frozen=True)
class Answer:
    """What became of a message.

    `sent`: the server took it. `temporary`: not taken, try again. `permanent`: refused for good.
    `in_doubt`: the connection went between the text and the answer; nobody knows.

    Parameters
    ----------
    code: the SMTP reply code; None when there was no reply.
    text: the server's words, or ours.
    of_server: it says nothing of this message: the server is away, insecure, or refuses us.
    """

    state: State
    code: int | None
    text: str
    of_server: bool = False


class Smtp:
    """A session with a mail server, opened by the first message and kept for the batch.

    What the server says of itself (no TLS, a refused login, 554 as its greeting) is temporary: the mail waits until
    somebody puts it right. What it says of the message counts by its code: 4xx temporary, 5xx permanent.

    Parameters
    ----------
    context: trusts the server's certificate; default: the system's authorities.
    token: gives an OAuth2 access token to log in with, in place of the password.
    """

    def __init__(
        self,
        settings: SmtpSettings,
        *,
        context: ssl.SSLContext | None = None,
        token: Callable[[], str] | None = None,
    ) -> None:
        self.settings = settings
        self._token = token
        self._context = context
        self._session: smtplib.SMTP | None = None

    @classmethod
    def of(cls, server: MailServer) -> Self:
        """A session with a server that has a name."""
        return cls(server.smtp, context=server.trust, token=server.token)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._session is not None:
            with suppress(OSError, smtplib.SMTPException):
                self._session.quit()
        self._drop()

    def connect(self) -> Answer | None:
        """Open the session before there is anything to lose; why that cannot be, or None when it is open."""
        if self._session is not None:
            return None
        try:
            self._session = self._open()
        except Refusal as error:
            return Answer("temporary", error.code, str(error), of_server=True)
        except smtplib.SMTPResponseException as error:
            return Answer("temporary", error.smtp_code, words_of(error.smtp_error), of_server=True)
        except (OSError, smtplib.SMTPException) as error:
            where = f"{self.settings.host}:{self.settings.port}"
            return Answer("temporary", None, f"{where}: {said_by(error)}", of_server=True)
        return None

    def send(
        self, sender: str, recipient: str, message: bytes | EmailMessage, begins: Callable[[], str] = str
    ) -> Answer:
        """Send one message to one recipient; a `Bcc` in it does not leave.

        Parameters
        ----------
        sender: an address, with or without a name.
        message: whole, with headers; any line ends.
        begins: asked when the server waits for the text; what it says is why the text may not go.
        """
        try:
            origin, target = bare_address(sender), bare_address(recipient)
        except ValueError as error:
            return Answer("permanent", None, str(error))
        content = Content.of(message)
        try:
            return self._try(origin, target, content, begins)
        except _ConnectionLost as error:
            if not error.reused:
                return Answer("temporary", None, str(error))
        # A server may close an idle session; nothing was begun, so a new one is asked.
        try:
            return self._try(origin, target, content, begins)
        except _ConnectionLost as error:
            return Answer("temporary", None, str(error))

    def _try(self, sender: str, recipient: str, content: Content, begins: Callable[[], str]) -> Answer:
        """One try. Raises _ConnectionLost when the server went away before the text."""
        reused = self._session is not None
        problem = self.connect()
        if problem is not None or self._session is None:
            return problem or Answer("temporary", None, "no session", of_server=True)
        session = self._session
        try:
            body, options = content.fitted(session, (sender, recipient))
            refusal = self._begin(session, sender, recipient, options)
        except Refusal as error:
            return Answer(error.state, error.code, str(error))
        except smtplib.SMTPServerDisconnected as error:
            self._drop()
            raise _ConnectionLost(said_by(error), reused) from error
        except (OSError, smtplib.SMTPException) as error:
            self._drop()
            return Answer("temporary", None, f"{self.settings.host}:{self.settings.port}: {said_by(error)}")
        if refusal is not None:
            return refusal
        if why := begins():
            # No command leaves the text out; the server forgets the mail with the session.
            self._drop()
            return Answer("temporary", None, why, of_server=True)
        return self._finish(session, body)

    def _open(self) -> smtplib.SMTP:
        """Connect, secure and log in. Raises Refusal, smtplib's errors, OSError."""
        settings = self.settings
        if settings.tls == "implicit":
            session: smtplib.SMTP = smtplib.SMTP_SSL(
                settings.host, settings.port, own_name(), timeout=settings.timeout, context=self._secure
            )
        else:
            session = smtplib.SMTP(settings.host, settings.port, own_name(), timeout=settings.timeout)
        try:
            session.ehlo_or_helo_if_needed()
            if settings.tls == "required":
                _secure(session, self._secure)
            if settings.user:
                self._log_in(session)
        except BaseException:
            session.close()
            raise
        return session

    @property
    def _secure(self) -> ssl.SSLContext:
        return self._context or ssl.create_default_context()

    def _log_in(self, session: smtplib.SMTP) -> None:
        settings = self.settings
        if settings.tls == "none" and not settings.is_loopback:
            raise Refusal("temporary", None, "a login needs TLS; write tls=required in the server's URL")
        try:
            if self._token is None:
                session.login(settings.user, settings.password)
            else:
                log_in_with_token(session, settings.user, self._token())
        except smtplib.SMTPAuthenticationError as error:
            words = words_of(error.smtp_error)
            raise Refusal("temporary", error.smtp_code, f"the server refused the login: {words}") from error
        except smtplib.SMTPNotSupportedError as error:
            raise Refusal(
                "temporary", None, "the server offers no login that we know; remove user and password"
            ) from error

    def _begin(self, session: smtplib.SMTP, sender: str, recipient: str, options: Sequence[str]) -> Answer | None:
        """MAIL, RCPT and DATA; the refusal, or None when the server waits for the text."""
        if session.has_extn("pipelining"):
            return self._begin_at_once(session, sender, recipient, options)
        steps: tuple[Callable[[], tuple[int, bytes]], ...] = (
            lambda: session.mail(sender, options),
            lambda: session.rcpt(recipient),
            lambda: session.docmd("DATA"),
        )
        for step, accepted in zip(steps, _ACCEPTED, strict=True):
            code, words = step()
            if code not in accepted:
                self._reset(session, code)
                return _verdict(code, words)
        return None

    def _begin_at_once(
        self, session: smtplib.SMTP, sender: str, recipient: str, options: Sequence[str]
    ) -> Answer | None:
        """The same where the server hears all three in one breath (RFC 2920)."""
        session.send(opening(sender, recipient, options))
        refused: tuple[int, bytes] | None = None
        code = 0
        for accepted in _ACCEPTED:
            code, words = session.getreply()
            if code not in accepted:
                refused = refused or (code, words)
            if code == _CLOSING or not 200 <= code < 600:
                # Whatever follows is no answer to what was asked.
                self._drop()
                return _verdict(code, words)
        if refused is not None and code in _ACCEPTED[-1]:
            # It waits for a text that is for nobody; an empty one ends that.
            session.send(b".\r\n")
            if session.getreply()[0] == _CLOSING:
                self._drop()
        elif refused is not None:
            self._reset(session, refused[0])
        return _verdict(*refused) if refused else None

    def _finish(self, session: smtplib.SMTP, body: bytes) -> Answer:
        """The text and its answer; whatever goes wrong here leaves the message in doubt."""
        try:
            session.send(body + b".\r\n")
            code, words = session.getreply()
        except (OSError, smtplib.SMTPException) as error:
            self._drop()
            return Answer("in_doubt", None, f"no answer after the text: {said_by(error)}")
        if code == _CLOSING:
            self._drop()
        if 200 <= code < 300:
            return Answer("sent", code, words_of(words))
        if 400 <= code < 600:
            return _verdict(code, words)
        self._drop()
        return Answer("in_doubt", code, f"an answer that SMTP does not know: {words_of(words)}")

    def _reset(self, session: smtplib.SMTP, code: int) -> None:
        """Make the session ready for the next message, or leave it."""
        try:
            if code == _CLOSING or session.rset()[0] != 250:
                self._drop()
        except (OSError, smtplib.SMTPException):
            self._drop()

    def _drop(self) -> None:
        if self._session is not None:
            self._session.close()
        self._session = None


def _secure(session: smtplib.SMTP, context: ssl.SSLContext) -> None:
    if not session.has_extn("starttls"):
        raise Refusal("temporary", None, "the server offers no STARTTLS; nothing was sent, not even the login")
    session.starttls(context=context)
    session.ehlo()


class _ConnectionLost(Exception):
    """The server went away before the text; `reused` tells that the session had carried a message before."""

    def __init__(self, words: str, reused: bool) -> None:
        self.reused = reused
        super().__init__(words)


def _verdict(code: int, words: bytes) -> Answer:
    return Answer("permanent" if 500 <= code < 600 else "temporary", code if code > 0 else None, words_of(words))
