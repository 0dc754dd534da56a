"""The JSON Schema of the keys that say when runs may begin, and who hears of their ends: limits, rates, breakers, alerts.

Owns: kind, range and default of each key, in the words that an editor shows.
Never: says which keys need or refuse which others.
"""

from __future__ import annotations

from automation.ledger.alarm import TOLD, Alerts
from automation.project.model import BreakerPolicy
from automation.project.policies import BREAKER_FAILURES, LONGEST_KEY
from automation.project.schematypes import FAILURES, NAME, Schema, duration, flag, or_reference, table, whole
from automation.text import format_duration

RATE: Schema = {"type": "string", "pattern": "^([1-9][0-9]{0,5}/(s|m|h|d))?$", "examples": ["30/m"]}


def limiting() -> Schema:
    """The keys that say how often runs may begin, and which limits jobs share."""
    names: Schema = {"type": "array", "items": {"type": "string", "pattern": NAME}, "maxItems": 100}
    return {
        "limits": {**names, "description": "of [limits.NAME] in automation.toml, all of which hold; default: none"},
        "rate": or_reference({**RATE, "description": "so many of its runs begin in a span; default: any number"}),
        "rate_key": {
            "type": "string",
            "maxLength": LONGEST_KEY,
            "description": "what the rate counts by; default: the job; may hold {{ params.NAME }}",
        },
    }


def breaker() -> Schema:
    """The table `breaker`."""
    known = BreakerPolicy()
    key = {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY}
    return table(
        {
            "failures": whole(0, 1000, f"so many in a row open it; 0: never; default: {BREAKER_FAILURES}"),
            "open_for": duration(f"until one run tries; default: {format_duration(known.open_for)}"),
            "key": {**key, "description": "what it counts by; default: the job; may hold {{ params.NAME }}"},
            "on": {**FAILURES, "description": "failures that count; default: all"},
        }
    )


def alerts() -> Schema:
    """The table `alerts`."""
    known = Alerts()
    names: Schema = {"type": "array", "items": {"type": "string", "pattern": NAME}, "maxItems": 100}
    events: Schema = {"type": "array", "items": {"enum": list(TOLD)}, "maxItems": len(TOLD)}
    return table(
        {
            "channels": {**names, "description": "of [channels.NAME] in automation.toml, all of which are told"},
            "on": {**events, "description": f"what is told; default: {', '.join(known.on)}"},
            "after_failures": whole(1, 1000, f"so many in a row are told, once; default: {known.after_failures}"),
            "urgent": flag("told in quiet hours, too; default: false"),
            "late_after": duration(
                f"of a run that begins so long after its planned time; default: {format_duration(known.late_after)}"
            ),
        }
    )
