"""How old a row is, for each way in which databases keep a moment.

Owns: which values of a column are moments, and comparing them with a cutoff exactly or to the safe side.
Never: guesses. A value that is not plainly a moment is not older than anything, and is counted.

A date stands for its whole day: it is older than a cutoff when the day has ended before it.
Values without an offset are wall time in the rule's zone; where a clock is set back, the earlier reading counts.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeEngine

from automation.cleanup.connection import raw
from automation.errors import FailureClass, JobFailed
from automation.text import instant

Element = sa.ColumnElement[Any]
#: The least number that is taken for a moment: zero means "never", and seconds read as milliseconds are all in 1970.
_LEAST = {"s": (1, 1), "ms": (1_000, 10**11), "us": (1_000_000, 10**14)}
_FIRST_DATE = date(1000, 1, 1)
_DAY = "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
_ISO_TEXT = rf"^{_DAY}([ T]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{{1,9}})?)?(Z|\+00(:?00)?)?)?$"
_UTC_MARK = r"(Z|\+00(:?00)?)$"
_SQLITE_DAY = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]"


@dataclass(frozen=True)
class Age:
    """A column read as moments.

    Parameters
    ----------
    kind: what it was taken for, in words; `column`: the column itself.
    shape: what `before` needs of a value; cheaper than `readable`.
    readable: true for values that are moments; false or NULL for all others.
    value: something that sorts as the moments do, for the oldest and the newest.
    before: from a cutoff in UTC to the condition "lies before it"; only asked of values of the shape,
        and never true for one of them that is no moment.
    shown: from what `value` gave to text for people.
    odd: where the column sorts as the moments do, so that an index of it finds them: ranges of it that together hold all
        values, NULL aside, that are no moments. None where it does not.
    """

    kind: str
    column: Element
    shape: Element
    readable: Element
    value: Element
    before: Callable[[datetime], Element]
    shown: Callable[[Any], str | None]
    odd: tuple[Element, ...] | None = None

    def older_than(self, cutoff: datetime) -> Element:
        """Whether a row's moment lies before the cutoff; never true for NULL or what is no moment."""
        return sa.and_(self.shape, self.before(cutoff))


def read_age(column: Element, kind: TypeEngine[Any], dialect: str, unit: str | None, zone: ZoneInfo) -> Age:
    """How to read this column. Raises JobFailed (config) when its type cannot hold a moment."""
    if unit is not None:
        if dialect != "sqlite" and not _is(kind, sa.Integer, sa.Numeric):
            raise _refused(column, kind, f"'unit = \"{unit}\"' is for columns of numbers; remove it")
        return _numbers(column, unit, dialect)
    if dialect == "sqlite":
        return _sqlite_text(column, zone)
    if _is(kind, sa.Date):
        return _dates(column, dialect, zone)
    if _is(kind, sa.DateTime):
        absolute = isinstance(kind, mysql.TIMESTAMP) or bool(getattr(kind, "timezone", False))
        return _datetimes(column, dialect, zone, absolute)
    if _is(kind, sa.String) and not _is(kind, sa.Enum):
        return _iso_text(column, dialect, zone)
    if _is(kind, sa.Integer, sa.Numeric):
        raise _refused(column, kind, 'if its numbers count from 1970, say so with unit = "s", "ms" or "us"')
    raise _refused(column, kind, "name a column that holds dates")


def wall(moment: datetime, zone: ZoneInfo) -> datetime:
    """What a clock in the zone shows at an instant; in an hour that comes twice, a time that is surely not later."""
    shown = moment.astimezone(zone)
    first, second = shown.replace(fold=0).utcoffset(), shown.replace(fold=1).utcoffset()
    repeated = (first or timedelta()) - (second or timedelta())
    if shown.fold == 0 and repeated > timedelta():
        shown -= repeated
    return shown.replace(tzinfo=None, fold=0)


def _is(kind: TypeEngine[Any], *wanted: type[TypeEngine[Any]]) -> bool:
    return isinstance(kind, wanted)


def _refused(column: Element, kind: TypeEngine[Any], way_out: str) -> JobFailed:
    name = getattr(column, "name", "?")
    return JobFailed(f"column '{name}' is {kind!s} and not a date; {way_out}", FailureClass.CONFIG, code="column_type")


def _numbers(column: Element, unit: str, dialect: str) -> Age:
    factor, least = _LEAST[unit]
    readable = column >= raw(least)
    if dialect == "sqlite":
        readable = sa.and_(sa.func.typeof(column).in_(["integer", "real"]), readable)
    return Age(
        f"numbers ({unit} since 1970)",
        column,
        readable,
        readable,
        column,
        lambda cutoff: column < raw(_since_1970(cutoff, factor)),
        lambda value: _from_1970(value, factor),
        # All numbers of SQLite come before all texts.
        odd=(column < raw(least), *([column >= raw("")] if dialect == "sqlite" else ())),
    )


def _since_1970(moment: datetime, factor: int) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * factor // 1_000_000


def _from_1970(value: Any, factor: int) -> str | None:
    if value is None:
        return None
    try:
        return instant(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=float(value) / factor))
    except OverflowError:
        return str(value)


def _finite(column: Element, dialect: str) -> Element:
    """PostgreSQL knows '-infinity', MariaDB '0000-00-00'; neither is a moment."""
    return sa.func.isfinite(column) if dialect == "postgresql" else column >= raw(_FIRST_DATE)


def _infinite(column: Element, dialect: str) -> tuple[Element, ...]:
    """The others."""
    if dialect == "postgresql":
        return (column == raw("-infinity"), column == raw("infinity"))
    return (column < raw(_FIRST_DATE),)


def _as_text(column: Element, dialect: str) -> Element:
    return sa.cast(column, sa.Text if dialect == "postgresql" else sa.CHAR)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _day_or_text(value: Any) -> str | None:
    """A date that stood for its whole day, as it is written."""
    return None if value is None else re.sub(r" 23:59:59\.999(999)?$", "", str(value))


def _dates(column: Element, dialect: str, zone: ZoneInfo) -> Age:
    finite = _finite(column, dialect)
    return Age(
        "dates",
        column,
        finite,
        finite,
        _as_text(column, dialect),
        lambda cutoff: column < raw(wall(cutoff, zone).date()),
        _text,
        odd=_infinite(column, dialect),
    )


def _datetimes(column: Element, dialect: str, zone: ZoneInfo, absolute: bool) -> Age:
    def before(cutoff: datetime) -> Element:
        if not absolute:
            return column < raw(wall(cutoff, zone))
        # MariaDB's session speaks UTC (see connection); its driver takes no offset.
        return column < raw(cutoff if dialect == "postgresql" else cutoff.replace(tzinfo=None))

    kind = "instants" if absolute else f"datetimes in {zone.key}"
    finite = _finite(column, dialect)
    return Age(kind, column, finite, finite, _as_text(column, dialect), before, _text, odd=_infinite(column, dialect))


def _iso_text(column: Element, dialect: str, zone: ZoneInfo) -> Age:
    """ISO text made equally long, so that letters sort as moments do; offsets other than UTC are not read."""
    text = sa.func.rtrim(column, type_=sa.Text)
    bare = sa.func.replace(text.regexp_replace(_UTC_MARK, ""), "T", " ", type_=sa.Text)
    length = sa.func.length(bare)
    whole_day = sa.literal("0000-00-00 23:59:59.999999", sa.Text)
    midnight = sa.literal("0000-00-00 00:00:00.000000", sa.Text)
    filling = sa.func.substr(sa.case((length == 10, whole_day), else_=midnight), length + 1, type_=sa.Text)
    value: Element = sa.func.substr(sa.func.concat(bare, filling), 1, 26, type_=sa.Text)
    if dialect == "postgresql":
        value = sa.collate(value, "C")
    marked = text.regexp_match(_UTC_MARK)

    def before(cutoff: datetime) -> Element:
        return value < sa.case((marked, _iso(cutoff, None)), else_=_iso(cutoff, zone))

    shape = text.regexp_match(_ISO_TEXT)
    return Age(f"ISO text in {zone.key}", column, shape, shape, value, before, _day_or_text)


def _sqlite_text(column: Element, zone: ZoneInfo) -> Age:
    """SQLite's own reading of ISO text, offsets included; its other formats ('now', Julian days) are kept out."""
    text = sa.func.trim(column, type_=sa.Text)
    shape = sa.and_(sa.func.typeof(column) == "text", text.op("GLOB")(_SQLITE_DAY + "*"))
    ended = sa.case((sa.func.length(text) == 10, text.concat(" 23:59:59.999")), else_=text)
    value: Element = sa.func.strftime("%Y-%m-%d %H:%M:%f", ended, type_=sa.Text)
    marked = sa.or_(
        sa.func.upper(text).op("GLOB")("*Z"),
        text.op("GLOB")("*[+-][0-9][0-9]:[0-9][0-9]"),
    )

    def before(cutoff: datetime) -> Element:
        return value < sa.case((marked, _iso(cutoff, None, "milliseconds")), else_=_iso(cutoff, zone, "milliseconds"))

    readable = sa.and_(shape, value.is_not(None))
    return Age(f"ISO text in {zone.key}", column, shape, readable, sa.case((shape, value)), before, _day_or_text)


def _iso(cutoff: datetime, zone: ZoneInfo | None, precision: str = "microseconds") -> Element:
    local = wall(cutoff, zone) if zone else cutoff.replace(tzinfo=None)
    return sa.literal(local.isoformat(sep=" ", timespec=precision), sa.Text)
