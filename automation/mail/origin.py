"""Who a mail comes from, and the identity that it keeps however often it is made or sent.

Owns: the Message-ID, and the headers that a mail must have when it leaves.
Never: sends; reads a clock.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage

#: A name that nobody owns.
_NOBODY = "automation.invalid"
_LONGEST = 30


def digest_of_key(key: str) -> str:
    """What identifies a key: 64 letters and digits."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def message_id(digest: str, sender: Address | None) -> str:
    """The Message-ID in the sender's domain, where that is short enough for one unfolded line."""
    domain = sender.domain if sender else ""
    owner = domain if domain.isascii() and 0 < len(domain) <= _LONGEST else _NOBODY
    return f"<{digest[:32]}@{owner}>"


def send_from(message: EmailMessage, sender: str, key: str, moment: datetime) -> None:
    """Give a mail what it lacks: who it comes from, when, and an identity.

    Parameters
    ----------
    sender: the `From` of one that has none; its Message-ID, if that was nobody's, becomes one of this domain.
    key: the Message-ID comes from it, so that a second attempt makes the same.
    moment: the Date; aware.
    """
    if "From" not in message:
        message["From"] = sender
    if "Date" not in message:
        message["Date"] = moment
    own = str(message["Message-ID"] or "")
    if own and not own.endswith(f"@{_NOBODY}>"):
        return
    del message["Message-ID"]
    digest = own.strip("<>").partition("@")[0] or digest_of_key(key)
    addresses = message["From"].addresses
    message["Message-ID"] = message_id(digest, addresses[0] if addresses else None)
