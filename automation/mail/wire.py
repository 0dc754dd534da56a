"""One message to one recipient over SMTP, and what the server said.

Owns: the session (TLS, login, reuse) and the verdict: sent, temporary, permanent, in doubt.
Never: sends a login without TLS to another machine; tries a message again by itself once DATA began.
"""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from typing import Literal, Self

from automation.mail.addresses import bare_address
from automation.mail.settings import SmtpSettings
from automation.text import printable

State = Literal["sent", "temporary", "permanent", "in_doubt"]
_LINE_END = re.compile(rb"\r\n|\r|\n")
_WAITS = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 30, 60, 120, 240))
_CLOSING = 421


@dataclass(frozen=True)
class Answer:
    """What became of a message.

    `sent`: the server took it. `temporary`: not taken, try again. `permanent`: refused for good.
    `in_doubt`: the connection went between the text and the answer; nobody knows.

    Parameters
    ----------
    code: the SMTP reply code; None when there was no reply.
    text: the server's words, or ours.
    """

    state: State
    code: int | None
    text: str


def back_off(attempts: int) -> timedelta:
    """How long to wait after that many temporary failures: a minute first, four hours at most."""
    return _WAITS[min(max(attempts, 1), len(_WAITS)) - 1]


class Smtp:
    """A session with a mail server, opened by the first message and kept for the batch.

    What the server says of itself (no TLS, a refused login, 554 as its greeting) is temporary: the mail waits until
    somebody puts it right. What it says of the message counts by its code: 4xx temporary, 5xx permanent.

    Parameters
    ----------
    context: trusts the server's certificate; default: the system's authorities.
    """

    def __init__(self, settings: SmtpSettings, *, context: ssl.SSLContext | None = None) -> None:
        self.settings = settings
        self._context = context
        self._session: smtplib.SMTP | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._session is not None:
            with suppress(OSError, smtplib.SMTPException):
                self._session.quit()
        self._drop()

    def send(self, sender: str, recipient: str, message: bytes | EmailMessage) -> Answer:
        """Send one message to one recipient; a `Bcc` in it does not leave.

        Parameters
        ----------
        sender: an address, with or without a name.
        message: whole, with headers; any line ends.
        """
        try:
            origin, target = bare_address(sender), bare_address(recipient)
        except ValueError as error:
            return Answer("permanent", None, str(error))
        content = _Content.of(message)
        try:
            return self._try(origin, target, content)
        except _ConnectionLost as error:
            if not error.reused:
                return Answer("temporary", None, str(error))
        # A server may close an idle session; nothing was begun, so a new one is asked.
        try:
            return self._try(origin, target, content)
        except _ConnectionLost as error:
            return Answer("temporary", None, str(error))

    def _try(self, sender: str, recipient: str, content: _Content) -> Answer:
        """One try. Raises _ConnectionLost when the server went away before the text."""
        reused = self._session is not None
        try:
            session = self._session or self._open()
            self._session = session
            body, options = content.fitted(session, (sender, recipient))
            refusal = self._begin(session, sender, recipient, options)
        except _Refusal as error:
            self._drop()
            return Answer(error.state, error.code, str(error))
        except smtplib.SMTPResponseException as error:
            self._drop()
            return Answer("temporary", error.smtp_code, _words(error.smtp_error))
        except smtplib.SMTPServerDisconnected as error:
            self._drop()
            raise _ConnectionLost(_said(error), reused) from error
        except (OSError, smtplib.SMTPException) as error:
            self._drop()
            return Answer("temporary", None, f"{self.settings.host}:{self.settings.port}: {_said(error)}")
        return refusal or self._finish(session, body)

    def _open(self) -> smtplib.SMTP:
        """Connect, secure and log in. Raises _Refusal, smtplib's errors, OSError."""
        settings = self.settings
        secure = self._context or ssl.create_default_context()
        if settings.tls == "implicit":
            session: smtplib.SMTP = smtplib.SMTP_SSL(
                settings.host, settings.port, _own_name(), timeout=settings.timeout, context=secure
            )
        else:
            session = smtplib.SMTP(settings.host, settings.port, _own_name(), timeout=settings.timeout)
        try:
            session.ehlo_or_helo_if_needed()
            if settings.tls == "required":
                _secure(session, secure)
            if settings.user:
                self._log_in(session)
        except BaseException:
            session.close()
            raise
        return session

    def _log_in(self, session: smtplib.SMTP) -> None:
        if self.settings.tls == "none" and not self.settings.is_loopback:
            raise _Refusal("temporary", None, "a login needs TLS; write tls=required in AUTOMATION_SMTP_URL")
        try:
            session.login(self.settings.user, self.settings.password)
        except smtplib.SMTPAuthenticationError as error:
            words = _words(error.smtp_error)
            raise _Refusal("temporary", error.smtp_code, f"the server refused the login: {words}") from error
        except smtplib.SMTPNotSupportedError as error:
            raise _Refusal(
                "temporary", None, "the server offers no login that we know; remove user and password"
            ) from error

    def _begin(self, session: smtplib.SMTP, sender: str, recipient: str, options: Sequence[str]) -> Answer | None:
        """MAIL, RCPT and DATA; the refusal, or None when the server waits for the text."""
        steps: tuple[tuple[Callable[[], tuple[int, bytes]], tuple[int, ...]], ...] = (
            (lambda: session.mail(sender, options), (250,)),
            (lambda: session.rcpt(recipient), (250, 251, 252)),
            (lambda: session.docmd("DATA"), (354,)),
        )
        for step, accepted in steps:
            code, words = step()
            if code not in accepted:
                self._reset(session, code)
                return _verdict(code, words)
        return None

    def _finish(self, session: smtplib.SMTP, body: bytes) -> Answer:
        """The text and its answer; whatever goes wrong here leaves the message in doubt."""
        try:
            session.send(body + b".\r\n")
            code, words = session.getreply()
        except (OSError, smtplib.SMTPException) as error:
            self._drop()
            return Answer("in_doubt", None, f"no answer after the text: {_said(error)}")
        if code == _CLOSING:
            self._drop()
        if 200 <= code < 300:
            return Answer("sent", code, _words(words))
        if 400 <= code < 600:
            return _verdict(code, words)
        self._drop()
        return Answer("in_doubt", code, f"an answer that SMTP does not know: {_words(words)}")

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
        raise _Refusal("temporary", None, "the server offers no STARTTLS; nothing was sent, not even the login")
    session.starttls(context=context)
    session.ehlo()


class _ConnectionLost(Exception):
    """The server went away before the text; `reused` tells that the session had carried a message before."""

    def __init__(self, words: str, reused: bool) -> None:
        self.reused = reused
        super().__init__(words)


class _Refusal(Exception):
    """The session cannot carry the message."""

    def __init__(self, state: State, code: int | None, words: str) -> None:
        self.state: State = state
        self.code = code
        super().__init__(words)


@dataclass(frozen=True)
class _Content:
    """A message as bytes without `Bcc`, and what it asks of the server."""

    raw: bytes

    @classmethod
    def of(cls, message: bytes | EmailMessage) -> _Content:
        raw = message if isinstance(message, bytes) else message.as_bytes()
        head = _LINE_END.sub(b"\n", raw).partition(b"\n\n")[0]
        if re.search(rb"(?im)^bcc[ \t]*:", head):
            parsed = message_from_bytes(raw, policy=SMTP)
            del parsed["Bcc"]
            raw = parsed.as_bytes()
        return cls(raw)

    def fitted(self, session: smtplib.SMTP, envelope: Sequence[str]) -> tuple[bytes, list[str]]:
        """The text, dots doubled and ended, and the options of MAIL. Raises _Refusal when the server cannot take it."""
        raw, options = self.raw, []
        head = _LINE_END.sub(b"\n", raw).partition(b"\n\n")[0]
        international = not head.isascii() or not all(address.isascii() for address in envelope)
        if international and not session.has_extn("smtputf8"):
            raise _Refusal(
                "permanent", None, "the server takes no international addresses (SMTPUTF8); use an ASCII one"
            )
        if international:
            options.append("SMTPUTF8")
        if not raw.isascii():
            if session.has_extn("8bitmime"):
                options.append("BODY=8BITMIME")
            else:
                raw = message_from_bytes(raw, policy=SMTP.clone(cte_type="7bit")).as_bytes()
        text = _LINE_END.sub(b"\r\n", raw)
        if not text.endswith(b"\r\n"):
            text += b"\r\n"
        if session.has_extn("size"):
            options.append(f"SIZE={len(text)}")
        return re.sub(rb"(?m)^\.", b"..", text), options


def _verdict(code: int, words: bytes) -> Answer:
    return Answer("permanent" if 500 <= code < 600 else "temporary", code if code > 0 else None, _words(words))


def _words(words: bytes | str) -> str:
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else str(words)
    return printable(" ".join(text.split()), 500)


def _said(error: BaseException) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return _words(str(error) or type(error).__name__)


def _own_name() -> str:
    """This machine's name for EHLO, without asking DNS, which may be slow."""
    name = socket.gethostname()
    return name if "." in name and name.isascii() else "[127.0.0.1]"
