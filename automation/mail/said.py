"""What a mail server or the network said, as a person reads it; and how this machine introduces itself.

Owns: those words.
Never: decides what follows from them.
"""

from __future__ import annotations

import socket
import ssl

from automation.text import printable


def words_of(words: bytes | str) -> str:
    """A server's words on one line, 500 characters at most."""
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else str(words)
    return printable(" ".join(text.split()), 500)


def said_by(error: BaseException) -> str:
    """What went wrong on the way to a server."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return words_of(str(error) or type(error).__name__)


def own_name() -> str:
    """This machine's name for EHLO, without asking DNS, which may be slow."""
    name = socket.gethostname()
    return name if "." in name and name.isascii() else "[127.0.0.1]"
