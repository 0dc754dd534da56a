"""Text → value: numbers, money, dates, truth, as people write them.

Owns: how each type reads a text, and when it refuses to guess.
Never: knows where the text came from.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from email.utils import parsedate_to_datetime

from automation.text import instant, printable

_LONGEST = 400
_LARGEST = Decimal(10) ** 14
_NUMBER = re.compile(r"(?:(?<!\w)[-+])?(?:\d(?:[\d.,']*\d)?|\.\d+)")
_SPACED = re.compile(r"(?<=\d) (?=\d{3}(?!\d))")
_NO = frozenset(
    (
        "no", "false", "0", "off", "none", "n/a", "nein", "non", "sold out", "out of stock", "not in stock", "not available",
        "unavailable", "temporarily out of stock", "currently unavailable", "agotado", "ausverkauft", "épuisé", "esaurito",
    )
)  # fmt: skip
_DATE_FORMS = (
    "%d %B %Y", "%d %b %Y", "%B %d, %Y", "%b %d, %Y", "%B %d %Y", "%b %d %Y", "%A, %d %B %Y", "%a, %d %b %Y",
    "%Y/%m/%d", "%Y.%m.%d", "%d %B %Y %H:%M", "%d %b %Y %H:%M", "%b %d, %Y %H:%M", "%B %d, %Y %H:%M", "%Y/%m/%d %H:%M",
)  # fmt: skip
_CODES = {
    "€": "EUR", "euro": "EUR", "eur": "EUR", "£": "GBP", "¥": "JPY", "￥": "JPY", "zł": "PLN", "Zł": "PLN", "Kč": "CZK",
    "₽": "RUB", "₴": "UAH", "₪": "ILS", "₩": "KRW", "₹": "INR", "₺": "TRY", "₫": "VND", "฿": "THB", "₱": "PHP",
    "US$": "USD", "CA$": "CAD", "C$": "CAD", "AU$": "AUD", "A$": "AUD", "NZ$": "NZD", "HK$": "HKD", "R$": "BRL",
    "MX$": "MXN", "S$": "SGD", "NT$": "TWD",
}  # fmt: skip


@dataclass(frozen=True)
class Money:
    """An exact amount, four decimals, and its currency: a code where the sign has one, else the sign as written."""

    amount: Decimal
    currency: str | None


def read_number(text: str, decimal: str | None = None) -> Decimal:
    """The one number in a text: `1,234.56`, `1.234,56`, `1 234,56`, `1'299`, `-5`, `4.5`.

    A single `.` is decimal; a single `,` before exactly three digits groups, any other is decimal; `decimal` settles it.
    Raises ValueError when there is no number, or more than one.
    """
    plain = _plain(text)
    found = _NUMBER.findall(_SPACED.sub("", plain))
    if len(found) != 1 or "⁄" in plain:
        how = "no number" if not found else "more than one number; pick one with regex"
        raise ValueError(f"'{printable(text, 60)}' holds {how}")
    return _decimal(found[0].replace("'", ""), decimal, text)


def _plain(text: str) -> str:
    """Digits and signs of every script in their ASCII form, marks of direction taken out."""
    if len(text) > _LONGEST:
        raise ValueError(f"'{printable(text, 60)}' is too long for one value; narrow the selector")
    folded = unicodedata.normalize("NFKC", text).replace("−", "-").replace("’", "'").replace("٫", ".").replace("٬", ",")
    letters = (char for char in folded if unicodedata.category(char) != "Cf")
    return "".join(str(unicodedata.decimal(char)) if char.isdecimal() else char for char in letters)


def _decimal(digits: str, sign: str | None, text: str) -> Decimal:
    sign = sign or _guess_sign(digits)
    other = "," if sign == "." else "."
    whole, _, part = (
        digits.replace(other, "").rpartition(sign) if sign in digits else (digits.replace(other, ""), "", "")
    )
    try:
        number = Decimal(f"{whole.replace(sign, '') or '0'}.{part or '0'}")
    except InvalidOperation:
        raise ValueError(f"'{printable(text, 60)}' is not a number") from None
    if abs(number) >= _LARGEST:
        raise ValueError(f"'{printable(text, 60)}' is larger than {_LARGEST:,.0f}")
    return -abs(number) if whole.startswith("-") else number


def _guess_sign(digits: str) -> str:
    dots, commas = digits.count("."), digits.count(",")
    if dots and commas:
        return "." if digits.rfind(".") > digits.rfind(",") else ","
    whole, _, part = digits.lstrip("+-").rpartition(",")
    groups = commas == 1 and len(part) == 3 and 1 <= len(whole) <= 3 and whole != "0"
    return "," if dots > 1 or (commas == 1 and not groups) else "."


def read_int(text: str, decimal: str | None = None) -> int:
    """The one whole number in a text. Raises ValueError for a fraction, none, or several."""
    number = read_number(text, decimal)
    if number != number.to_integral_value():
        raise ValueError(f"'{printable(text, 60)}' is not a whole number")
    return int(number)


def read_money(text: str, decimal: str | None = None, currency: str | None = None) -> Money:
    """The amount and currency of a price. Raises ValueError when there is no amount or it is out of range."""
    from price_parser import Price

    price = Price.fromstring(_plain(text), decimal_separator=decimal)
    if price.amount is None:
        raise ValueError(f"'{printable(text, 60)}' holds no amount of money")
    if abs(price.amount) >= _LARGEST:
        raise ValueError(f"'{printable(text, 60)}' is larger than {_LARGEST:,.0f}")
    sign = price.currency
    return Money(price.amount.quantize(Decimal("0.0001")), _CODES.get(sign, sign) if sign else currency)


def read_date(text: str, form: str | None = None) -> str:
    """A date as ISO 8601: `2026-11-21`, or an instant in UTC where the text has a time and a zone.

    Without `form`: ISO, RFC 2822, and English dates with the month in letters; `03/04/2026` needs a form.
    Raises ValueError for anything else.
    """
    plain = _plain(text).strip()
    moment = datetime.strptime(plain, form) if form else _known_date(plain)  # noqa: DTZ007 - a page's date may have no zone
    if moment is None:
        raise ValueError(f"'{printable(text, 60)}' is not a date that can be read for certain; set format")
    has_time = ":" in plain if not form else any(part in form for part in ("%H", "%I", "%X", "%c", "%T"))
    if moment.tzinfo is not None:
        return instant(moment.astimezone(UTC))
    return moment.isoformat() if has_time else moment.date().isoformat()


def _known_date(text: str) -> datetime | None:
    try:
        return datetime.combine(date.fromisoformat(text), datetime.min.time())
    except ValueError:
        pass
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        pass
    ordinal_free = re.sub(r"(?<=\d)(st|nd|rd|th)\b", "", text)
    for form in _DATE_FORMS:
        try:
            return datetime.strptime(ordinal_free, form)  # noqa: DTZ007 - a page's date may have no zone
        except ValueError:
            continue
    try:
        return parsedate_to_datetime(text) if "," in text and ":" in text else None
    except (ValueError, TypeError, IndexError):
        return None


def read_bool(text: str) -> bool:
    """False for a word of refusal (no, false, 0, off, sold out, out of stock, …); anything else there is true."""
    return text.strip().strip(".!").casefold() not in _NO
