"""When a report goes out: what its data say, and what was known before.

Owns: emptiness, thresholds and their states, whether anything changed.
Never: sends or stores anything.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from automation.reports.answer import Answer
from automation.reports.compare import all_numbers
from automation.reports.writers import exact_sum

TRIGGERED, QUIET, BACK = "triggered", "not triggered", "back to normal"


def is_empty(answers: Sequence[Answer]) -> bool:
    """Whether nothing was found: no rows, or one row of which every value is NULL or zero, as counts and sums give."""
    return all(len(answer.rows) < 2 and not any(map(any, answer.rows)) for answer in answers)


def facts_of(answers: Mapping[str, Answer]) -> dict[str, dict[str, Any]]:
    """What an expression may ask of each query: `rows`, `first`, `last`, `found` and the columns' `total`."""
    made = {}
    for name, answer in answers.items():
        records = answer.records()
        made[name] = {
            "rows": records,
            "first": records[0] if records else dict.fromkeys(answer.columns),
            "last": records[-1] if records else dict.fromkeys(answer.columns),
            "found": answer.found,
            "total": {column: _total(answer, at) for at, column in enumerate(answer.columns)},
        }
    return made


def _total(answer: Answer, at: int) -> Any:
    present = [row[at] for row in answer.rows if row[at] is not None]
    return exact_sum(present) if all_numbers(present) else None


@dataclass(frozen=True)
class State:
    """Where a threshold stands."""

    name: str
    title: str
    state: str

    @property
    def key(self) -> str:
        """By which key the document's words have it."""
        return {TRIGGERED: "triggered", QUIET: "quiet"}.get(self.state, "back")

    @property
    def news(self) -> str:
        """How it is shown."""
        return {TRIGGERED: "bad", BACK: "good"}.get(self.state, "")


def state_of(now: bool, before: bool) -> str:
    """A threshold's state after what it was before."""
    return TRIGGERED if now else BACK if before else QUIET


def digest(answers: Mapping[str, Answer]) -> str:
    """What tells two answers apart: their columns and rows, and not how long they took."""
    found = hashlib.sha256()
    for name, answer in answers.items():
        found.update(json.dumps([name, answer.columns, answer.found]).encode())
        for rows in answer.portions():
            found.update(repr(list(rows)).encode("utf-8", "backslashreplace"))
    return found.hexdigest()


def remembered(state: Mapping[str, Any], name: str, moment: str) -> Any:
    """What was known before this occurrence; made again, it sees what it saw the first time.

    Parameters
    ----------
    state: what the job keeps between its runs.
    moment: the occurrence's.
    """
    kept = state.get(name) or {}
    return kept.get("before") if kept.get("moment") == moment else kept.get("now")


def remember(moment: str, before: Any, now: Any) -> dict[str, Any]:
    """What to keep of an occurrence for the next one, and for itself."""
    return {"moment": moment, "before": before, "now": now}
