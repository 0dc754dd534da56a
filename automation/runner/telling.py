"""The wording of what happens to runs, for the process's log.

Owns: one sentence for each event.
Never: is needed: the ledger has the facts.
"""

from __future__ import annotations

import logging

from automation.events import RunEvent
from automation.text import format_duration

_log = logging.getLogger("automation.runs")
_LEVELS = {"run.dead": logging.ERROR, "run.retrying": logging.WARNING, "run.started": logging.DEBUG}


def tell(event: RunEvent) -> None:
    """Log an event: a dead run is an error, a retry a warning, a start is for debugging."""
    what = event.name.removeprefix("run.")
    took = "" if event.seconds is None else f" in {format_duration(event.seconds)}"
    reason = f": {event.reason}" if event.reason else ""
    level = _LEVELS.get(event.name, logging.INFO)
    _log.log(level, "%s %s%s%s", event.job, what, took, reason, extra={"run": event.run_id, "attempt": event.attempt})
