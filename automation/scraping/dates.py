"""Text → date, as people of many languages write it.

Owns: the order in which forms are tried, and when a date is refused for being open to two readings.
Never: knows where the text came from; asks a clock.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from automation.scraping.values import plain_text
from automation.text import instant, printable

_DATE_FORMS = (
    "%d %B %Y", "%d %b %Y", "%B %d, %Y", "%b %d, %Y", "%B %d %Y", "%b %d %Y", "%A, %d %B %Y", "%a, %d %b %Y",
    "%Y/%m/%d", "%Y.%m.%d", "%d %B %Y %H:%M", "%d %b %Y %H:%M", "%b %d, %Y %H:%M", "%B %d, %Y %H:%M", "%Y/%m/%d %H:%M",
)  # fmt: skip
_FIGURES = re.compile(r"(\d{1,2})[./-](\d{1,2})[./-](\d{2}|\d{4})\b")
_LARGEST_SECONDS = 1e11
#: Two days to read a text on: what differs between them is said relative to the day.
_BASES = (datetime(2001, 2, 3, 12), datetime(2001, 2, 9, 12))  # noqa: DTZ001 - only compared with each other


@dataclass(frozen=True)
class DateForm:
    """How a field's dates are written.

    Parameters
    ----------
    format: as in strptime, or `epoch`.
    languages: as dateparser names them, with or without a region.
    zone: of a time that names none.
    """

    format: str | None = None
    languages: tuple[str, ...] = ()
    order: str | None = None
    zone: str | None = None


PLAIN = DateForm()


def read_date(text: str, form: DateForm = PLAIN, now: datetime | None = None) -> str:
    """A date as ISO 8601: `2026-11-21`, or an instant in UTC where the text has a time and a zone.

    Without a form: ISO, RFC 2822, and English dates with the month in letters; `03/04/2026` needs a format, an order, or
    a language with its region. With languages: dates in words of these, and "3 days ago", counted from `now`.
    Raises ValueError for anything else.
    """
    plain = plain_text(text).strip()
    moment, has_time = _by_form(plain, form) if form.format else _known_date(plain)
    if moment is None and (form.languages or form.order):
        moment, has_time = _by_language(plain, form, now)
    if moment is None:
        raise ValueError(f"'{printable(text, 60)}' is not a date that can be read for certain; set format or languages")
    if moment.tzinfo is None and has_time and form.zone:
        moment = moment.replace(tzinfo=ZoneInfo(form.zone))
    if moment.tzinfo is not None:
        return instant(moment.astimezone(UTC))
    return moment.isoformat() if has_time else moment.date().isoformat()


def _by_form(text: str, form: DateForm) -> tuple[datetime | None, bool]:
    how = str(form.format)
    if how == "epoch":
        seconds = float(text)
        seconds = seconds / 1000 if abs(seconds) >= _LARGEST_SECONDS else seconds
        try:
            return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds), True
        except OverflowError:
            raise ValueError(f"'{printable(text, 60)}' is no moment of a calendar") from None
    moment = datetime.strptime(text, how)  # noqa: DTZ007 - a page's date may have no zone
    return moment, any(part in how for part in ("%H", "%I", "%X", "%c", "%T"))


def _known_date(text: str) -> tuple[datetime | None, bool]:
    try:
        return datetime.combine(date.fromisoformat(text), datetime.min.time()), False
    except ValueError:
        pass
    try:
        return datetime.fromisoformat(text), ":" in text or "T" in text
    except ValueError:
        pass
    ordinal_free = re.sub(r"(?<=\d)(st|nd|rd|th)\b", "", text)
    for form in _DATE_FORMS:
        try:
            return datetime.strptime(ordinal_free, form), ":" in text  # noqa: DTZ007 - a page's date may have no zone
        except ValueError:
            continue
    try:
        return (parsedate_to_datetime(text), True) if "," in text and ":" in text else (None, False)
    except (ValueError, TypeError, IndexError):
        return None, False


def _by_language(text: str, form: DateForm, now: datetime | None) -> tuple[datetime | None, bool]:
    figures = _FIGURES.search(text)
    if figures and form.order is None and "en" in form.languages:
        first, second = int(figures[1]), int(figures[2])
        if first <= 12 and second <= 12 and first != second:
            raise ValueError(
                f'\'{printable(text, 60)}\' is two dates, by day or by month first; set order = "DMY" or "MDY"'
            )
    early, late = (_said(text, form, base) for base in _BASES)
    if early.date_obj is None or early.date_obj == late.date_obj:
        return early.date_obj, "time" in (early.parts or ())
    if now is None:
        return None, False
    # It means another date when it is read on another day: it is read on the day on which the page was fetched.
    zone = ZoneInfo(form.zone) if form.zone else UTC
    said = _said(text, form, now.astimezone(zone).replace(tzinfo=None, second=0, microsecond=0))
    has_time = "time" in (said.parts or ())
    return said.date_obj.replace(tzinfo=zone) if has_time and said.date_obj else said.date_obj, has_time


def _said(text: str, form: DateForm, base: datetime) -> Any:
    return _parser(form.languages, form.order, base).get_date_data(text)


@lru_cache(maxsize=32)
def _parser(languages: tuple[str, ...], order: str | None, base: datetime) -> Any:
    from dateparser.date import DateDataParser

    settings: dict[str, Any] = {"STRICT_PARSING": True, "RELATIVE_BASE": base}
    if order:
        settings["DATE_ORDER"] = order
    regional = [one for one in languages if "-" in one]
    plain = [one for one in languages if "-" not in one]
    if regional and not plain:
        return DateDataParser(locales=regional, settings=settings)
    return DateDataParser(languages=plain or None, locales=regional or None, settings=settings)
