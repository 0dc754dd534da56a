"""`country`: the public holidays of a country or of a part of it.

Owns: which countries and subdivisions there are, and the message for any other.
Never: computes a holiday; the holidays library does, and it is imported when a calendar asks for it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache

from automation.text import nearest
from automation.triggers.base import CalendarInvalid, Wrong
from automation.triggers.spans import Span
from automation.triggers.windows import entries, shown, whole

_MOST_NAMED = 25


@dataclass(frozen=True)
class Holidays:
    """The holidays of a place, year by year.

    Parameters
    ----------
    country: ISO 3166-1 code of two letters.
    subdivision: the code of a part of it; "" is what holds everywhere.
    categories: such as `public`, `bank`; at least one.
    """

    country: str
    subdivision: str = ""
    categories: tuple[str, ...] = ("public",)

    def spans(self, start: datetime, end: datetime) -> Iterator[Span]:
        for year in range(start.year, end.year + 1):
            for day in days_of(self, year):
                yield whole(day)

    def describe(self) -> str:
        place = f"{self.country}-{self.subdivision}" if self.subdivision else self.country
        return f"{' and '.join(self.categories)} holidays of {place}"


def read_holidays(country: object, subdivision: object, categories: object) -> Holidays:
    """The holidays of `country = "ES"`, `subdivision = "MD"`, `categories = ["public"]`; None is not given.

    Raises CalendarInvalid, with the nearest code or all of them, and with all that is wrong.
    """
    import holidays

    code = _country(country, holidays.list_supported_countries(include_aliases=True))
    place = holidays.country_holidays(code)
    parts = {**{part: part for part in place.subdivisions}, **place.subdivisions_aliases}
    part, kinds, wrong = "", [], Wrong()
    if subdivision is not None:
        with wrong.kept():
            part = parts[_one_of("subdivision", subdivision, parts, f"a part of {code}")]
    with wrong.kept():
        for index, one in entries("categories", ["public"] if categories is None else categories):
            with wrong.kept():
                kinds.append(_one_of("categories", one, place.supported_categories, f"a category of {code}", index))
    wrong.tell()
    return Holidays(code, part, tuple(dict.fromkeys(kinds)))


@lru_cache(maxsize=1024)
def days_of(place: Holidays, year: int) -> tuple[date, ...]:
    """The days of one year, observed ones included; none for a year of which the library knows nothing."""
    import holidays

    found = holidays.country_holidays(
        place.country, subdiv=place.subdivision or None, years=year, expand=False, categories=place.categories
    )
    return tuple(sorted(found))


def _country(value: object, known: Collection[str]) -> str:
    if isinstance(value, str) and value in known:
        return value
    if isinstance(value, str) and value.upper() in known:
        raise CalendarInvalid(f"found {shown(value)}; write it in capitals: '{value.upper()}'", "country")
    raise CalendarInvalid(
        f"found {shown(value)}, whose holidays are not known; write an ISO 3166 code, such as 'ES' for Spain", "country"
    )


def _one_of(key: str, value: object, known: Collection[str], what: str, index: int | None = None) -> str:
    if isinstance(value, str) and value in known:
        return value
    names = sorted(known)
    meant = nearest(value, names) if isinstance(value, str) else None
    listed = f"there are: {', '.join(names[:_MOST_NAMED])}{' …' if len(names) > _MOST_NAMED else ''}"
    hint = f"did you mean '{meant}'?" if meant else listed if names else "there is none; remove the key"
    raise CalendarInvalid(f"found {shown(value)}, which is not {what}; {hint}", key, index)
