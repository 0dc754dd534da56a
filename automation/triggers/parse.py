"""From a specification, as TOML and the ledger hold it, to a trigger.

Owns: which keys name a trigger, and which belong to which.
Never: says where in a file a key is; the error names the key, and who has the file finds it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from automation.text import printable
from automation.triggers.at import AtTrigger
from automation.triggers.base import Trigger, TriggerInvalid
from automation.triggers.bounded import BoundedTrigger
from automation.triggers.cron import CronTrigger
from automation.triggers.delay import DelayTrigger
from automation.triggers.interval import IntervalTrigger

KINDS = ("cron", "every", "fixed_delay", "at", "rrule")
BOUNDS = ("start_at", "end_at")
#: Keys that only some kinds have; `timezone` goes with all, and the bounds with all but `at`.
OPTIONS: Mapping[str, tuple[str, ...]] = {
    "cron": ("seconds", "day_match", "dst_gap", "dst_overlap"),
    "every": ("anchor",),
    "fixed_delay": (),
    "at": (),
    "rrule": ("dst_gap", "dst_overlap"),
}
INSTANTS = ("anchor", *BOUNDS)


def parse_trigger(spec: Mapping[str, Any]) -> Trigger:
    """The trigger of `{"cron": "0 7 * * mon", "timezone": "Europe/Madrid"}` or `{"every": "30s"}`.

    Values are texts, but for a list of `at`; instants are in ISO 8601 with an offset. Raises TriggerInvalid (a ValueError) with a sentence, and the key that is
    wrong in `key`.
    """
    named = [kind for kind in KINDS if kind in spec]
    if len(named) != 1:
        found = " and ".join(named) or "none"
        raise TriggerInvalid(f"a schedule needs exactly one of: {', '.join(KINDS)}; found {found}")
    kind = named[0]
    for key, value in spec.items():
        if not isinstance(value, str) and not (key == "at" and isinstance(value, list)):
            raise TriggerInvalid(f"{key} is {printable(repr(value), 60)}; write a string", key)
        misplaced = option_problem(key, kind)
        if misplaced:
            raise TriggerInvalid(misplaced, key)
    instants = {key: _instant(key, spec[key]) for key in INSTANTS if key in spec}
    trigger = _unbounded(kind, spec, instants)
    if not instants.keys() & set(BOUNDS):
        return trigger
    return BoundedTrigger(trigger, instants.get("start_at"), instants.get("end_at"))


def option_problem(key: str, kind: str) -> str | None:
    """What is wrong with a key beside this kind of rule, if something is."""
    if key in BOUNDS and kind == "at":
        return f"{key} means nothing beside at, which names each instant; remove it"
    owners = [owner for owner, keys in OPTIONS.items() if key in keys]
    if not owners or kind in owners:
        return None
    return f"{key} belongs to {' and '.join(owners)}, not to {kind}; remove it"


def _unbounded(kind: str, spec: Mapping[str, Any], instants: Mapping[str, datetime]) -> Trigger:
    options = {key: spec[key] for key in OPTIONS[kind] if key in spec and key not in instants}
    if kind == "cron":
        return CronTrigger(spec["cron"], spec.get("timezone", "UTC"), **options)
    if kind == "every":
        anchor = instants.get("anchor")
        return IntervalTrigger.parse(spec["every"], **({"anchor": anchor} if anchor else {}))
    if kind == "fixed_delay":
        return DelayTrigger.parse(spec["fixed_delay"])
    if kind == "at":
        return AtTrigger.parse(spec["at"], spec.get("timezone", "UTC"))
    # Late: dateutil takes longer to import than all the rest, and most projects have no such rule.
    from automation.triggers.rrule import RRuleTrigger

    return RRuleTrigger(spec["rrule"], spec.get("timezone", "UTC"), **options)


def _instant(key: str, text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise TriggerInvalid(f"{key} is '{printable(text, 60)}'; write a date and time", key) from error
    if moment.tzinfo is None:
        raise TriggerInvalid(f"{key} is '{printable(text, 60)}'; add its offset from UTC", key)
    return moment
