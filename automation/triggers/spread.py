"""`H` in a cron expression: a value that is the same for ever for one schedule, and another for the next.

Owns: from `H`, `H(0-29)` and `H/15` to numbers, hashed from the schedule's name.
Never: draws at random.
"""

from __future__ import annotations

import hashlib
import re

from automation.triggers.base import TriggerInvalid
from automation.triggers.cronfields import FIELDS, Field, parts_of

_H = re.compile(r"h(?:\(([0-9]{1,2})-([0-9]{1,2})\))?(?:/([0-9]{1,2}))?")
_ANY_H = re.compile(r"(?:^|[\s,])h(?:[\s,/(]|$)", re.IGNORECASE)
#: No month lacks a day up to this one.
_LAST_SAFE_DAY = 28


def resolve(expression: str, name: str, seconds: str | None = None) -> str:
    """The expression with a number in place of each `H`; without one, as it is.

    Parameters
    ----------
    name: of the schedule, with its job; as long as it stays, so do the numbers.

    Raises TriggerInvalid for a range or a step that the field does not take.
    """
    if not _ANY_H.search(expression):
        return expression
    parts = [_part(field, part, name) for field, part in zip(FIELDS, parts_of(expression, seconds), strict=True)]
    if seconds is None:
        return " ".join(parts[1:])
    return " ".join(parts if seconds == "first" else [*parts[1:], parts[0]])


def _part(field: Field, part: str, name: str) -> str:
    return ",".join(_term(field, term, name) for term in part.split(","))


def _term(field: Field, term: str, name: str) -> str:
    found = _H.fullmatch(term)
    if found is None:
        return term
    first, last, step = (int(number) if number else None for number in found.groups())
    widest = {"day of month": _LAST_SAFE_DAY, "day of week": 6}.get(field.name, field.most)
    start, end = (field.least, widest) if first is None or last is None else (first, last)
    if start < field.least or end > field.most or end < start:
        raise TriggerInvalid(
            f"{field.name} '{term}': the range must lie within {field.grammar} and run forwards", "cron"
        )
    digest = int.from_bytes(hashlib.sha256(f"{name}\0{field.name}".encode()).digest()[:8])
    if step is None:
        return str(start + digest % (end - start + 1))
    if not 1 <= step <= end - start + 1:
        raise TriggerInvalid(
            f"{field.name} '{term}': the step must be from 1 to {end - start + 1}, the values that there are", "cron"
        )
    begin = start + digest % step
    return f"{begin}-{end}/{step}" if begin < end else str(begin)
