"""Signatures of calls from other programs, as Standard Webhooks has them.

Owns: reading the three headers, and whether one of the signatures is by one of our keys and not old.
Never: knows what the call is for.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from automation.web.access.refusals import NotSignedIn

#: So many seconds may lie between the clocks, and so long what was overheard can be sent again.
TOLERANCE = 300
_LONGEST_ID = 500
_MOST_SIGNATURES = 50


@dataclass(frozen=True)
class Delivery:
    """A call as it came: its headers and its body, byte by byte.

    Parameters
    ----------
    id: `webhook-id`, the same for each try to deliver.
    timestamp: `webhook-timestamp`, seconds since 1970.
    signature: `webhook-signature`, several with a blank between.
    """

    id: str
    timestamp: str
    signature: str
    body: bytes


def require_signed(delivery: Delivery, keys: Sequence[bytes], now: datetime) -> None:
    """Let the call pass when one of the keys has signed it. Raises NotSignedIn."""
    if not (delivery.id and delivery.timestamp and delivery.signature):
        raise NotSignedIn("The headers webhook-id, webhook-timestamp and webhook-signature have to be there")
    if len(delivery.id) > _LONGEST_ID:
        raise NotSignedIn(f"The header webhook-id is longer than {_LONGEST_ID} characters")
    if not _is_near(delivery.timestamp, now):
        raise NotSignedIn(
            f"The header webhook-timestamp is not within {TOLERANCE // 60} minutes of our clock, in seconds since 1970"
        )
    # Headers are bytes, read as Latin-1; what was signed are those bytes.
    content = f"{delivery.id}.{delivery.timestamp}.".encode("latin-1", "replace") + delivery.body
    made = [hmac.new(key, content, hashlib.sha256).digest() for key in keys]
    if not any(hmac.compare_digest(given, one) for given in signatures(delivery.signature) for one in made):
        raise NotSignedIn("No signature in the header webhook-signature is by a secret of this webhook")


def signatures(header: str) -> Iterator[bytes]:
    """The signatures of the version that we know; what cannot be read is left out."""
    for each in header.split(" ")[:_MOST_SIGNATURES]:
        version, _, coded = each.partition(",")
        if version == "v1":
            try:
                yield base64.b64decode(coded, validate=True)
            except (ValueError, binascii.Error):
                continue


def _is_near(timestamp: str, now: datetime) -> bool:
    plain = timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12
    return plain and abs(now.timestamp() - int(timestamp)) <= TOLERANCE
