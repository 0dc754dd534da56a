"""Words for people: durations both ways, counts, the nearest name, sizes, masked control characters.

Owns: how a value is read from and shown to a person.
Never: knows what the value is for.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_PART = re.compile(r"(\d{1,12}(?:\.\d{1,6})?)(ms|s|m|h|d|w)", re.ASCII)
_LONGEST = timedelta(days=36525)
_SIZES = {
    "B": 1,
    **{f"{prefix}B": 1000**power for power, prefix in enumerate("kMGT", 1)},
    **{f"{prefix}iB": 1024**power for power, prefix in enumerate("KMGT", 1)},
}
_SIZE = re.compile(rf"(\d{{1,9}}(?:\.\d{{1,3}})?) ?({'|'.join(_SIZES)})", re.ASCII)
#: A result with more names is a long one, and which of its names are shown in any case.
_LONG_RESULT, _FOREMOST = 12, 4

DURATION_GRAMMAR = 'a number and a unit (ms, s, m, h, d, w), largest first, such as "90s", "15m", "1h30m", "2d"'


@lru_cache(maxsize=1000)
def parse_duration(text: str) -> timedelta:
    """Read `"90s"`, `"1h30m"`, `"2d"`: units from large to small, each once, at most 100 years.

    Raises ValueError with the grammar in the message.
    """
    parts = _PART.findall(text)
    factors = [_UNITS[unit] for _, unit in parts]
    whole = "".join(number + unit for number, unit in parts)
    if not parts or whole != text or factors != sorted(set(factors), reverse=True):
        raise ValueError(f"'{printable(text, 60)}' is not a duration; write {DURATION_GRAMMAR}")
    seconds = sum(float(number) * factor for (number, _), factor in zip(parts, factors, strict=True))
    if seconds > _LONGEST.total_seconds():
        raise ValueError(f"'{printable(text, 60)}' is longer than 100 years; write a shorter duration")
    return timedelta(seconds=seconds)


def format_duration(span: timedelta | float) -> str:
    """Show a span in its two largest units (`1h 30m`), or with tenths or milliseconds when short."""
    seconds = span.total_seconds() if isinstance(span, timedelta) else float(span)
    if seconds < 0:
        return "-" + format_duration(-seconds)
    if seconds == 0:
        return "0s"
    if seconds < 0.9995:
        return f"{round(seconds * 1000)}ms"
    if seconds < 10:
        return f"{seconds:.1f}".removesuffix(".0") + "s"
    left = round(seconds)
    shown: list[str] = []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        amount, left = divmod(left, size)
        if amount:
            shown.append(f"{amount}{unit}")
    return " ".join(shown[:2])


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that was perhaps meant, or None."""
    candidates = {candidate.casefold(): candidate for candidate in known}
    found = difflib.get_close_matches(name.casefold(), candidates, n=1, cutoff=0.6)
    return candidates[found[0]] if found else None


def count(number: int, noun: str, plural: str = "") -> str:
    """`1 job`, `2 jobs`, `1,204 pages`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def size(number: int) -> str:
    """`812 B`, `1.5 MB`: powers of 1000, one decimal."""
    value, units = float(number), ["B", "kB", "MB", "GB", "TB"]
    while value >= 1000 and len(units) > 1:
        value /= 1000
        units.pop(0)
    return f"{value:.0f} {units[0]}" if units[0] == "B" else f"{value:.1f} {units[0]}"


def parse_size(text: str) -> int:
    """`500MB`, `1.5 GB`, `2GiB` → bytes. Raises ValueError with a sentence for anything else."""
    found = _SIZE.fullmatch(text.strip())
    if not found:
        raise ValueError(f'found \'{printable(text, 40)}\'; write a size such as "500MB", "1.5GB" or "2GiB"')
    return int(float(found[1]) * _SIZES[found[2]])


def printable(text: str, limit: int = 500) -> str:
    """Text that cannot move a terminal's cursor or forge a log line: control characters escaped, length bounded."""
    if len(text) <= limit and text.isprintable():
        return text
    safe = "".join(
        char if char.isprintable() or char == " " else char.encode("unicode_escape").decode()
        for char in text[: limit + 1]
    )
    return safe if len(text) <= limit else safe[:limit] + "…"


def one_line(text: str | None, most: int = 80) -> str:
    """A text as a table or a sentence has room for it: its lines as one, cut to so many characters."""
    return printable(" ".join((text or "").split()), most)


def cause(failure_class: str | None, code: str | None) -> str:
    """A failure in a word or two: its class and code; of a class that says nothing, the code alone (`exit:3`)."""
    said = None if failure_class == "unknown" and code else failure_class
    return " ".join(part for part in (said, code) if part)


def ended(sentence: str) -> str:
    """The sentence with its full stop; errors are worded without one, and some close with a sentence that has it."""
    return sentence if sentence.endswith((".", "?", "!", "…")) else f"{sentence}."


def storable(text: str) -> str:
    """Text that every database takes: NUL and half of a surrogate pair are escaped, all else stays."""
    return text.replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode()


def instant(moment: datetime) -> str:
    """ISO 8601 in UTC with a `Z`, whole seconds where there is no fraction: the form of every JSON answer."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def local_time(moment: datetime, timespec: str = "seconds") -> str:
    """The instant on the clocks of this machine, with their offset: who reads it may sit somewhere else."""
    return moment.astimezone().isoformat(" ", timespec).replace("+00:00", "Z")


def plain(value: Any) -> Any:
    """The value in JSON's types."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return value if value is None or type(value) in (str, int, bool) else str(value)


def telling(result: Mapping[str, Any]) -> dict[str, Any]:
    """Of a result with many names those that say something, and the first ones in any case; a short one as it is."""
    long = len(result) > _LONG_RESULT
    return {
        name: value
        for position, (name, value) in enumerate(result.items())
        if not long or position < _FOREMOST or value not in (None, 0, "", [], {})
    }
