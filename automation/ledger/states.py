"""The words of the ledger: states of a run, outcomes of an attempt, kinds of run, states of a mail.

Owns: which states are open, which may be claimed, which are final.
Never: moves a row.

    queued ──claim──► running ──► succeeded | skipped | cancelled
      ▲                  ├─ failed, attempts left ──► retrying ──claim──► running
      ├── lost, interrupted, snoozed                   └─ attempts spent, given up ──► dead
"""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """Where a run is."""

    QUEUED = "queued"
    RUNNING = "running"
    RETRYING = "retrying"
    SUCCEEDED = "succeeded"
    DEAD = "dead"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    SKIPPED = "skipped"
    MISSED = "missed"


class Outcome(StrEnum):
    """How an attempt ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    LOST = "lost"
    INTERRUPTED = "interrupted"
    SNOOZED = "snoozed"
    CANCELLED = "cancelled"


class Kind(StrEnum):
    """What asked for a run."""

    SCHEDULED = "scheduled"
    CATCHUP = "catchup"
    MANUAL = "manual"
    API = "api"
    FLOW = "flow"
    BACKFILL = "backfill"
    PING = "ping"


class MailState(StrEnum):
    """Where a mail to one recipient is."""

    GATHERED = "gathered"
    BUNDLED = "bundled"
    QUEUED = "queued"
    TAKEN = "taken"
    SENDING = "sending"
    SENT = "sent"
    CAPTURED = "captured"
    TEMPORARY = "temporary"
    PERMANENT = "permanent"
    IN_DOUBT = "in_doubt"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


CLAIMABLE = (State.QUEUED, State.RETRYING)
OPEN = (State.QUEUED, State.RUNNING, State.RETRYING)
FINAL = tuple(state for state in State if state not in OPEN)
