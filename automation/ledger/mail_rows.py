"""A mail of the outbox as it is read.

Owns: that shape.
Never: writes it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

from automation.ledger.rows import Row, plain
from automation.ledger.states import MailState


@dataclass(frozen=True)
class MailRow(Row):
    """A mail to one recipient in the outbox."""

    id: int
    scope: str
    message_key: str
    recipient: str
    run_id: str
    job: str
    sender: str
    subject: str
    message_id: str
    message: bytes = field(repr=False)
    state: MailState
    tries: int
    created_at: datetime
    due_at: datetime
    finished_at: datetime | None
    response: str | None
    server: str
    on_doubt: str
    expires_at: datetime | None
    uncounted: int
    holder: str | None
    digest: str | None = None

    def as_json(self) -> dict[str, Any]:
        """All fields but the message, instants in ISO 8601 UTC."""
        return {item.name: plain(getattr(self, item.name)) for item in fields(self) if item.name != "message"}
