"""The parts of a recurrence rule (RFC 5545): what may stand in each, and a sentence for what may not.

Owns: the grammar and its messages; what the rule takes from its beginning is written out.
Never: computes a date; that is dateutil's.
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import datetime

from automation.text import nearest, printable
from automation.triggers.base import TriggerInvalid

#: From the rarest to the most frequent; a DAILY rule or a rarer one is written in wall-clock times.
FREQUENCIES = ("YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY", "MINUTELY", "SECONDLY")
EXAMPLE = '"DTSTART:20260105T090000 RRULE:FREQ=WEEKLY;BYDAY=MO,TH"'
_DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_BY_DAY = re.compile(r"([+-]?[1-9][0-9]?)?(MO|TU|WE|TH|FR|SA|SU)")
_START = re.compile(r"([0-9]{8})(?:T([0-9]{6}))?")
_LONGEST_INTERVAL = 10_000
_LEAP_YEAR = 2024
_FIRST_YEAR, _LAST_YEAR = 1900, 9000
#: Part → the numbers that it takes, and whether they may be counted from the end.
_RANGES = {
    "BYSECOND": (0, 59, False),
    "BYMINUTE": (0, 59, False),
    "BYHOUR": (0, 23, False),
    "BYMONTHDAY": (1, 31, True),
    "BYYEARDAY": (1, 366, True),
    "BYWEEKNO": (1, 53, True),
    "BYMONTH": (1, 12, False),
    "BYSETPOS": (1, 366, True),
}
_ONLY_WITH = {
    "BYWEEKNO": ("YEARLY",),
    "BYYEARDAY": ("YEARLY", "HOURLY", "MINUTELY", "SECONDLY"),
    "BYMONTHDAY": ("YEARLY", "MONTHLY", "DAILY", "HOURLY", "MINUTELY", "SECONDLY"),
}
_KNOWN = ("FREQ", "INTERVAL", "WKST", "BYDAY", *_RANGES)
_ELSEWHERE = {
    "COUNT": "COUNT would count from a beginning that nobody keeps; remove it, and say end_at for an end",
    "UNTIL": "write end_at, which every schedule has, in place of UNTIL",
    "TZID": "write timezone in place of TZID",
}


@dataclass(frozen=True)
class Recurrence:
    """A rule and its beginning.

    Parameters
    ----------
    text: the rule as it was written.
    start: the first possible time, on the wall clocks; naive.
    parts: those of the rule, in capitals, with what the beginning implies (`BYHOUR` …) written out; FREQ, INTERVAL
        and WKST are apart.
    """

    text: str
    start: datetime
    frequency: str
    interval: int
    parts: dict[str, str]
    week_start: str = "MO"

    def rule(self) -> str:
        """The rule as dateutil reads it."""
        parts = {"FREQ": self.frequency, "INTERVAL": str(self.interval), "WKST": self.week_start, **self.parts}
        return ";".join(f"{name}={value}" for name, value in parts.items())


def read_recurrence(text: str) -> Recurrence:
    """The rule of `"DTSTART:20260105T090000 RRULE:FREQ=WEEKLY;BYDAY=MO"`; lines may stand in place of the space.

    Raises TriggerInvalid naming the part, the value and what is allowed.
    """
    written = [f"RRULE:{line}" if line.startswith("FREQ=") else line for line in text.upper().split()]
    lines = [line.partition(":") for line in written]
    if any(name.startswith("DTSTART;") for name, _, _ in lines):
        raise _refused("DTSTART takes no options: " + _ELSEWHERE["TZID"])
    found = [name for name, _, _ in lines]
    for name in found:
        if name not in ("DTSTART", "RRULE") or found.count(name) > 1:
            raise _refused(f"'{printable(name, 40)}' is out of place; write one DTSTART and one RRULE, as in {EXAMPLE}")
    values = {name: value for name, _, value in lines}
    if "DTSTART" not in values or "RRULE" not in values:
        lacking = "DTSTART" if "DTSTART" not in values else "RRULE"
        raise _refused(f"'{printable(text, 60)}' has no {lacking}; write both, as in {EXAMPLE}")
    return _recurrence(_read_start(values["DTSTART"]), values["RRULE"])


def _recurrence(start: datetime, rule: str) -> Recurrence:
    parts: dict[str, str] = {}
    for one in rule.removesuffix(";").split(";"):
        name, _, value = one.partition("=")
        if name in parts:
            raise _refused(f"{name} is there twice; write it once")
        parts[name] = value
    for name in parts:
        if name in _ELSEWHERE:
            raise _refused(_ELSEWHERE[name])
        if name not in _KNOWN:
            meant = nearest(name, _KNOWN)
            raise _refused(
                f"unknown part '{printable(name, 40)}'; "
                + (f"did you mean {meant}?" if meant else f"there are: {', '.join(_KNOWN)}")
            )
    frequency = _choice("FREQ", parts.pop("FREQ", ""), FREQUENCIES)
    interval = _number("INTERVAL", parts.pop("INTERVAL", "1"), 1, _LONGEST_INTERVAL, from_end=False)
    week_start = _choice("WKST", parts.pop("WKST", "MO"), _DAYS)
    for name, value in parts.items():
        _check_part(name, value, frequency)
    _check_dates(parts)
    if "BYSETPOS" in parts and len(parts) == 1:
        raise _refused("BYSETPOS chooses among the times of another BY part; add one, such as BYDAY")
    return Recurrence(rule, start, frequency, interval, {**parts, **_implied(parts, frequency, start)}, week_start)


def _read_start(text: str) -> datetime:
    if text.endswith("Z"):
        raise _refused(
            f"DTSTART '{printable(text, 40)}': write the time on the clocks of the schedule's timezone, without Z"
        )
    found = _START.fullmatch(text)
    if found and not _FIRST_YEAR <= int(text[:4]) <= _LAST_YEAR:
        raise _refused(f"DTSTART '{text}': write a year from {_FIRST_YEAR} to {_LAST_YEAR}")
    try:
        if found:
            return datetime.strptime(f"{found[1]}T{found[2] or '000000'}", "%Y%m%dT%H%M%S")  # noqa: DTZ007  a wall clock
    except ValueError as error:
        raise _refused(f"DTSTART '{printable(text, 40)}' is no date of the calendar") from error
    raise _refused(f"DTSTART '{printable(text, 40)}': write a date and a time, such as 20260105T090000")


def _check_part(name: str, value: str, frequency: str) -> None:
    if name in _ONLY_WITH and frequency not in _ONLY_WITH[name]:
        raise _refused(f"{name} does not go with FREQ={frequency}; it goes with {', '.join(_ONLY_WITH[name])}")
    for term in value.split(","):
        if name != "BYDAY":
            least, most, from_end = _RANGES[name]
            _number(name, term, least, most, from_end=from_end)
            continue
        found = _BY_DAY.fullmatch(term)
        if found is None:
            raise _refused(f"BYDAY '{printable(term, 40)}': write {', '.join(_DAYS)}, or 2MO, -1FR")
        if found[1] and frequency not in ("MONTHLY", "YEARLY"):
            raise _refused(f"BYDAY '{term}': only FREQ=MONTHLY and YEARLY count days; write '{found[2]}'")


def _check_dates(parts: dict[str, str]) -> None:
    """Refuse months and days that never meet, for which dateutil would look for long."""
    months = [int(month) for month in parts.get("BYMONTH", "2,1").split(",")]
    days = [abs(int(day)) for day in parts.get("BYMONTHDAY", "1").split(",")]
    if min(days) > max(monthrange(_LEAP_YEAR, month)[1] for month in months):
        raise _refused(f"it never occurs: no month of BYMONTH={parts['BYMONTH']} has a day {min(days)}")


def _implied(parts: dict[str, str], frequency: str, start: datetime) -> dict[str, str]:
    """What the rule leaves to its beginning, so that the beginning may move."""
    implied: dict[str, str] = {}
    if not parts.keys() & {"BYWEEKNO", "BYYEARDAY", "BYMONTHDAY", "BYDAY"}:
        if frequency == "YEARLY" and "BYMONTH" not in parts:
            implied["BYMONTH"] = str(start.month)
        if frequency in ("YEARLY", "MONTHLY"):
            implied["BYMONTHDAY"] = str(start.day)
        if frequency == "WEEKLY":
            implied["BYDAY"] = _DAYS[start.weekday()]
    finer = {
        "BYHOUR": ("HOURLY", start.hour),
        "BYMINUTE": ("MINUTELY", start.minute),
        "BYSECOND": ("SECONDLY", start.second),
    }
    for name, (limit, value) in finer.items():
        if name not in parts and FREQUENCIES.index(frequency) < FREQUENCIES.index(limit):
            implied[name] = str(value)
    return implied


def _choice(name: str, value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise _refused(f"{name} is '{printable(value, 40)}'; write one of: {', '.join(allowed)}")
    return value


def _number(name: str, text: str, least: int, most: int, *, from_end: bool) -> int:
    sign = r"[+-]?" if from_end else ""
    if not re.fullmatch(rf"{sign}[0-9]{{1,5}}", text) or not least <= abs(int(text)) <= most:
        also = f", or -{most} to -{least} from the end" if from_end else ""
        raise _refused(f"{name} '{printable(text, 40)}' is out of place; write {least} to {most}{also}")
    return int(text)


def _refused(why: str) -> TriggerInvalid:
    return TriggerInvalid(f"the rule cannot be used: {why}", "rrule")
