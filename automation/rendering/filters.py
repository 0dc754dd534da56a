"""Filters for people: numbers, money, dates, durations and sizes, written one plain way.

Owns: how a value of a query is written in a report or mail.
Never: guesses a zone, currency or language: the document, or the filter's argument, says it.

| filter | example | gives |
|---|---|---|
| `number(digits)` | `1234.5 \\| number(2)` | `1,234.50`; without digits as many as the value has, at most six |
| `money(currency)` | `-5 \\| money("EUR")` | `-€5.00`; codes without a sign of their own stand behind: `5.00 CHF` |
| `percent(digits)` | `0.1234 \\| percent` | `12.3%` |
| `date(zone, format)` | `moment \\| date` | `2026-11-02` |
| `datetime(zone, format)` | `moment \\| datetime("Europe/Madrid")` | `2026-11-02 08:00` |
| `duration` | `5400 \\| duration` | `1h 30m` |
| `bytes` | `1500000 \\| bytes` | `1.5 MB` |

No value (NULL) is written as `–`. Aware moments are shown in the zone; naive ones as they are, because nobody
knows theirs. ISO 8601 text, which SQLite gives for dates, is read as a date.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from jinja2.runtime import Undefined

from automation.text import format_duration, size

NOTHING = "–"
_SIGNS = {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥", "INR": "₹", "KRW": "₩", "ILS": "₪", "UAH": "₴", "VND": "₫"}
#: Currencies without a smaller unit.
WHOLE = {"JPY", "KRW", "VND", "CLP", "ISK", "PYG", "UGX", "XAF", "XOF", "XPF"}
_MOST_DIGITS = 6
#: Up to here a float holds its thousandths, so that its distance from a half is known.
_SURELY = 1e11


def number(value: Any, digits: int | None = None) -> str:
    """A number with thousands separators; halves are rounded away from zero, as on an invoice.

    Raises ValueError for what is not a number.
    """
    if value is None:
        return NOTHING
    if type(value) is int and not digits:
        return f"{value:,}"
    if type(value) is float and digits is not None and _sure(value, 10.0**digits):
        return f"{value:,.{digits}f}"
    exact = _decimal(value)
    if not exact.is_finite():
        return "NaN" if exact.is_nan() else ("∞" if exact > 0 else "-∞")
    if digits is not None:
        return _grouped(_rounded(exact, digits))
    if isinstance(value, Decimal):
        return f"{value:,f}"
    shown = _grouped(_rounded(exact, _MOST_DIGITS))
    return shown.rstrip("0").rstrip(".") if "." in shown else shown


def numbers(values: Sequence[Any], digits: int | None = None) -> list[str]:
    """A column of numbers, each as `number` writes it; those of one type at a third of the time."""
    kinds = set(map(type, values))
    if kinds == {int} and not digits:
        return [f"{value:,}" for value in values]
    if kinds == {float} and digits is not None:
        scale, form = 10.0**digits, f",.{digits}f"
        return [f"{value:{form}}" if _sure(value, scale) else number(value, digits) for value in values]
    return [number(value, digits) for value in values]


def _sure(value: float, scale: float) -> bool:
    """Whether the binary fraction is rounded as the decimal one that people see: it is not near a half, nor near zero."""
    scaled = abs(value * scale)
    return 0.5 < scaled < _SURELY and abs(scaled % 1.0 - 0.5) > 0.001


def money(value: Any, currency: str = "", digits: int | None = None) -> str:
    """An amount with two digits (none for yen and the like) and its currency, where one is given."""
    if value is None:
        return NOTHING
    places, before, after = money_form(currency)
    return around(number(value, places if digits is None else digits), before, after)


def money_form(currency: str) -> tuple[int, str, str]:
    """How many digits an amount has, and what stands before and behind it."""
    sign = _SIGNS.get(currency)
    places = 0 if currency in WHOLE else 2
    return (places, sign, "") if sign else (places, "", f" {currency}" if currency else "")


def around(shown: str, before: str, after: str) -> str:
    """A written number between the two; a minus stands before both."""
    return f"-{before}{shown[1:]}{after}" if shown[:1] == "-" else f"{before}{shown}{after}"


def percent(value: Any, digits: int = 1) -> str:
    """A ratio as percent: 0.5 is `50.0%`."""
    return NOTHING if value is None else f"{number(_decimal(value) * 100, digits)}%"


def duration(value: Any) -> str:
    """Seconds or a timedelta in the two largest units."""
    if value is None:
        return NOTHING
    return format_duration(value if isinstance(value, timedelta) else float(_decimal(value)))


def byte_size(value: Any) -> str:
    """A number of bytes in powers of 1000."""
    return NOTHING if value is None else size(int(_decimal(value)))


def day(value: Any, zone: str = "UTC", form: str = "%Y-%m-%d") -> str:
    """A date, or the day of a moment in the zone."""
    return NOTHING if value is None else in_zone(value, zone).strftime(form)


def moment(value: Any, zone: str = "UTC", form: str = "%Y-%m-%d %H:%M") -> str:
    """A moment in the zone, to the minute."""
    return NOTHING if value is None else in_zone(value, zone).strftime(form)


def in_zone(value: Any, zone: str) -> datetime:
    """A date, datetime or ISO 8601 text as a datetime; an aware one is moved into the zone.

    Raises ValueError for anything else, and for an unknown zone.
    """
    _defined(value)
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            raise ValueError(f"'{value[:60]}' is not a date; write ISO 8601, such as 2026-11-02 08:00:00") from None
    if not isinstance(value, date):
        raise ValueError(f"{value!r} is not a date")  # noqa: TRY004 - the message is about the value, not our caller
    found = value if isinstance(value, datetime) else datetime.combine(value, time())
    if found.tzinfo is None:
        return found
    try:
        return found.astimezone(ZoneInfo(zone))
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"'{zone}' is not a time zone; write a name such as Europe/Madrid") from error


def _defined(value: Any) -> None:
    if isinstance(value, Undefined):
        str(value)  # raises the error that names the variable


def _decimal(value: Any) -> Decimal:
    _defined(value)
    if isinstance(value, timedelta):
        return Decimal(str(value.total_seconds()))
    try:
        return Decimal(value) if isinstance(value, (int, Decimal)) else Decimal(str(value).strip())
    except InvalidOperation:
        raise ValueError(f"'{str(value)[:60]}' is not a number") from None


def _rounded(value: Decimal, digits: int) -> Decimal:
    try:
        return value.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
    except InvalidOperation:  # more digits than the context keeps: nothing there is left to round
        return value


def _grouped(value: Decimal) -> str:
    shown = f"{value:,f}"
    return shown[1:] if shown.startswith("-") and not value else shown
