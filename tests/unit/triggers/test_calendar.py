"""`[calendars.NAME]`: what its entries cover, and what is refused."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from automation.triggers.calendar import Calendar, CalendarInvalid, parse_calendar

MADRID = "Europe/Madrid"


def calendar(**spec: Any) -> Calendar:
    return parse_calendar("x", spec, Path())


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def covered(found: Calendar, start: str, until: str) -> list[str]:
    """The changes of a span, as the calendar's own clocks show them."""
    moment, changes = at(start), []
    while (following := found.next_change(moment, at(until))) is not None:
        changes.append(following)
        moment = following
    return [change.isoformat().replace("+00:00", "Z") for change in changes]


@pytest.mark.parametrize(
    ("spec", "inside", "outside"),
    [
        ({"dates": [date(2026, 12, 24), "2026-12-31"]}, ["2026-12-24T00:00", "2026-12-31T23:59"], ["2026-12-25T00:00"]),
        ({"yearly": ["12-25"]}, ["1999-12-25T12:00", "2100-12-25T00:00"], ["2026-12-24T23:59:59"]),
        ({"yearly": ["02-29"]}, ["2028-02-29T12:00", "2096-02-29T00:00"], ["2027-03-01T00:00", "2100-02-28T23:59", "2100-03-01T00:00"]),
        ({"weekly": ["mon-fri 08:00-18:00"]}, ["2026-11-20T08:00", "2026-11-20T17:59:59"], ["2026-11-20T18:00", "2026-11-21T12:00"]),
        ({"weekly": ["sat"]}, ["2026-11-21T00:00", "2026-11-21T23:59"], ["2026-11-22T00:00"]),
        ({"weekly": ["fri 22:00-02:00"]}, ["2026-11-20T22:00", "2026-11-21T01:59"], ["2026-11-20T01:00", "2026-11-21T02:00", "2026-11-21T22:00"]),
        ({"weekly": ["fri-mon"]}, ["2026-11-20T00:00", "2026-11-23T23:59"], ["2026-11-24T00:00", "2026-11-19T23:59"]),
        ({"weekly": ["Mon,Wed 9:00-10:00".replace("9:", "09:")]}, ["2026-11-23T09:30", "2026-11-25T09:30"], ["2026-11-24T09:30"]),
        ({"weekly": ["12:00-24:00"]}, ["2026-11-21T23:59:59"], ["2026-11-21T11:59"]),
        ({"ranges": ["2026-08-01/2026-08-15"]}, ["2026-08-01T00:00", "2026-08-15T23:59"], ["2026-08-16T00:00", "2026-07-31T23:59"]),
        ({"ranges": [{"from": date(2026, 8, 1), "to": date(2026, 8, 1)}]}, ["2026-08-01T12:00"], ["2026-08-02T00:00"]),
        ({"ranges": ["2026-08-01T10:00/2026-08-01T11:00"]}, ["2026-08-01T10:00"], ["2026-08-01T11:00"]),
        ({"ranges": ["2026-08-01T10:00+02:00/2026-08-01T11:00+02:00"], "timezone": "Asia/Tokyo"}, ["2026-08-01T08:00"], ["2026-08-01T09:00"]),
        ({"ranges": [{"from": datetime(2026, 8, 1, 10), "to": datetime(2028, 1, 1)}], "timezone": MADRID}, ["2026-08-01T08:00", "2027-06-01T00:00"], ["2027-12-31T23:00"]),
        ({"country": "ES"}, ["2026-12-25T12:00", "2027-01-06T12:00"], ["2026-12-24T12:00", "2026-05-02T12:00"]),
        ({"country": "ES", "subdivision": "MD", "timezone": MADRID}, ["2026-05-01T22:00", "2025-05-02T12:00"], ["2026-05-02T22:00"]),
        ({"country": "US", "categories": ["unofficial"]}, ["2026-02-14T12:00"], ["2026-12-25T12:00"]),
    ],
)  # fmt: skip
def test_entries_cover_what_a_reader_expects(spec: dict[str, Any], inside: list[str], outside: list[str]) -> None:
    """Days are whole, windows and ranges of times are half-open, and a window belongs to the day it starts on."""
    found = calendar(**spec)

    assert [found.covers(at(moment)) for moment in inside] == [True] * len(inside)
    assert [found.covers(at(moment)) for moment in outside] == [False] * len(outside)


def test_entries_that_touch_are_one() -> None:
    """Saturday and Sunday, and a night that runs into a day: one beginning, one end."""
    found = calendar(weekly=["sat", "sun", "fri 22:00-24:00"], dates=["2026-11-23"])

    assert covered(found, "2026-11-19T00:00", "2026-11-26T00:00") == ["2026-11-20T22:00:00Z", "2026-11-24T00:00:00Z"]


@pytest.mark.parametrize(
    ("zone", "window", "start", "hours", "expected"),
    [
        # The hour that comes twice is covered both times, the one that is missing never.
        ("Europe/Berlin", "02:15-02:45", "2026-10-24T12:00", 24, ["00:15", "00:45", "01:15", "01:45"]),
        ("Europe/Berlin", "02:15-02:45", "2026-03-28T12:00", 24, []),
        ("Europe/Berlin", "01:30-02:30", "2026-03-28T12:00", 24, ["00:30", "01:00"]),
        # A day without its midnight begins with its first instant; one that has an hour twice is longer.
        ("America/Santiago", "sun", "2026-09-05T12:00", 42, ["04:00", "03:00"]),
        ("Africa/Cairo", "thu", "2026-10-28T12:00", 42, ["21:00", "22:00"]),
        ("Pacific/Apia", "fri", "2011-12-29T11:00", 42, []),
    ],
)
def test_change_of_the_clocks_is_that_of_the_clocks(
    zone: str, window: str, start: str, hours: int, expected: list[str]
) -> None:
    """A window is whatever the clocks show a time of."""
    found = covered(
        calendar(weekly=[window], timezone=zone), start, f"{at(start) + timedelta(hours=hours):%Y-%m-%dT%H:%M}"
    )

    assert [change[11:16] for change in found] == expected


def test_what_is_always_covered_has_no_next_change() -> None:
    """Nor has what never is; and a change is found up to the moment that is named, itself included."""
    always, never, day = calendar(weekly=["mon-sun"]), calendar(dates=["1999-01-01"]), calendar(dates=["2026-11-22"])
    now, later = at("2026-11-21T12:00"), at("2026-11-22T00:00")

    assert (always.covers(now), never.covers(now)) == (True, False)
    assert always.next_change(now, later) is never.next_change(now, later) is None
    assert day.next_change(now, later) == later
    assert day.next_change(now, later - timedelta(seconds=1)) is None


@pytest.mark.parametrize("moment", [datetime.min, datetime.max, datetime(1899, 12, 31), datetime(9001, 1, 1)])
def test_the_ends_of_time_answer_and_do_not_raise(moment: datetime) -> None:
    """Before 1900 and after 9000 nothing is covered."""
    found = calendar(weekly=["mon-sun"], timezone="Asia/Tokyo")
    moment = moment.replace(tzinfo=UTC)

    assert not found.covers(moment)
    assert found.next_change(moment, moment) is None


def test_words_name_each_kind_of_entry() -> None:
    """A person reads what is in it, and by whose clocks."""
    found = calendar(
        dates=["2026-12-24"], yearly=["12-31"], weekly=["Sat", "mon-fri 18:00-08:00"], country="ES", timezone=MADRID,
        subdivision="Madrid",
    )  # fmt: skip

    assert found.describe() == (
        "1 date; each year 12-31; sat, mon-fri 18:00-08:00; public holidays of ES-MD; Europe/Madrid"
    )


@pytest.mark.parametrize(
    ("spec", "key", "said"),
    [
        ({}, "", "is empty; write one of dates, yearly"),
        ({"timezone": "UTC"}, "", "is empty; write one of"),
        ({"datse": ["2026-01-01"]}, "datse", "did you mean 'dates'"),
        ({"dates": ["2026-01-01"], "timezone": "Europe/Madird"}, "timezone", "did you mean 'Europe/Madrid'"),
        ({"dates": ["2026-01-01"], "timezone": 1}, "timezone", "found 1; write an IANA name"),
        ({"dates": "2026-01-01"}, "dates", "found '2026-01-01'; write a list"),
        ({"dates": []}, "dates", "is empty; write an entry"),
        ({"dates": ["2026-02-30"]}, "dates", "found '2026-02-30'; write a date such as"),
        ({"dates": ["2026-12-24T09:00:00"]}, "dates", "write a date such as"),
        ({"dates": [datetime(2026, 12, 24)]}, "dates", "write a date such as"),
        ({"dates": [20261224]}, "dates", "found 20261224; write a date"),
        ({"dates": [date(1, 1, 1)]}, "dates", "write a year from 1901 to 8999"),
        ({"dates": [date(2026, 1, 1)] * 5001}, "dates", "has 5001 entries; write at most 5000"),
        ({"yearly": ["25-12"]}, "yearly", "found '25-12', which no year has"),
        ({"yearly": ["02-30"]}, "yearly", "which no year has"),
        ({"yearly": [date(2026, 12, 25)]}, "yearly", "found 2026-12-25; write month and day"),
        ({"weekly": ["funday"]}, "weekly", "'funday' is no weekday; write mon, tue"),
        ({"weekly": ["mon-"]}, "weekly", "'mon-' is no weekday"),
        ({"weekly": ["mon 25:00-26:00"]}, "weekly", "'25:00-26:00' is no span of the day"),
        ({"weekly": ["mon 8-10"]}, "weekly", "'8-10' is no span of the day"),
        ({"weekly": ["mon 08:60-10:00"]}, "weekly", "is no span of the day"),
        ({"weekly": ["mon 08:00-24:01"]}, "weekly", "is no span of the day"),
        ({"weekly": ["mon 08:00-08:00"]}, "weekly", "begins and ends at once"),
        ({"weekly": [5]}, "weekly", "found 5; write \"mon-fri 08:00-18:00\""),
        ({"weekly": [" "]}, "weekly", "write \"mon-fri"),
        ({"ranges": ["2026-08-15/2026-08-01"]}, "ranges", "ends before it begins"),
        ({"ranges": ["2026-08-15"]}, "ranges", "write \"2026-08-01/2026-08-15\""),
        ({"ranges": ["2026-08-01/2026-08-02T10:00"]}, "ranges", "write two dates, two times"),
        ({"ranges": ["2026-08-01T10:00Z/2026-08-02T10:00"]}, "ranges", "two times with their offset"),
        ({"ranges": [{"from": date(2026, 1, 1)}]}, "ranges", "or {from = 2026-08-01, to"),
        ({"ranges": [{"from": "soon", "to": "later"}]}, "ranges", "write two dates"),
        ({"ranges": ["0001-01-01/9999-01-01"]}, "ranges", "write a year from 1901"),
        ({"country": "XX"}, "country", "found 'XX', whose holidays are not known"),
        ({"country": "es"}, "country", "write it in capitals: 'ES'"),
        ({"country": 34}, "country", "found 34"),
        ({"country": "ES", "subdivision": "Madrit"}, "subdivision", "did you mean 'Madrid'"),
        ({"country": "ES", "categories": ["bank"]}, "categories", "there are: public"),
        ({"country": "ES", "categories": []}, "categories", "is empty"),
        ({"dates": ["2026-01-01"], "subdivision": "MD"}, "subdivision", "subdivision belongs to country"),
    ],
)  # fmt: skip
def test_what_is_no_calendar_is_refused_with_the_way_out(spec: dict[str, Any], key: str, said: str) -> None:
    """One sentence for the key that is wrong, with the value and what is allowed."""
    with pytest.raises(CalendarInvalid) as refused:
        calendar(**spec)

    assert said in str(refused.value)
    assert refused.value.key == key
    assert str(refused.value).isprintable()


def test_wrong_entry_of_a_list_is_numbered() -> None:
    """Who has the file can point at the entry."""
    with pytest.raises(CalendarInvalid) as refused:
        calendar(dates=["2026-01-01", "2026-02-30"])

    assert refused.value.index == 1


def test_thousands_of_questions_are_cheap() -> None:
    """A year is computed once, so that asking of each minute of a week looks nothing up again."""
    found = calendar(weekly=["mon-fri 08:00-18:00"], country="ES", timezone=MADRID)
    moments = [at("2026-11-16T00:00") + timedelta(minutes=number) for number in range(7 * 24 * 60)]

    assert sum(found.covers(moment) for moment in moments) == 5 * 10 * 60
    assert len(found._years) == 1
