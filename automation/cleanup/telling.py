"""What a clean-up says of itself: its progress, and the result that a run keeps.

Owns: rate and time left, and the names of the result's keys.
Never: reads a database.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from automation.cleanup.plan import Plan
from automation.cleanup.sweep import Swept
from automation.clock import Clock
from automation.text import format_duration, instant

_EVERY = 10.0


class Teller:
    """Passes progress on, and says rate and time left in the log now and then."""

    def __init__(
        self, log: logging.Logger | logging.LoggerAdapter[Any], clock: Clock, progress: Callable[[int, int], None]
    ) -> None:
        self._log, self._clock, self._progress = log, clock, progress
        self._began = self._told = clock.monotonic()
        self._first: int | None = None

    def __call__(self, done: int, total: int) -> None:
        """So many rows of so many have gone."""
        self._progress(done, total)
        now = self._clock.monotonic()
        if self._first is None:
            self._first, self._began = done, now
        if now - self._told < _EVERY or now <= self._began:
            return
        self._told = now
        rate = (done - self._first) / (now - self._began)
        left = format_duration((total - done) / rate) if rate else "?"
        self._log.info("%s of %s rows, %s rows a second, %s left", f"{done:,}", f"{total:,}", f"{rate:,.0f}", left)


def result_of(plan: Plan, swept: Swept, remaining: int) -> dict[str, Any]:
    """What `automation show` shows of a rule."""
    counts = plan.counts
    return {
        "table": plan.rule.table,
        "cutoff": instant(plan.cutoff) if plan.cutoff else None,
        "read_as": plan.kind,
        "matched": counts.matched + swept.before,
        "deleted": swept.deleted,
        "deleted_is": "exact" if swept.recorded or not swept.batches else "at least",
        "children": swept.children if swept.batches else dict.fromkeys(plan.children, 0),
        "matched_children": dict(plan.children),
        "detached": dict(plan.detached),
        "kept": swept.kept,
        "batches": swept.batches,
        "archived": dict(swept.archived),
        "files": [str(path) for path in swept.files],
        "complete": swept.complete,
        "stopped": swept.stopped,
        "asked": swept.asked,
        "resumed": swept.before > 0,
        "seconds": round(swept.seconds, 3),
        "waited_for_replicas": round(swept.waited, 3),
        "total": counts.total,
        "remaining": remaining,
        "percent": round(counts.percent, 2),
        "without_date": counts.undated,
        "unreadable": counts.unreadable,
        "in_future": counts.future,
        "oldest": counts.oldest,
        "newest": counts.newest,
        "walks_along": list(plan.along),
        "access": plan.access,
        "sample": list(plan.sample),
    }
