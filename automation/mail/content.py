"""What goes over the wire of a message, and what that asks of the server.

Owns: line ends, lonely dots, Bcc, and the options of MAIL.
Never: speaks to a server.
"""

from __future__ import annotations

import re
import smtplib
from collections.abc import Sequence
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from typing import Literal

_LINE_END = re.compile(rb"\r\n|\r|\n")
_HEAD_END = re.compile(rb"(?:\r\n|\r(?!\n)|\n){2}")


class Refusal(Exception):
    """The session cannot carry the message."""

    def __init__(self, state: Literal["temporary", "permanent"], code: int | None, words: str) -> None:
        self.state = state
        self.code = code
        super().__init__(words)


@dataclass(frozen=True)
class Content:
    """A message as bytes without `Bcc`, and what it asks of the server."""

    raw: bytes

    @classmethod
    def of(cls, message: bytes | EmailMessage) -> Content:
        raw = message if isinstance(message, bytes) else message.as_bytes()
        if re.search(rb"(?im)^bcc[ \t]*:", _head(raw)):
            parsed = message_from_bytes(raw, policy=SMTP)
            del parsed["Bcc"]
            raw = parsed.as_bytes()
        return cls(raw)

    def fitted(self, session: smtplib.SMTP, envelope: Sequence[str]) -> tuple[bytes, list[str]]:
        """The text, dots doubled and ended, and the options of MAIL. Raises Refusal when the server cannot take it."""
        raw, options = self.raw, []
        international = not _head(raw).isascii() or not all(address.isascii() for address in envelope)
        if international and not session.has_extn("smtputf8"):
            raise Refusal("permanent", None, "the server takes no international addresses (SMTPUTF8); use an ASCII one")
        if international:
            options.append("SMTPUTF8")
        if not raw.isascii():
            if session.has_extn("8bitmime"):
                options.append("BODY=8BITMIME")
            else:
                raw = message_from_bytes(raw, policy=SMTP.clone(cte_type="7bit")).as_bytes()
        text = raw if _is_wired(raw) else _LINE_END.sub(b"\r\n", raw)
        if not text.endswith(b"\r\n"):
            text += b"\r\n"
        if session.has_extn("size"):
            options.append(f"SIZE={len(text)}")
        return (b"." if text.startswith(b".") else b"") + text.replace(b"\n.", b"\n.."), options


def opening(sender: str, recipient: str, options: Sequence[str]) -> bytes:
    """MAIL, RCPT and DATA for two bare addresses, as a server hears them that takes several commands at once."""
    words = " ".join((f"MAIL FROM:<{sender}>", *options))
    return f"{words}\r\nRCPT TO:<{recipient}>\r\nDATA\r\n".encode()


def _head(raw: bytes) -> bytes:
    found = _HEAD_END.search(raw)
    return raw[: found.start()] if found else raw


def _is_wired(raw: bytes) -> bool:
    """Whether each line ends with CR LF, as the policy of a message that we made has it."""
    ends = raw.count(b"\r\n")
    return ends == raw.count(b"\n") == raw.count(b"\r")
