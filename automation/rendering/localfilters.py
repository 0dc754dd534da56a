"""The filters of templates: a document's own zone, currency and language, unless an argument says another.

Owns: what each filter takes from the document around it.
Never: writes a value itself; `filters` and `locales` do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jinja2 import pass_context
from jinja2.runtime import Context

from automation.rendering.escapes import as_markdown
from automation.rendering.filters import NOTHING, byte_size, duration, moment
from automation.rendering.locales import Forms


def _asked(context: Context, name: str, given: str | None, default: str) -> str:
    """The argument, else the document's own value of that name, else the default."""
    if given is not None:
        return given
    found = context.get(name)
    return found if isinstance(found, str) and found else default


def _forms(context: Context, zone: str | None = None, currency: str | None = None) -> Forms:
    return Forms(
        locale=_asked(context, "locale", None, ""),
        currency=_asked(context, "currency", currency, ""),
        timezone=_asked(context, "timezone", zone, "UTC"),
        date_format=_asked(context, "date_format", None, ""),
        datetime_format=_asked(context, "datetime_format", None, ""),
    )


@pass_context
def _number(context: Context, value: Any, digits: int | None = None) -> str:
    return _forms(context).number(value, digits)


@pass_context
def _money(context: Context, value: Any, currency: str | None = None) -> str:
    return _forms(context, currency=currency).money(value)


@pass_context
def _percent(context: Context, value: Any, digits: int = 1) -> str:
    return _forms(context).percent(value, digits)


@pass_context
def _date(context: Context, value: Any, zone: str | None = None, format: str = "") -> str:
    forms = _forms(context, zone)
    if value is None:
        return NOTHING
    return forms.formatted(value, format) if format else forms.day(value)


@pass_context
def _datetime(context: Context, value: Any, zone: str | None = None, format: str = "") -> str:
    forms = _forms(context, zone)
    if value is None:
        return NOTHING
    if format:
        return forms.formatted(value, format)
    return forms.moment(value) if forms.locale else moment(value, forms.timezone)


FILTERS: dict[str, Callable[..., str]] = {
    "number": _number,
    "money": _money,
    "percent": _percent,
    "date": _date,
    "datetime": _datetime,
    "duration": duration,
    "bytes": byte_size,
    "markdown": as_markdown,
}
