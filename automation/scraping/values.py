"""Text → value: numbers, money, truth, as people write them.

Owns: how each type but dates reads a text, and when it refuses to guess.
Never: knows where the text came from.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from automation.text import printable

_LONGEST = 400
_LARGEST = Decimal(10) ** 14
_PLACES = Decimal("0.0001")
#: What a price may lose by four decimals: the noise of a program's arithmetic, and no more.
_ROUNDED = Decimal("0.001")
_NUMBER = re.compile(r"(?:(?<!\w)[-+])?(?:\d(?:[\d.,']*\d)?|\.\d+)")
_SPACED = re.compile(r"(?<=\d) (?=\d{3}(?!\d))")
_PRICE = re.compile(r"(?:([£€$]) ?)?(\d{1,12})(?:([.,])(\d\d))?(?: ?([£€$]))?", re.ASCII)
_NO = frozenset(
    (
        "no", "false", "0", "off", "none", "n/a", "nein", "non", "sold out", "out of stock", "not in stock", "not available",
        "unavailable", "temporarily out of stock", "currently unavailable", "agotado", "ausverkauft", "épuisé", "esaurito",
    )
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
    plain = plain_text(text)
    found = _NUMBER.findall(_SPACED.sub("", plain))
    if len(found) != 1 or "⁄" in plain:
        how = "no number" if not found else "more than one number; pick one with regex"
        raise ValueError(f"'{printable(text, 60)}' holds {how}")
    return _decimal(found[0].replace("'", ""), decimal, text)


def plain_text(text: str) -> str:
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


def read_money(
    text: str, decimal: str | None = None, currency: str | None = None, local: Mapping[str, str] | None = None
) -> Money:
    """The amount and currency of a price. Raises ValueError when there is no amount or it is out of range.

    Parameters
    ----------
    currency: what is meant where the text names none.
    local: sign → code, where people of one country mean one by a sign that several have.
    """
    if (plain := _plain_price(text, decimal)) is not None:
        return Money(plain[0], (local or _CODES).get(plain[1]) or _CODES.get(plain[1], plain[1]))
    from price_parser import Price

    price = Price.fromstring(plain_text(text), decimal_separator=decimal)
    if price.amount is None:
        raise ValueError(f"'{printable(text, 60)}' holds no amount of money")
    if abs(price.amount) >= _LARGEST:
        raise ValueError(f"'{printable(text, 60)}' is larger than {_LARGEST:,.0f}")
    sign = price.currency
    code = (local or _CODES).get(sign) or _CODES.get(sign, sign) if sign else currency
    kept = price.amount.quantize(_PLACES)
    if abs(kept - price.amount) > _ROUNDED * abs(price.amount):
        raise ValueError(
            f"'{printable(text, 60)}' has more decimals than the four that money keeps; write type = \"number\""
        )
    return Money(kept, code)


def _plain_price(text: str, decimal: str | None) -> tuple[Decimal, str] | None:
    """The amount and sign of a price in its commonest form, which nobody reads otherwise: £51.77, 51,77 €."""
    found = _PRICE.fullmatch(text)
    if found is None or (found[1] is None) == (found[5] is None) or (found[3] and decimal not in (None, found[3])):
        return None
    return Decimal(f"{found[2]}.{found[4] or '0'}").quantize(_PLACES), found[1] or found[5]


def read_bool(text: str) -> bool:
    """False for a word of refusal (no, false, 0, off, sold out, out of stock, …); anything else there is true."""
    return text.strip().strip(".!").casefold() not in _NO
