"""DKIM signatures (RFC 6376), for whoever installed `automation[dkim]`.

Owns: which headers are signed, and what is wrong with a key.
Never: reads a file or DNS.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

#: Those of RFC 6376 section 5.4.1 that our mails have, and what one-click unsubscription needs (RFC 8058).
_SIGNED = (
    b"from", b"to", b"cc", b"reply-to", b"subject", b"date", b"message-id", b"mime-version", b"content-type",
    b"content-transfer-encoding", b"list-unsubscribe", b"list-unsubscribe-post",
)  # fmt: skip
MISSING = "signing mails needs dkimpy; run: pip install 'automation[dkim]'"


def installed() -> bool:
    """Whether mails can be signed here."""
    return find_spec("dkim") is not None


def signer(selector: str, domain: str, key: str) -> Callable[[bytes], bytes]:
    """What signs a message for `selector._domainkey.domain`.

    Parameters
    ----------
    key: the private key as PEM text.

    The signer raises ValueError where the key is none.
    """

    def sign(message: bytes) -> bytes:
        try:
            import dkim
        except ModuleNotFoundError:
            raise ValueError(MISSING) from None
        try:
            header = dkim.sign(
                message,
                selector.encode("ascii"),
                domain.encode("ascii"),
                key.encode("ascii"),
                canonicalize=(b"relaxed", b"relaxed"),
                include_headers=[name for name in _SIGNED if _has(message, name)],
            )
        except (dkim.DKIMException, ValueError) as error:
            raise ValueError(f"the mail cannot be signed: {error}") from error
        return bytes(header) + message

    return sign


def _has(message: bytes, name: bytes) -> bool:
    head = message.partition(b"\r\n\r\n")[0].lower()
    return head.startswith(name + b":") or b"\n" + name + b":" in head
