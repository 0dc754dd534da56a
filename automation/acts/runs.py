"""A run as it is told, and cancelling some.

Owns: that object, and what became of each run that was to be cancelled.
Never: ends a run by force; its worker does, when the run does not stop by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from automation.ledger.ledger import Ledger
from automation.ledger.rows import RunRow
from automation.ledger.states import OPEN


def run_object(ledger: Ledger, run: RunRow) -> dict[str, Any]:
    """The run with all that belongs to it."""
    before, behind = ledger.flows.beside(run)
    return {
        **run.as_json(),
        "params": dict(run.spec.get("params", {})),
        "item": run.spec.get("item"),
        "upstream": [one.as_json() for one in before],
        "downstream": [one.as_json() for one in behind],
        "attempts": [one.as_json() for one in ledger.queries.attempts(run.id)],
        "artifacts": [
            {
                "name": one.name,
                "path": str(one.path),
                "size": one.size,
                "sha256": one.sha256,
                "media_type": one.media_type,
            }
            for one in ledger.queries.artifacts(run.id)
        ],
        "mails": [mail.as_json() for mail in ledger.outbox.list(run_id=run.id, limit=1000)],
    }


def cancel(ledger: Ledger, found: Sequence[RunRow]) -> list[tuple[RunRow, str | None]]:
    """Cancel these runs; each as it is now, with what the wish did to it, or None where it had ended."""
    # Those that wait come first, so that none of them begins in the place of one that ends.
    ids = [run.id for run in sorted(found, key=lambda one: one.state == "running") if run.state in OPEN]
    ledger.runs.request_cancels(ids)
    now = ledger.queries.several([run.id for run in found])
    asked = set(ids)
    return [(now[run.id], _fate(now[run.id], cancelled=run.id in asked)) for run in found]


def _fate(run: RunRow, *, cancelled: bool) -> str | None:
    """What the wish did to a run; None for one that had ended."""
    if not cancelled or run.state not in ("running", "cancelled"):
        return None
    if run.finished_at is None:
        return "is at work, and was asked to stop"
    return "is cancelled, and is not tried again" if run.attempt else "is cancelled, and does not begin"
