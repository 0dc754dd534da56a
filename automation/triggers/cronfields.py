"""The fields of a cron expression: what may stand in each, and a sentence for what may not.

Owns: the grammar and its messages; five fields, or six where the rule says at which end the seconds stand.
Never: computes a date; that is cronsim's.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from automation.text import printable
from automation.triggers.base import TriggerInvalid

ALIASES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
SECONDS = ("first", "last")
DAY_MATCHES = ("or", "and")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_FIVE = "minute hour day-of-month month day-of-week"
#: `5-5/10` is 5 alone; cronsim would count on from there.
_SINGLE_RANGE = re.compile(r"\b([a-z0-9]+)-\1/[0-9]+")
_UNTIL_SUNDAY = re.compile(r"(?<=\w)-sun\b")
_NUMBER = re.compile(r"[0-9]{1,4}")
_LAST_WEEKDAY = re.compile(r"([a-z]{3}|[0-7])l")
_NTH_WEEKDAY = re.compile(r"([a-z]{3}|[0-7])#([1-5])")


@dataclass(frozen=True)
class Field:
    """One field: its name, its numbers, and the words that may stand for them."""

    name: str
    least: int
    most: int
    names: tuple[str, ...] = ()
    first_name: int = 0

    @property
    def grammar(self) -> str:
        names = f" or {self.names[0]} to {self.names[-1]}" if self.names else ""
        return f"{self.least} to {self.most}{names}"


FIELDS = (
    Field("second", 0, 59),
    Field("minute", 0, 59),
    Field("hour", 0, 23),
    Field("day of month", 1, 31),
    Field("month", 1, 12, _MONTHS, 1),
    Field("day of week", 0, 7, _WEEKDAYS),
)


def fields_of(text: str, seconds: str | None = None) -> tuple[str, ...]:
    """The six fields, seconds first, in lower case, of an expression or an alias such as `@hourly`.

    Parameters
    ----------
    seconds: `first` or `last`, where the sixth field stands; None for five fields, whose second is 0.

    Raises TriggerInvalid naming the field, the value and what is allowed.
    """
    parts = parts_of(text, seconds)
    parts[-1] = _UNTIL_SUNDAY.sub("-7", parts[-1])
    for field, part in zip(FIELDS, parts, strict=True):
        for term in part.split(","):
            _check_term(field, term, part)
    return tuple(_SINGLE_RANGE.sub(r"\1", part) for part in parts)


def parts_of(text: str, seconds: str | None) -> list[str]:
    """The six fields as they stand, seconds first, in lower case. Raises TriggerInvalid for another number of them."""
    parts = _expand(text).lower().split()
    if seconds is not None and seconds not in SECONDS:
        raise TriggerInvalid(f"found '{printable(seconds, 60)}'; write one of: {', '.join(SECONDS)}", "seconds")
    if seconds is None and len(parts) == 6:
        raise TriggerInvalid(
            f"'{printable(text, 60)}' has 6 fields, and a cron has 5: {_FIVE}; "
            'with seconds, say where they stand: seconds = "first" or seconds = "last"',
            "cron",
        )
    if len(parts) != (5 if seconds is None else 6):
        years = "; a cron has no year: write start_at and end_at, or at" if len(parts) == 7 else ""
        raise TriggerInvalid(f"'{printable(text, 60)}' has {len(parts)} fields, and {_wanted(seconds)}{years}", "cron")
    if seconds is None:
        return ["0", *parts]
    return parts if seconds == "first" else [parts[-1], *parts[:-1]]


def both_days(fields: Sequence[str]) -> bool:
    """Whether the fields name days of the month and days of the week."""
    return not fields[3].startswith("*") and not fields[5].startswith("*")


def either_day(fields: Sequence[str]) -> str | None:
    """What to know of fields that name days of the month and of the week, where nobody said what that means."""
    if not both_days(fields):
        return None
    return (
        f"day of month '{fields[3]}' and day of week '{fields[5]}' are both set, and it fires on days that match "
        'either; say day_match = "or", or day_match = "and" for days that match both'
    )


def _wanted(seconds: str | None) -> str:
    """How many fields there must be, and which."""
    if seconds is None:
        return f"a cron has 5: {_FIVE}"
    six = f"second {_FIVE}" if seconds == "first" else f"{_FIVE} second"
    return f'seconds = "{seconds}" makes it 6: {six}; write them all, or remove seconds'


def _expand(text: str) -> str:
    text = text.strip()
    if not text:
        raise TriggerInvalid('the cron is empty; write 5 fields, such as "0 7 * * mon"', "cron")
    if not text.startswith("@"):
        return text
    if text.lower() == "@reboot":
        raise TriggerInvalid("'@reboot' is no time; write run_on_start = true", "cron")
    if text.lower() not in ALIASES:
        raise TriggerInvalid(
            f"'{printable(text, 60)}' is not known; write 5 fields or one of: {', '.join(ALIASES)}", "cron"
        )
    return ALIASES[text.lower()]


def _check_term(field: Field, term: str, part: str) -> None:
    if _is_special(field, term):
        return
    span, slash, step = term.partition("/")
    if slash:
        _check_step(field, step, part)
    if span == "*":
        return
    first, dash, last = span.partition("-")
    start = _value(field, first, part)
    if dash and _value(field, last, part) < start:
        raise _refused(field, part, f"the range '{span}' runs backwards; write two terms with a comma")


def _is_special(field: Field, term: str) -> bool:
    """`L` and `LW` as day of month; `5L` (the last Friday) and `fri#2` (the second one) as day of week."""
    if field.name == "day of month":
        return term in ("l", "lw")
    found = _LAST_WEEKDAY.fullmatch(term) or _NTH_WEEKDAY.fullmatch(term)
    if field.name != "day of week" or not found:
        return False
    return found.group(1) in _WEEKDAYS or found.group(1).isdigit()


def _check_step(field: Field, step: str, part: str) -> None:
    if not _NUMBER.fullmatch(step) or int(step) == 0:
        raise _refused(field, part, f"the step '{printable(step, 20)}' must be a whole number of at least 1")
    if int(step) > field.most:
        raise _refused(field, part, f"the step {step} is longer than the field, which takes {field.grammar}")


def _value(field: Field, text: str, part: str) -> int:
    if text in field.names:
        return field.names.index(text) + field.first_name
    if text == "?":
        raise _refused(field, part, "'?' is not known here; write '*' for any")
    if not _NUMBER.fullmatch(text) or not field.least <= int(text) <= field.most:
        what = f"'{printable(text, 20)}' is out of place" if text else "a value is missing"
        raise _refused(field, part, f"{what}; write {field.grammar}")
    return int(text)


def _refused(field: Field, part: str, why: str) -> TriggerInvalid:
    return TriggerInvalid(f"{field.name} '{printable(part, 60)}': {why}", "cron")
