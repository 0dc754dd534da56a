"""What a locale says of numbers and money.

Owns: the decimal sign and the currency of a locale, as CLDR has them.
Never: formats anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from automation.text import printable


@dataclass(frozen=True)
class Customs:
    """What people of a locale mean.

    Parameters
    ----------
    decimal: the sign before the fraction.
    currency: what is paid with there today; None for a language without a country.
    sign: what is written for it, which other countries may write for theirs: $, kr.
    """

    decimal: str
    currency: str | None
    sign: str | None


@lru_cache(maxsize=64)
def customs(locale: str) -> Customs:
    """The customs of `es-MX`, `de`, `pt_BR`. Raises ValueError for a locale that nobody knows."""
    from babel import Locale, UnknownLocaleError
    from babel.numbers import get_currency_symbol, get_decimal_symbol, get_territory_currencies

    try:
        found = Locale.parse(locale.replace("_", "-"), sep="-")
    except (UnknownLocaleError, ValueError, TypeError):
        raise ValueError(
            f"'{printable(locale, 40)}' is not a known locale; write one such as es-MX, de, en-GB"
        ) from None
    paid = get_territory_currencies(found.territory) if found.territory else []
    currency = str(paid[0]) if paid else None
    sign = str(get_currency_symbol(currency, found)) if currency else None
    return Customs("," if get_decimal_symbol(found) in (",", "٫") else ".", currency, sign)


NOBODYS = Customs(".", None, None)
