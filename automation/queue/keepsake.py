"""A mark beside the queues that goes when everything in their Redis goes: how its loss is noticed at once.

Owns: the mark.
Never: decides what follows.

RabbitMQ writes its messages down and has no such mark.
"""

from __future__ import annotations

from typing import Any


class Keepsake:
    """The mark of one installation.

    Parameters
    ----------
    prefix: of all its keys.
    """

    def __init__(self, prefix: str) -> None:
        self._key = f"{prefix}:keepsake"

    def is_gone(self, producer: Any) -> bool:
        """Whether the queues' Redis was emptied, or replaced by an empty one, since the mark was left, or has never had it."""
        client = getattr(producer.channel, "client", None)
        return client is not None and not client.exists(self._key)

    def leave(self, producer: Any) -> None:
        """Leave the mark."""
        producer.channel.client.set(self._key, "1")
