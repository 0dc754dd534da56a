"""Numbers, money and dates as a language writes them.

Owns: what a locale changes of the plain forms of `filters`: separators, signs, places of currencies, orders of dates.
Never: guesses a language; the plain forms hold where none is named.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Any, Literal

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, get_day_names, get_month_names
from babel.numbers import format_decimal, get_currency_precision, get_currency_symbol

from automation.rendering import filters
from automation.rendering.filters import NOTHING, in_zone
from automation.rendering.wording import Phrase, Wording

_DIRECTIVE = re.compile("%(.)")


def check_locale(name: str) -> str:
    """The name, if it is a language's. Raises ValueError."""
    if name:
        _known(name)
    return name


def _known(name: str) -> Locale:
    try:
        return Locale.parse(name.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        raise ValueError(f"'{name[:40]}' is not a locale; write a language such as es, de or en-GB") from None


@dataclass(frozen=True)
class Forms:
    """How a document writes its values.

    Parameters
    ----------
    locale: a language such as `de` or `en-GB`; empty: plain, with ISO dates.
    currency: of money that names none.
    timezone: in which aware moments are shown.
    date_format, datetime_format: as `strftime` has them, over those of the locale.
    own_words: over those that the language has for what a document says by itself.
    """

    locale: str = ""
    currency: str = ""
    timezone: str = "UTC"
    date_format: str = ""
    datetime_format: str = ""
    own_words: Mapping[str, Phrase] = field(default_factory=dict)

    @cached_property
    def words(self) -> Wording:
        """What a document says by itself, in its language."""
        return Wording(self.locale, self.own_words, self.number)

    def formatted(self, value: Any, form: str) -> str:
        """A date or moment as `strftime` has it, names of months and days in the language."""
        found = in_zone(value, self.timezone)
        return found.strftime(_named(form, found, self.locale) if self.locale else form)

    def number(self, value: Any, digits: int | None = None) -> str:
        """A number; halves are rounded away from zero."""
        return self._local(filters.number(value, digits))

    def numbers(self, values: Sequence[Any], digits: int | None = None) -> list[str]:
        """A column of numbers, written at once."""
        plain = filters.numbers(values, digits)
        if not self.locale or not plain:
            return plain
        if _by_thousands(self.locale):
            return "\0".join(plain).translate(_separators(self.locale)).split("\0")
        return [self._local(each) for each in plain]

    def money(self, value: Any, currency: str = "", digits: int | None = None) -> str:
        """An amount with its currency where the language puts it."""
        return NOTHING if value is None else self.amounts([value], currency, digits)[0]

    def amounts(self, values: Sequence[Any], currency: str = "", digits: int | None = None) -> list[str]:
        """A column of amounts, written at once."""
        code = currency or self.currency
        places, before, after = _money_form(self.locale, code) if self.locale and code else filters.money_form(code)
        shown = self.numbers(values, places if digits is None else digits)
        return [filters.around(each, before, after) for each in shown]

    def percent(self, value: Any, digits: int = 1) -> str:
        """A ratio as percent."""
        plain = filters.percent(value, digits)
        if not self.locale or value is None:
            return plain
        suffix = _known(self.locale).percent_formats[None].suffix[0]
        return self._local(plain.removesuffix("%")) + (suffix if "%" in suffix else "%")

    def day(self, value: Any) -> str:
        """A date, or the day of a moment."""
        if value is None:
            return NOTHING
        found = in_zone(value, self.timezone)
        if self.date_format:
            return self.formatted(value, self.date_format)
        return format_date(found.date(), "medium", _known(self.locale)) if self.locale else found.strftime("%Y-%m-%d")

    def moment(self, value: Any) -> str:
        """A moment to the minute."""
        if value is None:
            return NOTHING
        found = in_zone(value, self.timezone)
        if self.datetime_format:
            return self.formatted(value, self.datetime_format)
        if not self.locale:
            return found.strftime("%Y-%m-%d %H:%M:%S" if found.second else "%Y-%m-%d %H:%M")
        # A naive value stays as it is, which Babel would take for UTC.
        return f"{format_date(found.date(), 'medium', _known(self.locale))} {found:%H:%M}"

    def long_moment(self, value: datetime) -> str:
        """`Monday 2 November 2026, 08:00 (Europe/Madrid)`."""
        local = in_zone(value, self.timezone)
        if not self.locale:
            return f"{local:%A} {local.day} {local:%B} {local.year}, {local:%H:%M} ({self.timezone})"
        return f"{format_date(local.date(), 'full', _known(self.locale))}, {local:%H:%M} ({self.timezone})"

    def short_moment(self, value: datetime) -> str:
        """`2 Nov 2026`, with the time unless it is midnight."""
        local = in_zone(value, self.timezone)
        shown = f"{local.day} {local:%b} {local.year}"
        if self.locale:
            shown = format_date(local.date(), "medium", _known(self.locale))
        return shown if (local.hour, local.minute) == (0, 0) else f"{shown} {local:%H:%M}"

    @property
    def calendar(self) -> tuple[list[str], list[str]]:
        """Short names of months, from January on, and of days, from Monday on."""
        language = _known(self.locale or "en")
        months = get_month_names("abbreviated", "stand-alone", language)
        days = get_day_names("abbreviated", "stand-alone", language)
        return [months[number] for number in range(1, 13)], [days[number] for number in range(7)]

    def _local(self, plain: str) -> str:
        """A number of the plain form with the language's separators and groups."""
        if not self.locale or not any(char.isdigit() for char in plain):
            return plain
        return plain.translate(_separators(self.locale)) if _by_thousands(self.locale) else self._grouped(plain)

    def _grouped(self, plain: str) -> str:
        """For languages that do not group by thousands, such as those of India."""
        from decimal import Decimal

        digits = len(plain.partition(".")[2])
        pattern = _known(self.locale).decimal_formats[None].pattern.partition(".")[0] + (
            "." + "0" * digits if digits else ""
        )
        return format_decimal(Decimal(plain.replace(",", "")), pattern, _known(self.locale))


@lru_cache(maxsize=64)
def _separators(name: str) -> dict[int, str]:
    symbols = _known(name).number_symbols["latn"]
    return str.maketrans({",": symbols["group"], ".": symbols["decimal"]})


def _named(form: str, found: datetime, name: str) -> str:
    """The form with its names filled in: in some languages a month beside a day is another word than one that stands alone."""
    language = _known(name)
    beside: Literal["format", "stand-alone"] = "format" if "%d" in form or "%e" in form else "stand-alone"
    names = {
        "B": get_month_names("wide", beside, language)[found.month],
        "b": get_month_names("abbreviated", beside, language)[found.month],
        "A": get_day_names("wide", beside, language)[found.weekday()],
        "a": get_day_names("abbreviated", beside, language)[found.weekday()],
    }
    return _DIRECTIVE.sub(lambda one: names.get(one[1], one[0]).replace("%", "%%") if one[1] in names else one[0], form)


@lru_cache(maxsize=64)
def _by_thousands(name: str) -> bool:
    return tuple(_known(name).decimal_formats[None].grouping) == (3, 3)


@lru_cache(maxsize=64)
def _money_form(name: str, code: str) -> tuple[int, str, str]:
    """How many digits an amount has, and what the language puts before and behind it."""
    language = _known(name)
    pattern = language.currency_formats["standard"]
    symbol = get_currency_symbol(code, language)
    before, after = (text.replace("¤", symbol) for text in (pattern.prefix[0], pattern.suffix[0]))
    return get_currency_precision(code), before, after
