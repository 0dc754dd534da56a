"""The message: a run's id and a signature, and nothing else that matters.

Owns: signing and checking, and the id that tells one message of a run from the next.
Never: carries parameters, limits or times; the worker reads those from the ledger.
"""

from __future__ import annotations

import hmac
import secrets


def signature(key: str, run_id: str) -> str:
    """The signature of a run's message: HMAC-SHA256 over task and id, in hexadecimal."""
    return hmac.digest(key.encode(), b"automation.run\0" + run_id.encode(), "sha256").hex()


def genuine(key: str, run_id: object, signed: object) -> bool:
    """Whether somebody who has the key rang for this run; anything malformed is not genuine."""
    if not (isinstance(run_id, str) and isinstance(signed, str) and signed.isascii()):
        return False
    return hmac.compare_digest(signature(key, run_id), signed)


def message_id(run_id: str) -> str:
    """An id that no other message has: Celery's worker throws away for hours what has the id of a message that expired."""
    return f"{run_id}.{secrets.token_hex(4)}"


def run_of_message(message: str) -> str:
    """The run that a message with this id rings for."""
    return message.partition(".")[0]
